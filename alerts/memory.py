"""The leader's memory between ticks, brought up to date by reading what is new.

Rules are kept by version; series never change and are read once, by their ids.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from alerts.errors import RuleProblem
from alerts.keeping import EVERYTHING, Keeping
from alerts.outlooks import Outlooks
from alerts.profiles import Profiles
from alerts.retirement import Retirement
from alerts.rule_rows import from_row, readable
from alerts.selection import Plan, Series, StoredRule, entry_of_row, plan_of, series_of_row
from alerts.troubles import Trouble
from alerts.watched import CatalogueEntry
from sql.database import Connection, run
from sql.messages import Message
from sql.vocabulary import Frequency

Metric = tuple[str, str]


class Recorded(NamedTuple):
    """The reason in a rule's row why it cannot be judged, and since when."""

    error: str | None
    trouble: Trouble


class Memory:
    """Rules, catalogue and series of the watched metrics; holidays are those of `country`, figures
    are kept as `keeping` says.
    """

    def __init__(self, country: str = "", keeping: Keeping = EVERYTHING) -> None:
        self._country = country
        self.keeping = keeping
        self.first_seen: dict[int, datetime] = {}
        self.frequencies: dict[int, Frequency] = {}
        self._rules: dict[int, StoredRule] = {}
        self._unreadable: dict[int, tuple[StoredRule, Message]] = {}
        self.recorded: dict[int, Recorded] = {}
        self.retirement = Retirement()
        self.profiles = Profiles()
        self.outlooks = Outlooks()
        # Metrics of which negative samples were seen: sums of them can shrink.
        self.negative: set[Metric] = set()
        self._catalogue: dict[Metric, CatalogueEntry] = {}
        self._series: dict[Metric, dict[int, Series]] = {}
        self._settled = 0
        self._plans: dict[int, tuple[object, Plan | Message]] = {}
        self._heartbeat: datetime | None = None

    async def refresh(self, conn: Connection) -> None:
        """Read the rules that changed, the catalogue, and series that are new."""
        await self._refresh_rules(conn)
        watched = {(one.tenant, one.rule.metric_name) for one in self._rules.values()}
        rows = await run(conn, "alert_catalogue", _metrics(watched))
        self._catalogue = {(row["tenant"], row["metric_name"]): entry_of_row(row) for row in rows}
        await self._refresh_series(conn, watched)

    def plans(self) -> tuple[list[Plan], dict[int, Message]]:
        """The rules that can be evaluated, and why the others cannot."""
        plans: list[Plan] = []
        errors = {rule_id: reason for rule_id, (_, reason) in self._unreadable.items()}
        for stored in self._rules.values():
            plan = self._plan(stored)
            if isinstance(plan, Plan):
                plans.append(plan)
            else:
                errors[stored.rule_id] = plan
        return plans, errors

    @property
    def stored_rules(self) -> Iterator[StoredRule]:
        """Every active rule; of those that cannot be read what can."""
        yield from self._rules.values()
        yield from (stored for stored, _ in self._unreadable.values())

    def entry_of(self, stored: StoredRule) -> CatalogueEntry | None:
        """The catalogue's entry of a rule's metric."""
        return self._catalogue.get((stored.tenant, stored.rule.metric_name))

    def series_of(self, metric: Metric) -> Iterable[Series]:
        """The series of a watched metric."""
        return self._series[metric].values()

    def due_heartbeat(self, now: datetime, every: float) -> list[int]:
        """The rules, every so many seconds; otherwise none."""
        if self._heartbeat and abs((now - self._heartbeat).total_seconds()) < every:
            return []
        self._heartbeat = now
        return list(self._rules)

    async def _refresh_rules(self, conn: Connection) -> None:
        rows = await run(conn, "alert_rule_versions")
        versions = {row["rule_id"]: row["version"] for row in rows}
        known = {one: self._rules[one].version for one in self._rules}
        known |= {one: stored.version for one, (stored, _) in self._unreadable.items()}
        for gone in known.keys() - versions.keys():
            self._forget(gone)
        changed = [one for one, version in versions.items() if known.get(one) != version]
        if not changed:
            return
        for row in await run(conn, "alert_rules_by_id", {"rules": changed}):
            self._forget(row["rule_id"])
            trouble = Trouble(row["failing_since"], row["failure_notified_at"])
            self.recorded[row["rule_id"]] = Recorded(row["last_error"], trouble)
            try:
                self._rules[row["rule_id"]] = stored_rule(row)
            except (ValidationError, ValueError) as error:
                values = {"reason": _first_message(error)}
                reason = Message("the rule cannot be read: {reason}", values)
                stored = StoredRule(row["rule_id"], row["tenant"], row["version"], readable(row))
                self._unreadable[row["rule_id"]] = stored, reason

    def _forget(self, rule_id: int) -> None:
        self._rules.pop(rule_id, None)
        self._unreadable.pop(rule_id, None)
        self._plans.pop(rule_id, None)
        self.recorded.pop(rule_id, None)
        self.retirement.forget(rule_id)
        self.profiles.forget(rule_id)
        self.outlooks.forget(rule_id)

    async def _refresh_series(self, conn: Connection, watched: set[Metric]) -> None:
        added = watched - self._series.keys()
        for metric in self._series.keys() - watched:
            for series_id in self._series.pop(metric):
                self.first_seen.pop(series_id, None)
                self.frequencies.pop(series_id, None)
        settled = await run(conn, "settled_alert_series")
        if kept := watched - added:
            self._add_series(await run(conn, "alert_series", _metrics(kept, self._settled)))
        if added:
            self._series |= {metric: {} for metric in added}
            self._add_series(await run(conn, "alert_series", _metrics(added)))
        # Read before the series: at the next tick none with a smaller id is new.
        self._settled = settled[0]["series_id"] if settled else 0

    def _add_series(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            series_id = row["series_id"]
            members = self._series[row["tenant"], row["metric_name"]]
            if series_id in members:
                continue
            members[series_id] = series_of_row(row)
            self.first_seen.setdefault(series_id, row["created_at"])
            self.frequencies[series_id] = row["frequency"]

    def _plan(self, stored: StoredRule) -> Plan | Message:
        metric = stored.tenant, stored.rule.metric_name
        entry, series = self._catalogue.get(metric), self._series[metric]
        basis = (entry, len(series))
        known = self._plans.get(stored.rule_id)
        if known is not None and known[0] == basis:
            return known[1]
        plan: Plan | Message
        try:
            plan = plan_of(stored, entry, series.values(), self._country)
        except RuleProblem as problem:
            plan = problem.reason
        except Exception as error:
            plan = unforeseen(error)
        self._plans[stored.rule_id] = basis, plan
        return plan


def stored_rule(row: Mapping[str, Any]) -> StoredRule:
    """The rule of a whole row.

    Raises:
        ValidationError: the row has values that the API would refuse.
    """
    return StoredRule(row["rule_id"], row["tenant"], row["version"], from_row(row))


def unforeseen(error: Exception) -> Message:
    """The reason for an unexpected error that keeps a rule from being judged."""
    values = {"kind": type(error).__name__, "reason": str(error)}
    return Message("{kind}: {reason}", values)


def _metrics(metrics: Iterable[Metric], from_id: int = 0) -> dict[str, Any]:
    pairs = sorted(metrics)
    return {
        "tenants": [tenant for tenant, _ in pairs],
        "metrics": [name for _, name in pairs],
        "from_id": from_id,
    }


def _first_message(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
