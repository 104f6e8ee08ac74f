"""Sending a file as one import, and waiting for its figures."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import click
import httpx2

from service.commands.submission.answers import error_of, object_of

_TIMEOUT = httpx2.Timeout(600.0, connect=5.0)
_PART = 1 << 18
_POLL_SECONDS = 0.5


class NotImported(Exception):
    """The service did not take the file, or did not answer; the message says what to do."""


def import_key(*contents: Iterable[bytes]) -> str:
    """The same for the same file and map, so that another try goes on."""
    digest = hashlib.sha256()
    for content in contents:
        for part in content:
            digest.update(part)
    return digest.hexdigest()[:32]


def parts_of(file: Path) -> Iterator[bytes]:
    """The bytes of a file, piece by piece."""
    with file.open("rb") as stream:
        while part := stream.read(_PART):
            yield part


class ImportClient:
    """Imports into the service at `url`."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url
        self._client = httpx2.Client(base_url=url, headers={"X-API-Key": api_key}, timeout=_TIMEOUT)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def send(self, parts: Iterable[bytes], media: str, key: str) -> int:
        """Send a stream; the number of the import.

        Raises:
            NotImported: it was refused, or the connection broke.
        """
        headers = {"Content-Type": media, "X-Import-Id": key}
        answer = self._ask("POST", "/api/imports", content=parts, headers=headers)
        return int(answer["id"])

    def wait(self, number: int) -> dict[str, Any]:
        """The import once its figures are right.

        Raises:
            NotImported: the service did not answer.
        """
        while (found := self._ask("GET", f"/api/imports/{number}"))["status"] == "counting":
            time.sleep(_POLL_SECONDS)
        return found

    def _ask(self, method: str, path: str, **beside: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **beside)
        except httpx2.TransportError as error:
            message = f"no answer from {self._url}: {error}; the same command again goes on"
            raise NotImported(message) from error
        body = object_of(answer)
        if not answer.is_success or "data" not in body:
            raise NotImported("\n".join(_named(body)) or str(error_of(answer, ())))
        return cast("dict[str, Any]", body["data"])


def _named(body: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the file, or with rows of it by their lines."""
    error = body.get("error")
    for detail in error.get("details", ()) if isinstance(error, dict) else ():
        line, field = detail.get("index"), detail.get("field")
        places = [] if line is None else [f"line {line}", *([field] if field else [])]
        yield ": ".join([*places, detail["message"]])


def say(found: dict[str, Any], url: str, left_out: int) -> None:
    """Tell what became of the rows."""
    accepted, rejected = found["accepted"], found["rejected"]
    click.echo(f"{accepted} rows accepted, {rejected} rejected: {found['status']}")
    if left_out:
        click.echo(f"{left_out} rows do not count, as the map says")
    if rejected:
        click.echo(f"what was rejected, and why: {url}{found['errors_url']}")
