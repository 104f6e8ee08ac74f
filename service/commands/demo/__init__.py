"""Ninety days of demo data, made up consistently."""
