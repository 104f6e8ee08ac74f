"""Warnings about rules that are allowed, but can never fire or never notify."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from psycopg.rows import DictRow

from alerts.recipients import targets
from alerts.rules import Rule
from alerts.selection import passes
from alerts.watched import CatalogueEntry, unit_of
from sql.database import Connection, Pool, connection, run
from sql.messages import Listing, Message, Value
from sql.scope import Scope
from sql.vocabulary import LABELS, NONE


@dataclass(frozen=True, slots=True)
class Reachable:
    """The channels that are set up, and those of them that have a default recipient."""

    channels: Collection[str]
    defaults: Collection[str]


async def warnings_of(
    pool: Pool, scope: Scope, rule: Rule, entry: CatalogueEntry | None, reachable: Reachable
) -> list[Message]:
    """The reasons why the rule cannot fire, or cannot notify."""
    async with connection(pool) as conn:
        found = list(await _of_the_metric(conn, scope.tenant, rule, entry))
        found += _of_members(await run(conn, "members"))
    return found + list(_of_the_channels(rule, reachable))


async def _of_the_metric(
    conn: Connection, tenant: str, rule: Rule, entry: CatalogueEntry | None
) -> list[Message]:
    metric = {"tenant": tenant, "metric_name": rule.metric_name}
    if entry is None:
        rows = await run(conn, "alert_metric_names", {"tenant": tenant})
        return [_unknown_metric(rule.metric_name, [row["metric_name"] for row in rows])]
    wanted = _labels(rule)
    params = metric | {"names": list(wanted), "labels": list(wanted.values())}
    seen = await run(conn, "alert_seen_labels", params)
    units = await run(conn, "alert_units", metric)
    return [*_unseen(rule.metric_name, seen), *_other_units(rule, entry, units)]


def _labels(rule: Rule) -> dict[str, str]:
    given: Mapping[str, str | None] = {name: getattr(rule, name) for name in LABELS}
    labels = {**given, "unit": rule.unit, **rule.filters}
    return {name: label for name, label in labels.items() if label is not None}


def _unknown_metric(name: str, known: Sequence[str]) -> Message:
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        values: dict[str, Value] = {"metric": name, "names": Listing(tuple(near), "or")}
        return Message("No sample of {metric} was seen yet: is it {names}?", values)
    return Message("No sample of {metric} was seen yet", {"metric": name})


def _unseen(metric: str, seen: Sequence[DictRow]) -> Iterator[Message]:
    for row in seen:
        if not row["seen"]:
            values: dict[str, Value] = {
                "metric": metric,
                "label": row["name"],
                "value": row["label"],
            }
            yield Message("No sample of {metric} with {label} {value} was seen yet", values)


def _other_units(
    rule: Rule, entry: CatalogueEntry, units: Sequence[Mapping[str, Any]]
) -> Iterator[Message]:
    unit = unit_of(rule, entry)
    others = [row["unit"] or NONE for row in units if not passes(unit, row["unit"])]
    if others:
        values: dict[str, Value] = {"metric": rule.metric_name, "units": Listing(tuple(others))}
        yield Message("Samples of {metric} in {units} are left out", values)


def _of_members(members: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
    if members:
        names = Listing(tuple(one["member_name"] for one in members))
        yield Message(
            "Only samples of this installation are watched, not of {names}", {"names": names}
        )


def _of_the_channels(rule: Rule, reachable: Reachable) -> Iterator[Message]:
    if not rule.notification_channels:
        yield Message("No channel is named: nobody is notified")
    defaulted = {
        target.channel
        for target in targets(rule.notification_channels, rule.notification_recipients)
        if not target.recipient
    }
    for channel in rule.notification_channels:
        if channel not in reachable.channels:
            values: dict[str, Value] = {"channel": channel}
            yield Message("{channel} is not set up: nobody is notified through it", values)
        elif channel in defaulted and channel not in reachable.defaults:
            values = {"channel": channel}
            yield Message(
                "{channel} has neither recipient nor default: nobody is notified through it",
                values,
            )
