"""What the embedded PostgreSQL raises."""

from sql.errors import DatabaseError


class EmbeddedPostgresError(DatabaseError):
    """The embedded PostgreSQL cannot be found, created, started or reached."""
