"""Silences of alert rules: the API and the page."""
