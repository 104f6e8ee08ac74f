"""Errors of the embedded PostgreSQL."""

from sql.errors import DatabaseError


class EmbeddedPostgresError(DatabaseError):
    """The embedded PostgreSQL cannot be found, created, started or reached."""
