"""Submitting points as InfluxDB's clients do."""
