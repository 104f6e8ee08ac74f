"""What the service says of itself: Prometheus metrics and traces."""
