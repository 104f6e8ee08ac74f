"""Forecasts of metrics: the API."""
