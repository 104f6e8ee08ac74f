"""Status of the service itself: health, readiness, Prometheus metrics."""
