"""What the service answers of itself: health, readiness, Prometheus metrics."""
