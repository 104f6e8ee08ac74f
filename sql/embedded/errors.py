"""What the embedded PostgreSQL raises."""


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be found, created, started or reached."""
