"""Telemetry of the service: Prometheus metrics and traces."""
