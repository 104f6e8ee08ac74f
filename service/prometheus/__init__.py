"""Faces that speak with Prometheus: what they share."""
