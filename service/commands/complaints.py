"""Error messages of commands, for errors that an operator can mend."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click
from pydantic import ValidationError

from service.http.validation import problems_of
from service.runtime.settings import SettingsError
from sql.errors import DatabaseError, DomainError, Problem
from sql.private_files import ExposedFile

_MENDABLE = (SettingsError, DatabaseError, ExposedFile)


class Complaint(NamedTuple):
    """The words, and the exit code that goes with them."""

    text: str
    exit_code: int = 1


def complaint(error: Exception) -> Complaint | None:
    """The error in the voice of all others; None for what no operator can mend. A value that is
    wrong goes by its name in ``make``: ``DAYS: …``.
    """
    match error:
        case click.ClickException():
            return Complaint(_usage(error), error.exit_code)
        case DomainError():
            lines = _lines(error.problems) if error.problems else [str(error)]
            return Complaint(_error("\n".join(lines)))
        case ValidationError():
            return Complaint(_error("\n".join(_lines(problems_of(error)))))
        case _ if isinstance(error, _MENDABLE):
            return Complaint(_error(str(error)))
    return None


def _usage(error: click.ClickException) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    if type(error) is click.BadParameter and error.param is not None:
        return _error(f"{error.param.human_readable_name.upper()}: {error.message}")
    return _error(error.format_message())


def _lines(problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems:
        yield f"{problem.field}: {problem.message}" if problem.field else str(problem.message)


def _error(text: str) -> str:
    return f"error: {text}"
