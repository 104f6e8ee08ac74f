"""Receiving imports: chunks of rows, each stored in one transaction with how far it came."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from alerts.changes import Change
from service.metrics.imports.packing import Packed
from service.metrics.imports.store import Begun, taken_over
from service.metrics.imports.windows import Windows
from service.metrics.ingest.checks import Checks, Row
from service.metrics.ingest.closed import Closed, Late, oldest_of
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.labels import label_text
from service.metrics.ingest.metric_table import MetricEntry
from service.metrics.ingest.prepare import Step, Submission
from service.metrics.ingest.sample import Decoded, Sample, instant_of, microseconds
from service.metrics.ingest.series import CatalogChanged, SeriesCache, SeriesKey
from service.metrics.ingest.writer import Writer
from sql.connections import Connection
from sql.database import run
from sql.errors import Invalid, Problem
from sql.messages import Message, to_json
from sql.scope import Scope

# Of rows of an import: stored with why each was rejected.
MAX_REJECTED = 100_000


class Chunk(NamedTuple):
    """Rows of a file that follow each other, `before` of them earlier: what was decoded of them,
    by their lines; how many rows there were up to their end, and the digest of all of these.
    """

    decoded: Decoded
    before: int
    row_count: int
    digest: bytes


class _Checked(NamedTuple):
    """Rows that are good, the ids of series of which they have the keys, what is late of them, the
    names of their metrics, and what is wrong with the others, by their lines.
    """

    rows: list[Row]
    found: Mapping[SeriesKey, int]
    late: list[Late]
    names: list[str]
    problems: list[Problem]

    @property
    def rejected(self) -> int:
        """How many rows are not good."""
        return len({problem.index for problem in self.problems})


class Receiver:
    """Stores rows of imports through the writer; `on_stored` is told the tenant and name of each
    metric that has new samples.
    """

    def __init__(
        self,
        series: SeriesCache,
        ids: SampleIds,
        writer: Writer,
        windows: Windows,
        on_stored: Callable[[frozenset[tuple[str, str]]], None],
    ) -> None:
        self._series = series
        self._ids = ids
        self._writer = writer
        self._windows = windows
        self._on_stored = on_stored

    async def take(self, begun: Begun, chunk: Chunk, scope: Scope) -> int:
        """Store the rows of a chunk that can be, and why others cannot; answered once that is on
        disk, with the number of rejected ones.

        Raises:
            Conflict: another request goes on with the import.
            Busy: too many samples wait; try again.
            DatabaseError: as `Writer.submit` says.
        """
        await self._series.ready()
        try:
            return await self._store(begun, chunk, scope)
        except (CatalogChanged, Closed):
            # Now it is known what the catalogue has, and what was closed meanwhile.
            await self._series.closed.reload()
            return await self._store(begun, chunk, scope)

    async def _store(self, begun: Begun, chunk: Chunk, scope: Scope) -> int:
        now = datetime.now(UTC)
        checked = await self._checked(chunk.decoded, scope, now)
        first_id = await self._ids.take(max(len(checked.rows), 1))
        assert begun.batch_id is not None
        packed = Packed(begun.batch_id, self._windows.submitted_since(now))
        packed.add(checked.rows, checked.found, first_id)
        metrics = frozenset((scope.tenant, name) for name in checked.names)
        submission = Submission(
            packed.submitted,
            first_id,
            len(checked.rows),
            metrics,
            step=_progress(begun, chunk, packed, checked),
            late=checked.late,
            changes=_changes(scope, checked, packed),
            imported=packed.imported,
        )
        await self._writer.submit(submission)
        self._on_stored(metrics)
        return checked.rejected

    async def _checked(self, decoded: Decoded, scope: Scope, now: datetime) -> _Checked:
        own, problems = _of_others(decoded, scope.service_name)
        checks = Checks(self._series, self._windows.ages(now), scope, microseconds(now))
        rows = checks.rows([decoded.samples[place] for place in own])
        found_problems = [*checks.problems, *checks.closed]
        bad = {problem.index for problem in found_problems}
        good = [number for number in range(len(rows)) if number not in bad]
        found, full = await self._with_room([rows[number] for number in good], checks.assumed)
        if full is not None:
            lost = {number for number in good if _has_no_id(rows[number], found)}
            found_problems += [Problem(full, index=number) for number in sorted(lost)]
            good = [number for number in good if number not in lost]
        samples = [decoded.samples[own[number]] for number in good]
        kept = [rows[number] for number in good]
        problems += (_in_line(problem, decoded, own) for problem in found_problems)
        late = _late(scope, samples, kept, checks.today)
        names = sorted({sample.metric_name for sample in samples})
        return _Checked(kept, found, late, names, [*decoded.problems, *problems])

    async def _with_room(
        self, rows: Sequence[Row], assumed: Mapping[str, MetricEntry]
    ) -> tuple[Mapping[SeriesKey, int], Message | None]:
        """The ids of series of which the rows have the keys. Where there is no room for those that
        are new, of the others, and why.
        """
        unknown = [series for _, series, *_ in rows if not isinstance(series, int)]
        named = {series.metric_name for series in unknown}
        new = {name: entry for name, entry in assumed.items() if name in named}
        try:
            return await self._series.resolve(unknown, new), None
        except Invalid as error:
            return await self._series.find(unknown), error.problems[0].message


def _of_others(decoded: Decoded, own: str | None) -> tuple[list[int], list[Problem]]:
    """The numbers of the samples that the caller may post, and the problem of each other one."""
    if own is None:
        return list(range(len(decoded.samples))), []
    message = Message("This key posts for service_name {service} only", {"service": own})
    numbers: list[int] = []
    problems: list[Problem] = []
    for number, sample in enumerate(decoded.samples):
        if sample.service_name in (None, "", own) or label_text(sample.service_name or "") == own:
            numbers.append(number)
        else:
            problems.append(Problem(message, "service_name", decoded.place(number)))
    return numbers, problems


def _in_line(problem: Problem, decoded: Decoded, own: Sequence[int]) -> Problem:
    assert problem.index is not None
    return Problem(problem.message, problem.field, decoded.place(own[problem.index]))


def _late(scope: Scope, samples: Sequence[Sample], rows: Sequence[Row], today: int) -> list[Late]:
    types = (sample.metric_type for sample in samples)
    oldest = oldest_of(types, (row[2] for row in rows), today)
    return [Late(scope.tenant, one, instant_of(ts)) for one, ts in oldest.items()]


def _changes(scope: Scope, checked: _Checked, packed: Packed) -> list[Change]:
    """Of what goes the way of submitted samples; the rest counts later."""
    return [
        Change(scope.tenant, name, extent["since"], extent["until"])
        for extent in packed.submitted_extents
        for name in checked.names
    ]


def _progress(begun: Begun, chunk: Chunk, packed: Packed, checked: _Checked) -> Step:
    """Notes in the transaction that stores the rows how far the import came.

    Raises:
        Conflict: when it is taken and the import is not where it was.
    """
    batch = {"batch_id": begun.batch_id}
    progress = {
        **batch,
        "before": chunk.before,
        "after": chunk.row_count,
        "digest": chunk.digest,
        "accepted": len(checked.rows),
        "rejected": checked.rejected,
        "metric_names": checked.names,
    }

    async def step(conn: Connection) -> None:
        if not await run(conn, "note_import_progress", progress):
            raise taken_over()
        for extent in packed.imported_extents:
            await run(conn, "note_extent", batch | extent)
        for extent in packed.submitted_extents:
            await run(conn, "await_refresh", extent)
        if checked.problems:
            await run(conn, "insert_rejections", _rejections(begun, checked.problems))

    return step


def _rejections(begun: Begun, problems: Collection[Problem]) -> dict[str, object]:
    return {
        "import_id": begun.import_id,
        "lines": [problem.index for problem in problems],
        "fields": [problem.field for problem in problems],
        "reasons": [to_json(problem.message) for problem in problems],
    }


def _has_no_id(row: Row, found: Mapping[SeriesKey, int]) -> bool:
    series = row[1]
    return not isinstance(series, int) and series not in found
