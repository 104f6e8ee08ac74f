"""A PostgreSQL server of the project's own, started under the data folder and stopped again."""

from sql.embedded.errors import EmbeddedPostgresError
from sql.embedded.installation import Engine, Installation, find_installation
from sql.embedded.programs import client_program
from sql.embedded.server import EmbeddedServer, embedded_postgres

__all__ = [
    "EmbeddedPostgresError",
    "EmbeddedServer",
    "Engine",
    "Installation",
    "client_program",
    "embedded_postgres",
    "find_installation",
]
