"""Breakdowns of a metric: its groups, ranked, over HTTP."""
