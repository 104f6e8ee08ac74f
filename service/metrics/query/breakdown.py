"""Breakdowns: the groups of a selection over one range, ranked."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, cast

from service.metrics.query.ranges import Span, Unit
from service.metrics.query.selection import Group, Groups
from service.metrics.query.spec import AggregateQuery
from sql.decimals import exact_sum, rounded
from sql.vocabulary import ADDING, Comparison, Frequency

Ranked = Literal["value", "change", "change_percent", "name"]
RankOrder = Literal[
    "value",
    "-value",
    "change",
    "-change",
    "change_percent",
    "-change_percent",
    "name",
    "-name",
]
MAX_GROUP_BY = 3
# Aggregations of which the values of groups make up that of all of them.
SHARED = ADDING | {"last"}


class After(NamedTuple):
    """The group that a page ended with, and its key in the order: the smaller the earlier."""

    key: float | None
    group: Group


@dataclass(frozen=True, slots=True)
class BreakdownQuery:
    """The groups of `figures`, a query without fill or limit whose period is what its range is
    made of, in an order: the largest first, by name the first, or with ``-`` the other way round.
    Listed are up to `limit` groups that follow `after`, of those with a label that contains
    `search`. Its range is `unit` of the calendar so far, or the whole of one; `any_period` will do
    where there are no figures of that of `figures`.
    """

    figures: AggregateQuery
    compare: Comparison | None = None
    order: RankOrder = "value"
    limit: int = 100
    after: After | None = None
    search: str = ""
    unit: Unit | None = None
    is_whole: bool = False
    any_period: bool = False

    @property
    def by(self) -> Ranked:
        """What the groups are ranked by."""
        return cast("Ranked", self.order.removeprefix("-"))


class Row(NamedTuple):
    """A group, or several as one; `share` of the value of all, as a ratio, where values add up to
    that. What is not known is None.
    """

    value: float | None
    baseline: float | None = None
    change: float | None = None
    change_percent: float | None = None
    share: float | None = None

    @property
    def unchanged(self) -> "Row":
        """The same without its changes."""
        return self._replace(change=None, change_percent=None)


class Others(NamedTuple):
    """The groups behind a page, as one, and how many they are."""

    row: Row
    groups: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The listed groups in their order, the others behind them, all of the selection as one.
    `groups` is the number of all that could be listed, `next` where the next page begins; `span` is
    the range that they are of, in UTC, `baselines` those that they are compared with. While it
    `is_pending`, as acknowledged samples of them do not count yet, nothing is said of changes.
    """

    query: BreakdownQuery
    unit: str | None
    rows: Sequence[tuple[Group, Row]]
    others: Others
    total: Row
    groups: int
    span: Span
    baselines: Sequence[Span] = ()
    next: After | None = None
    omitted: Sequence[Frequency] = ()
    units_left_out: Sequence[str | None] = ()
    is_pending: bool = False

    def without_changes(self) -> "Breakdown":
        """The same while it is pending."""
        return replace(
            self,
            rows=[(group, row.unchanged) for group, row in self.rows],
            others=self.others._replace(row=self.others.row.unchanged),
            total=self.total.unchanged,
            is_pending=True,
        )

    def unit_of(self, group: Group) -> str | None:
        """The unit of the values of a group; numbers of samples have none."""
        labels = dict(zip(self.query.figures.group_by, group, strict=True))
        return None if self.query.figures.aggregation == "count" else labels.get("unit", self.unit)


def changes(value: float | None, baseline: float | None) -> tuple[float | None, float | None]:
    """The change from a baseline and the same in percent of it, of nothing none."""
    if value is None or baseline is None:
        return None, None
    change = exact_sum((value, -baseline))
    return change, rounded(100 * change / abs(baseline)) if baseline else None


def position_of(after: After, query: BreakdownQuery, groups: Groups) -> tuple[float | None, int]:
    """The key and the number behind which a page begins, as groups are numbered now."""
    wanted = name_key(after.group)
    if query.by != "name":
        return after.key, bisect_right(groups, wanted, key=name_key) - 1
    if query.order == "name":
        return float(bisect_right(groups, wanted, key=name_key) - 1), len(groups)
    return -float(bisect_left(groups, wanted, key=name_key)), len(groups)


def name_key(group: Group) -> tuple[tuple[bool, bytes], ...]:
    """Orders groups as they are numbered."""
    return tuple((label is None, (label or "").encode()) for label in group)


def matching(
    groups: Groups, query: BreakdownQuery, names: Mapping[tuple[str, str], str]
) -> list[int] | None:
    """The numbers of the groups with a label that contains the text that is searched for, or whose
    name does; None: all.
    """
    if not query.search:
        return None
    wanted, labels = query.search.casefold(), query.figures.group_by

    def matches(label: str, value: str) -> bool:
        name = names.get((label, value), "")
        return wanted in value.casefold() or wanted in name.casefold()

    return [
        number
        for number, group in enumerate(groups)
        if any(value and matches(label, value) for label, value in zip(labels, group, strict=True))
    ]
