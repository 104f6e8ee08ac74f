"""The statement of a breakdown: ranked, cut and summed up by the database."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from psycopg import sql

from service.metrics.query.breakdown import RankOrder
from service.metrics.query.ended import Since, steps_of
from service.metrics.query.pieces import Piece
from service.metrics.query.rollups import bounds_of
from sql.statements import Query, query, union_all
from sql.vocabulary import ADDING, Aggregation, Frequency

_MADE_OF: dict[Aggregation, str] = {
    "sum": "amount",
    "count": "amount",
    "avg": "mean",
    "min": "extreme",
    "max": "extreme",
    "last": "last",
}
_EXTREMES: dict[Aggregation, str] = {"min": "extreme_min", "max": "extreme_max"}


class Sources(NamedTuple):
    """Where the values of some ranges are read, the first that of the selection: from buckets, and
    where that is `kept`, from what others come to.
    """

    frequencies: tuple[Frequency, ...]
    ranges: tuple[tuple[Piece, ...], ...]
    kept: tuple[bool, ...]


class Kept(NamedTuple):
    """What series came to in a part of a range, as PostgreSQL writes arrays; none: nothing."""

    series: str | None
    amounts: str | None
    numbers: str | None
    extremes: str | None

    def params(self, number: int) -> dict[str, str | None]:
        """As parameters of the statement, of the range of that number."""
        return {f"{name}_{number}": value for name, value in self._asdict().items()}


@lru_cache(maxsize=100)
def breakdown_statement(
    aggregation: Aggregation, order: RankOrder, sources: Sources, known: Since | None
) -> Query:
    """The statement for that aggregation and order; of last values, `known` says from when on it
    is known when series ended.
    """
    key = query(f"key_{order.removeprefix('-')}").body
    if order.startswith("-"):
        key = query("reversed").format(key=key).body
    one_range = len(sources.ranges) <= 2 or aggregation in _EXTREMES
    before = "mean_of_extremes" if one_range else "no_extreme"
    parts = {
        "found": _found(aggregation, sources, known),
        "value": _filled(aggregation, _value(aggregation, "p", "")),
        "baseline": _filled(aggregation, _value(aggregation, "p", "_before")),
        "extreme_before": query(before).body,
        "key": key,
    }
    for name, alias in (("others", "b"), ("all", "p")):
        of = "others" if name == "others" else "everything"
        parts |= {
            f"value_of_{name}": _value(aggregation, of, ""),
            f"baseline_of_{name}": _value(aggregation, of, "_before"),
            f"extreme_of_{name}": _extreme(aggregation, alias, "extreme"),
            f"extreme_before_of_{name}": _extreme(aggregation, alias, "extreme_before"),
        }
    return query("breakdown").format(**parts).rendered()


@lru_cache(maxsize=100)
def settled_statement(
    aggregation: Aggregation, frequencies: tuple[Frequency, ...], pieces: tuple[Piece, ...]
) -> Query:
    """What these pieces of a range come to for each series."""
    column = "max_value" if aggregation == "max" else "min_value"
    extreme = query(_EXTREMES.get(aggregation, "extreme_min"))
    sources = union_all(_sources(Sources(frequencies, (pieces,), (False,))))
    return (
        query("breakdown_settled")
        .format(extreme=extreme.format(extreme=sql.Identifier("r", column)).body, sources=sources)
        .rendered()
    )


def _found(aggregation: Aggregation, sources: Sources, known: Since | None) -> sql.Composable:
    if known is not None:
        read = union_all(_last_sources(sources, known))
        return query("breakdown_found_alive").format(sources=read).body
    read = union_all(_sources(sources))
    parts = query(f"parts_{aggregation}").body
    return query("breakdown_found").format(parts=parts, sources=read).body


def _sources(sources: Sources) -> Iterator[Query]:
    for number, pieces in enumerate(sources.ranges):
        if sources.kept[number]:
            yield query("breakdown_kept_source").format(
                range=sql.Literal(number),
                **{name: sql.Placeholder(f"{name}_{number}") for name in Kept._fields},
            )
        for piece in pieces:
            for frequency in sources.frequencies:
                yield query("breakdown_source").format(
                    range=sql.Literal(number),
                    rollup=_rollup(frequency, piece.level),
                    since=sql.Literal(piece.since),
                    before=sql.Literal(piece.before),
                )


def _last_sources(sources: Sources, known: Since) -> Iterator[Query]:
    for number, pieces in enumerate(sources.ranges):
        steps = union_all(
            query("rollup_steps").format(
                step=sql.Literal(f"1 {part.step}"),
                rollup=_rollup(frequency, part.level),
                bounds=bounds_of(part.since, part.before),
            )
            for piece in pieces
            for frequency in sources.frequencies
            for part in steps_of(frequency, piece.level, piece.since, piece.before, known)
        )
        yield query("breakdown_last_source").format(range=sql.Literal(number), steps=steps)


def _rollup(frequency: Frequency, level: str) -> sql.Identifier:
    return sql.Identifier("fature", f"rollup_{frequency}_{level}")


def _value(aggregation: Aggregation, alias: str, suffix: str) -> sql.Composable:
    names = ("amount", "number", "extreme")
    columns = {name: sql.Identifier(alias, name + suffix) for name in names}
    return query(f"made_of_{_MADE_OF[aggregation]}").format(**columns).body


def _filled(aggregation: Aggregation, value: sql.Composable) -> sql.Composable:
    name = "nothing_is_zero" if aggregation in ADDING else "nothing_is_unknown"
    return query(name).format(value=value).body


def _extreme(aggregation: Aggregation, alias: str, column: str) -> sql.Composable:
    name = _EXTREMES.get(aggregation, "extreme_only")
    return query(name).format(extreme=sql.Identifier(alias, column)).body
