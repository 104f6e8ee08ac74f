"""Retention of each relation: declared here, applied as the database's own policies."""
