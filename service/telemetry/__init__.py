"""What the service says of itself: ``GET /metrics`` for Prometheus."""
