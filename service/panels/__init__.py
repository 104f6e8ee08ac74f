"""Panels: their query, the figures, and their chart and table."""
