"""Business metrics to be scraped: OpenMetrics of the newest values."""
