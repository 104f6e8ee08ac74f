"""Imports of history: what is older than samples are accepted otherwise is kept beside them."""
