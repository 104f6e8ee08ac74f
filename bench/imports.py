"""How fast history comes in as an import, beside psql's \\copy of the same rows."""

import csv
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from itertools import product
from pathlib import Path
from statistics import median
from typing import IO, Any, NamedTuple

import msgspec

from bench.copying import Copying
from bench.dataset import migrated
from bench.figures import Figures, Imported
from bench.requests import ADMIN_KEY, METRICS, REGIONS, SERVICES, Item
from bench.scale import Kit
from bench.stack import BenchmarkError, Service, new_database, running_service
from sql.embedded import EmbeddedServer

# Five million of them are 600 days, older than any hourly sample that is submitted, within what
# hours are kept.
_OLDEST = timedelta(days=700)
_STEP = timedelta(days=600) / 5_000_000
_SECONDS = 900
_POLL_SECONDS = 0.05
_BLOCK = 1 << 18
_MEDIA = {"CSV": "text/csv", "JSON lines": "application/x-ndjson"}


class _Took(NamedTuple):
    """Seconds until every row was stored, and until all figures had them."""

    stored: float
    counted: float


def measure_imports(figures: Figures, kit: Kit, server: EmbeddedServer, folder: Path) -> None:
    """A history in both formats, part by part, each followed by \\copy of the same rows."""
    rows = kit.scale.import_rows // (kit.scale.turns * len(_WRITERS))
    with (
        new_database(server.url, "benchmark_imports") as url,
        new_database(server.url, "benchmark_copied") as copied,
    ):
        migrated(url)
        migrated(copied)
        psql = server.installation.bin / "psql"
        copying = Copying(psql, url, folder, into=copied, of="_imported")
        found: dict[str, list[Imported]] = {form: [] for form in _WRITERS}
        with running_service(folder, url) as service:
            for part in range(kit.scale.turns * len(_WRITERS)):
                form = list(_WRITERS)[part % len(_WRITERS)]
                file = folder / "history"
                with file.open("w", newline="") as output:
                    _WRITERS[form](output, history(rows, part))
                found[form].append(_one(service, copying, file, form, rows))
                kit.tell(f"import of {form}: {found[form][-1].stored_per_second:,.0f}/s")
            figures.import_memory = service.peak_memory()
    figures.imported = list(map(_median, found.values()))


def _one(service: Service, copying: Copying, file: Path, form: str, rows: int) -> Imported:
    before = service.cpu_seconds()
    took = _imported(service, file, _MEDIA[form], rows)
    cpu = (service.cpu_seconds() - before) / rows * 1e6
    copying.take(rows)
    reference = copying.rate()
    stored, counted = rows / took.stored, rows / took.counted
    return Imported(form, stored, stored / reference, counted, counted / reference, cpu)


def _median(those: Sequence[Imported]) -> Imported:
    """Of each figure."""
    columns = zip(*(astuple(one)[1:] for one in those), strict=True)
    return Imported(those[0].form, *map(median, columns))


def history(rows: int, part: int) -> Iterator[Item]:
    """Hourly samples of 200 series, 350 an hour: the part of that number of the whole history."""
    chance = random.Random(part)
    series = list(product(METRICS, SERVICES, REGIONS))
    oldest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - _OLDEST
    since, step = oldest + part * rows * _STEP, _STEP
    for number in range(rows):
        (name, kind, unit), service, region = chance.choice(series)
        yield {
            "metric_name": name,
            "metric_type": kind,
            "frequency": "hourly",
            "value": round(chance.uniform(1, 500), 2),
            "unit": unit,
            "service_name": service,
            "region": region,
            "timestamp": (since + number * step).isoformat(timespec="seconds"),
        }


def _write_csv(output: IO[str], items: Iterator[Item]) -> None:
    first = next(items)
    writer = csv.DictWriter(output, list(first))
    writer.writeheader()
    writer.writerow(first)
    writer.writerows(items)


def _write_lines(output: IO[str], items: Iterator[Item]) -> None:
    encode = msgspec.json.Encoder().encode
    output.writelines(encode(item).decode() + "\n" for item in items)


_WRITERS: dict[str, Callable[[IO[str], Iterator[Item]], None]] = {
    "CSV": _write_csv,
    "JSON lines": _write_lines,
}


def _imported(service: Service, file: Path, media: str, rows: int) -> _Took:
    started = time.monotonic()
    with closing(
        HTTPConnection("127.0.0.1", service.port, timeout=_SECONDS, blocksize=_BLOCK)
    ) as connection:
        with file.open("rb") as body:
            headers = {"X-API-Key": ADMIN_KEY, "Content-Type": media}
            headers["Content-Length"] = str(file.stat().st_size)
            connection.request("POST", "/api/imports", body, headers)
            found = _data(connection.getresponse())
        stored = time.monotonic() - started
        while found["status"] != "done":
            if time.monotonic() - started > _SECONDS:
                raise BenchmarkError(f"the import is not done: {found}")
            time.sleep(_POLL_SECONDS)
            connection.request(
                "GET", f"/api/imports/{found['id']}", headers={"X-API-Key": ADMIN_KEY}
            )
            found = _data(connection.getresponse())
        counted = time.monotonic() - started
    if (found["accepted"], found["counted"]) != (rows, rows):
        raise BenchmarkError(f"of {rows:,} rows not all were imported: {found}")
    return _Took(stored, counted)


def _data(answer: HTTPResponse) -> dict[str, Any]:
    content = answer.read()
    if answer.status not in (200, 202):
        raise BenchmarkError(f"the import was refused: {content.decode()}")
    data: dict[str, Any] = json.loads(content)["data"]
    return data
