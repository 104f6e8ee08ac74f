"""Mappings of foreign names to metrics: reading, replacing and trying them."""
