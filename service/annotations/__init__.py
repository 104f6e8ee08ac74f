"""Annotations of charts: the API and their page."""
