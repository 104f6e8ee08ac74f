"""Targets of metrics: the API and their pages."""
