"""Tenants: the API and the pages."""
