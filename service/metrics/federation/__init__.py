"""Answering over members: installations that a hub asks beside its own data."""
