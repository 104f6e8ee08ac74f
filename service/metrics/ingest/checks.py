"""Checking samples: time limits, type and unit of their metric, texts; pure but for what is known
of metrics and series.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from operator import attrgetter, itemgetter

from retention.plan import in_words
from service.metrics.ingest.closed import oldest_of
from service.metrics.ingest.labels import label_problem, label_text, name_problem
from service.metrics.ingest.metric_table import MetricEntry
from service.metrics.ingest.overdue import decided_before, overdue_of
from service.metrics.ingest.readings import Reading
from service.metrics.ingest.sample import Known, Measured, Origin, Sample, Source
from service.metrics.ingest.series import SeriesCache, SeriesKey, dimensions_of
from service.metrics.metadata import metadata_json
from sql.errors import Forbidden, Invalid, Problem
from sql.messages import Message, choices
from sql.scope import Scope
from sql.vocabulary import Frequency

MAX_AHEAD = 5 * 60 * 1_000_000
_TOO_NEW = Message("More than 5 minutes in the future")
_JSONB_VERSION = b"\x01"
_row_ts = itemgetter(2)
_reading_ts = attrgetter("ts")


# A sample that was checked: its frequency, its series (the id, or the key of one whose id is not
# known), instant, value, metadata as jsonb, and origin. A plain tuple, as one is made for every
# sample.
Row = tuple[Frequency, int | SeriesKey, int, float, bytes | None, Origin | None]


class Checks:
    """Of the samples of one request: their `rows`, their `problems`, which are in `closed` periods,
    and the entries `assumed` of metrics that the catalogue does not have. `late` are the oldest
    instants by type of metric, where they are before `today`; `overdue` are the first and last by
    metric of those by whose period alert rules may have been decided already.
    """

    def __init__(
        self, series: SeriesCache, accept: Mapping[Frequency, int], scope: Scope, now: int
    ) -> None:
        self.problems: list[Problem] = []
        self.closed: list[Problem] = []
        self.late: dict[str, int] = {}
        self.overdue: dict[str, tuple[int, int]] = {}
        self.today = series.closed.today(now)
        self.assumed: dict[str, MetricEntry] = {}
        self._series = series
        self._accept = accept
        self._tenant = scope.tenant
        self._own = scope.service_name
        self._now = now
        self._decided = decided_before(now, self.today)

    def readings(
        self, sources: Sequence[Source], values: Sequence[Measured]
    ) -> list[Reading] | None:
        """Readings, without ids yet, of values that are within time of sources that are known;
        None where any is not, or has no origin, and all have to be looked at more closely.
        """
        readings: list[Reading] = []
        newest = self._now + MAX_AHEAD
        oldest = {frequency: self._now - age for frequency, age in self._accept.items()}
        entries = self._series.metrics.of(self._tenant)
        for source, one in zip(sources, values, strict=True):
            known, ts, started = source.known, one.ts, one.started
            if known is None or entries.get(source.sample.metric_name) is not known.entry:
                return None
            frequency, origin = source.sample.frequency, known.origin
            if ts is None or not oldest[frequency] <= ts <= newest:
                return None
            if started is not None:
                origin = Origin(origin.source, origin.cumulative, started)
            readings.append(
                Reading(origin, frequency, known.series_id, ts, 0, one.value, known.metadata)
            )
        oldest_ts = min(map(_reading_ts, readings), default=self._now)
        if oldest_ts < self._decided["real_time"]:
            named = ((source.sample.metric_name, source.sample.frequency) for source in sources)
            self.overdue = overdue_of(named, map(_reading_ts, readings), self._decided)
        if oldest_ts < self.today:
            types = (source.sample.metric_type for source in sources)
            self.late = oldest_of(types, map(_reading_ts, readings), self.today)
            if self._touches_closed():
                return None
        return readings

    def rows_of(self, sources: Sequence[Source], values: Sequence[Measured]) -> list[Row]:
        """A row for each value, as for samples; sources are known from then on.

        Raises:
            Forbidden: one of another service than the scope's.
        """
        rows = self.rows([source.at(one) for source, one in zip(sources, values, strict=True)])
        bad = {problem.index for problem in self.problems}
        entries = self._series.metrics.of(self._tenant)
        for place, (source, row) in enumerate(zip(sources, rows, strict=True)):
            entry, origin = entries.get(source.sample.metric_name), source.sample.origin
            if place not in bad and isinstance(row[1], int) and entry and origin:
                source.known = Known(entry, row[1], row[4], origin)
        return rows

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """A row for each sample, of use where there are no problems; they are numbered from 0.

        Raises:
            Forbidden: a sample of another service than the scope's.
        """
        rows: list[Row] = []
        tenant, own, now = self._tenant, self._own, self._now
        newest = now + MAX_AHEAD
        oldest = {frequency: now - age for frequency, age in self._accept.items()}
        entries, id_of = self._series.metrics.of(tenant), self._series.get
        for index, s in enumerate(samples):
            if own and s.service_name not in (None, "", own) and label_text(s.service_name) != own:
                raise _not_own(own, index)
            frequency, ts, metadata = s.frequency, s.ts, None
            if ts is None:
                ts = now
            elif not oldest[frequency] <= ts <= newest:
                self._report("timestamp", self._out_of_time(ts, frequency), index)
            entry = entries.get(s.metric_name) or self._assume(s, index)
            dimensions: tuple[tuple[str, str], ...] = ()
            if s.metadata is not None:
                metadata = self._metadata(s.metadata, index)
                if entry.dimensions:
                    dimensions = dimensions_of(s.metadata, entry.dimensions)
            if entry.is_derived:
                self._report("metric_name", _derived(s), index)
            if s.metric_type != entry.metric_type:
                self._report("metric_type", _other_type(s, entry), index)
            exact = entry.units.exact
            unit = exact[s.unit] if s.unit in exact else self._unit(s, entry, index)
            labels = (
                tenant,
                s.metric_name,
                s.metric_type,
                unit,
                frequency,
                own or s.service_name,
                s.affiliate_id,
                s.region,
                dimensions,
            )
            series: int | SeriesKey | None = id_of(labels)
            if series is None:
                given = self._stored(SeriesKey(*labels), index)
                key = self._series.relabels.relabelled(given)
                if key.dimensions != given.dimensions and s.metadata is not None:
                    metadata = self._metadata(_relabelled(s.metadata, given, key), index)
                series = id_of(key) or key
            rows.append((frequency, series, ts, s.value, metadata, s.origin))
        oldest_ts = min(map(_row_ts, rows), default=now)
        if oldest_ts < self._decided["real_time"]:
            named = ((sample.metric_name, sample.frequency) for sample in samples)
            self.overdue = overdue_of(named, map(_row_ts, rows), self._decided)
        if oldest_ts < self.today:
            self._note_late(samples, rows)
        return rows

    def _note_late(self, samples: Sequence[Sample], rows: Sequence[Row]) -> None:
        types = (sample.metric_type for sample in samples)
        self.late = oldest_of(types, map(_row_ts, rows), self.today)
        if not self._touches_closed():
            return
        for index, (sample, row) in enumerate(zip(samples, rows, strict=True)):
            close = self._series.closed.close_of(self._tenant, sample.metric_type, row[2])
            if close is not None:
                self.closed.append(Problem(close.refusal, "timestamp", index))

    def _touches_closed(self) -> bool:
        close_of = self._series.closed.close_of
        return any(close_of(self._tenant, *oldest) for oldest in self.late.items())

    def _report(self, field: str, message: Message, index: int) -> None:
        self.problems.append(Problem(message, field, index))

    def _assume(self, sample: Sample, index: int) -> MetricEntry:
        """The entry of a metric that is new: as its first sample has it."""
        if problem := name_problem(sample.metric_name):
            self._report("metric_name", problem, index)
        if sample.metric_name not in self.assumed:
            unit = label_text(sample.unit or "")
            units = [] if not unit or label_problem("unit", unit) else [unit]
            given = sample.assumed or MetricEntry(sample.metric_type, ())
            self.assumed[sample.metric_name] = MetricEntry(
                sample.metric_type, units, given.dimensions, kind=given.kind
            )
        return self.assumed[sample.metric_name]

    def _unit(self, sample: Sample, entry: MetricEntry, index: int) -> str | None:
        """The unit as the catalogue spells it."""
        given = sample.unit or ""
        if problem := label_problem("unit", given):
            self._report("unit", problem, index)
            return None
        if not label_text(given):
            return entry.units.exact[None]
        unit = entry.units.spelt(given)
        if unit is None:
            self._report("unit", _other_unit(sample, entry), index)
        return unit

    def _stored(self, key: SeriesKey, index: int) -> SeriesKey:
        """The key of a series that is not known with labels as they are stored."""
        for field, text in key.dimensions:
            if problem := label_problem(f"metadata.{field}", text):
                self._report(f"metadata.{field}", problem, index)
        return key._replace(
            service_name=self._own or self._label("service_name", key.service_name, index),
            affiliate_id=self._label("affiliate_id", key.affiliate_id, index),
            region=self._label("region", key.region, index),
        )

    def _label(self, field: str, text: str | None, index: int) -> str | None:
        stored = label_text(text) if text else None
        if problem := label_problem(field, stored):
            self._report(field, problem, index)
        return stored or None

    def _metadata(self, metadata: Mapping[str, object], index: int) -> bytes:
        """Metadata as jsonb for COPY."""
        try:
            return _JSONB_VERSION + metadata_json(metadata)
        except Invalid as error:
            self._report("metadata", error.problems[0].message, index)
            return b""

    def _out_of_time(self, ts: int, frequency: Frequency) -> Message:
        if ts > self._now:
            return _TOO_NEW
        oldest, age = self._accept[frequency], self._now - ts
        return Message(
            "Too old: {frequency} samples are accepted up to {oldest} back, this is {age} old",
            {
                "frequency": frequency,
                "oldest": in_words(timedelta(microseconds=oldest)),
                "age": in_words(timedelta(microseconds=age)),
            },
        )


def _relabelled(
    metadata: Mapping[str, object], before: SeriesKey, after: SeriesKey
) -> dict[str, object]:
    """Metadata whose promoted keys are as they are stored."""
    names, kept = dict(before.dimensions), dict(after.dimensions)
    return {**metadata, **{name: kept.get(name) for name in names if kept.get(name) != names[name]}}


def _not_own(service_name: str, index: int) -> Forbidden:
    message = Message("This key posts for service_name {service} only", {"service": service_name})
    return Forbidden(message, [Problem(message, "service_name", index)])


def _derived(sample: Sample) -> Message:
    return Message(
        "{metric} is derived: it is computed from other metrics and takes no samples",
        {"metric": sample.metric_name},
    )


def _other_type(sample: Sample, entry: MetricEntry) -> Message:
    return Message(
        "{metric} is of the type '{type}' in the catalogue",
        {"metric": sample.metric_name, "type": entry.metric_type},
    )


def _other_unit(sample: Sample, entry: MetricEntry) -> Message:
    if not entry.units.units:
        return Message(
            "{metric} has no unit in the catalogue: leave it out, or name it there first",
            {"metric": sample.metric_name},
        )
    return Message(
        "{metric} is in {units} in the catalogue",
        {"metric": sample.metric_name, "units": choices(entry.units.units)},
    )
