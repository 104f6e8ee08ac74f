"""Signing in: the API, the pages, the first user, the own account."""
