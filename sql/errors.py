"""The one place where psycopg's errors become the service's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests


class DatabaseError(Exception):
    """The database refused or failed a statement."""


class DatabaseUnavailable(DatabaseError):
    """The database is away, starting, shutting down or has no connection to spare."""


class DatabaseTimeout(DatabaseUnavailable):
    """A statement or a lock took longer than it may."""


class DataRejected(DatabaseError):
    """A value cannot be stored; the same statement would fail again."""


_UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
)
_TIMEOUTS = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise this module's errors instead of psycopg's, chained to them."""
    try:
        yield
    except _TIMEOUTS as error:
        raise DatabaseTimeout(_first_line(error)) from error
    except (psycopg.errors.ReadOnlySqlTransaction, *_UNAVAILABLE) as error:
        raise DatabaseUnavailable(_first_line(error)) from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise DataRejected(_first_line(error)) from error
    except psycopg.Error as error:
        raise DatabaseError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
