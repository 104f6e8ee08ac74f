"""One JSON line per event, on standard error."""

import logging
import sys
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging() -> None:
    """Send our events and those of the libraries through the same shape."""
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.processors.format_exc_info,
            _named_service,
            _encoded,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _named_service,
                _one_line,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # Their lines for each start, stop and request say nothing that ours do not.
    # httpx2 would also log the URLs of webhooks, which are secrets.
    only_warnings_of("uvicorn", "httpx2")


def only_warnings_of(*packages: str) -> None:
    """Leave out what these say in the ordinary course of things."""
    for package in packages:
        logging.getLogger(package).setLevel(logging.WARNING)


def _named_service(_: object, __: str, event: EventDict) -> EventDict:
    event["service"] = "fature-metrics"
    return event


def _encoded(_: object, __: str, event: EventDict) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def _one_line(logger: object, method: str, event: EventDict) -> str:
    return _encoded(logger, method, event).decode()
