"""Dashboards: what people look at together, kept by tenant."""
