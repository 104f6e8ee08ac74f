"""Submitting samples as JSON."""
