"""Submitting samples as Prometheus does: remote write 1.0."""
