"""Logs of the service, on standard error: one JSON object a line for programs, or lines for
people.
"""

import logging
import sys
from typing import Any, Literal

import msgspec
import structlog
from structlog.typing import EventDict

# ``auto`` is ``console`` on a terminal, else ``json``.
LogFormat = Literal["auto", "json", "console"]


def configure_logging(log_format: LogFormat = "auto") -> None:
    """Send our events and those of the libraries through the same shape."""
    on_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _time_stamper(on_console=on_console),
    ]
    rendered = _for_people() if on_console else _for_programs()
    structlog.configure(
        processors=[*shared, *rendered, _encoded],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # Their lines for each start, stop and request say nothing that ours do not.
    # httpx2 would also log the URLs of webhooks, which are secrets.
    only_warnings_of("uvicorn", "httpx2", "aiokafka")
    if on_console:
        # The command says what matters of it.
        only_warnings_of("sql.embedded")


def only_warnings_of(*packages: str) -> None:
    """Leave out what these say in the ordinary course of things."""
    for package in packages:
        logging.getLogger(package).setLevel(logging.WARNING)


def _time_stamper(*, on_console: bool) -> structlog.processors.TimeStamper:
    """The local time of day on a terminal, else an instant."""
    if on_console:
        return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    return structlog.processors.TimeStamper(fmt="iso", utc=True)


def _for_people() -> list[Any]:
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _for_programs() -> list[Any]:
    return [structlog.processors.format_exc_info, _named_service, _as_json]


def _named_service(_: object, __: str, event: EventDict) -> EventDict:
    event["service"] = "fature-metrics"
    return event


def _as_json(_: object, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _encoded(_: object, __: str, line: Any) -> bytes:
    return str(line).encode()
