"""The one family of errors: what was asked for and cannot be done, and what the database did.

Every error of the domain carries a `Message`, so that the API answers it in English and a page in
the reader's language. psycopg's errors become the service's own here and nowhere else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from sql.messages import Message, Term


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in one field, and the index of the item in a batch."""

    message: Message
    field: str | None = None
    index: int | None = None


class DomainError(Exception):
    """A request that was not carried out, and the reason."""

    def __init__(self, message: Message, problems: Sequence[Problem] = ()) -> None:
        super().__init__(str(message))
        self.message = message
        self.problems = problems


class Invalid(DomainError):
    """The input is wrong; `problems` name each field."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(_summary(problems), problems)


class NotFound(DomainError):
    """There is none, or none that the caller may see."""


class Forbidden(DomainError):
    """The caller may not do that."""


class Unauthenticated(DomainError):
    """The caller is unknown: a wrong password, a token that has ended."""


class Conflict(DomainError):
    """It contradicts what is there already."""


class Busy(DomainError):
    """Not now; `retry_after` is in seconds."""

    def __init__(self, message: Message, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Throttled(Busy):
    """The caller asked too often."""


def missing(thing: str, name: object) -> NotFound:
    """The error that there is no `thing` (a word of the vocabulary) of that name or number."""
    return NotFound(
        Message("There is no {thing} {name}", {"thing": Term(thing), "name": str(name)})
    )


def _summary(problems: Sequence[Problem]) -> Message:
    """The first problem, where it is, and how many more there are."""
    first, more = problems[0], len(problems) - 1
    message = first.message
    if first.field:
        message = Message("{field}: {problem}", {"field": first.field, "problem": message})
    if first.index is not None:
        message = Message("item {index}: {problem}", {"index": first.index, "problem": message})
    if more:
        message = Message("{problem} (and {number} more)", {"problem": message, "number": more})
    return message


class DatabaseError(Exception):
    """The database refused or failed a statement."""


class DatabaseUnavailable(DatabaseError):
    """The database is away, starting, shutting down or has no connection to spare."""


class ConnectionLost(DatabaseUnavailable):
    """The connection ended or fell silent; whether the statement took effect is unknown."""


class DiskFull(DatabaseUnavailable):
    """The database has no room; nothing was stored."""


class DatabaseTimeout(DatabaseUnavailable):
    """A statement or a lock took longer than it may, or two waited for each other."""


class DataRejected(DatabaseError):
    """A value cannot be stored; the same statement would fail again."""


class Violation(DataRejected):
    """A constraint of the schema refused a row; `constraint` is its name."""

    def __init__(self, message: str, constraint: str | None) -> None:
        super().__init__(message)
        self.constraint = constraint


_UNAVAILABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
)
_ENDED_BY_SERVER = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown)
_TIMEOUTS = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise this module's errors instead of psycopg's, chained to them."""
    try:
        yield
    except _TIMEOUTS as error:
        raise DatabaseTimeout(_first_line(error)) from error
    except psycopg.errors.DiskFull as error:
        raise DiskFull(_first_line(error)) from error
    except (psycopg.errors.ReadOnlySqlTransaction, *_UNAVAILABLE) as error:
        kind = ConnectionLost if _is_loss(error) else DatabaseUnavailable
        raise kind(_first_line(error)) from error
    except psycopg.IntegrityError as error:
        raise Violation(_first_line(error), error.diag.constraint_name) from error
    except psycopg.DataError as error:
        raise DataRejected(_first_line(error)) from error
    except psycopg.Error as error:
        raise DatabaseError(_first_line(error)) from error


def _is_loss(error: Exception) -> bool:
    """Whether the connection went, not a server that refuses: that names a state."""
    if isinstance(error, _ENDED_BY_SERVER):
        return True
    return type(error) is psycopg.OperationalError and error.sqlstate is None


@contextmanager
def on_violation(constraint: str, error: Exception) -> Iterator[None]:
    """Raise `error` where that constraint refuses a row."""
    try:
        yield
    except Violation as violation:
        if violation.constraint != constraint:
            raise
        raise error from violation


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
