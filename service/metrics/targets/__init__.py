"""Targets: what metrics are to reach, and how far they came."""
