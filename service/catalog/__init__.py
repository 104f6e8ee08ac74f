"""The catalogue of metrics: the API and the pages."""
