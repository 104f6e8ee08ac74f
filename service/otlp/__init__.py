"""Submitting metrics as OpenTelemetry's exporters do: OTLP over HTTP."""
