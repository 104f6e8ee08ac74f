"""The demo's past: what rules would have opened in it, and what services would have reported.

The API takes neither of the past, so that it goes to the database of this installation.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from service.commands.demo.health import Report, past_reports
from service.commands.demo.platform import day_of
from service.commands.demo.shapes import LIVE
from sql.database import connection, create_pool, run

DAYS = 90
# Rules on these look at each minute, of which there are some days only.
_LIVE_DAYS = 3
_LIVE_METRICS = frozenset(shape.metric_name for shape in LIVE)
TENANT = "default"
# Twelve thousand reports at once, perhaps on a busy machine.
_PATIENCE_SECONDS = 300.0
# Fields that a rule is judged by; the rest of it is of no use to a backtest.
_JUDGED = (
    "rule_name", "metric_name", "condition", "threshold_value", "severity", "aggregation",
    "type", "direction", "sensitivity",
    "window", "service_name", "affiliate_id", "region", "group_by", "for", "keep_firing_for",
    "recovery_threshold", "no_data",
)  # fmt: skip
# Who looked after an event, what they found, and the share of events that anybody looked after.
_PEOPLE = ("ana@fature.example", "bruno@fature.example")
_FINDINGS = {
    "revenue_hourly": "Payments failed at the provider; they switched over",
    "conversion_rate": "Follows the failing payments",
    "api_response_time": "A slow query after the deployment, rolled back",
    "commission_paid": "Flash sale, as planned",
}
_LOOKED_AFTER = 0.7


def rule_to_test(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The body that asks what a rule, as the API lists it, would have done."""
    days = _LIVE_DAYS if rule["metric_name"] in _LIVE_METRICS else DAYS
    return {name: rule[name] for name in _JUDGED if rule.get(name) is not None} | {"days": days}


def past_events(
    rule: Mapping[str, Any], backtest: Mapping[str, Any], zone: ZoneInfo
) -> list[dict[str, Any]]:
    """The events of a backtest that are over, some of them acknowledged."""
    return [
        {
            "rule_id": rule["id"],
            **_limit(rule, event.get("compared")),
            "value": event["value"],
            "peak_value": event["peak_value"],
            "unit": event["unit"],
            "aggregation": backtest["aggregation"],
            "window_name": backtest["window"],
            "group_labels": event["group"],
            "window_start": event["window_start"],
            "window_end": event["window_end"],
            "opened_at": event["opened_at"],
            "resolved_at": event["resolved_at"],
            "compared": event.get("compared"),
            **_looked_after(rule["metric_name"], event, zone),
        }
        for event in backtest["events"]
        if event["resolved_at"] is not None
    ]


def _limit(rule: Mapping[str, Any], compared: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the value was beyond: the threshold, or of what is unusual the end of the band."""
    if compared is None or rule.get("condition"):
        return {name: rule.get(name) for name in ("condition", "threshold_value")}
    lower = compared["lower"]
    if lower is not None and compared["figure"] < lower:
        return {"condition": "<", "threshold_value": lower}
    return {"condition": ">", "threshold_value": compared["upper"]}


def _looked_after(metric: str, event: Mapping[str, Any], zone: ZoneInfo) -> dict[str, str]:
    opened, resolved = (datetime.fromisoformat(event[at]) for at in ("opened_at", "resolved_at"))
    chance = day_of(opened, zone).noise(f"looked after {metric} {opened}")
    looked = opened + timedelta(minutes=chance.uniform(3, 25))
    if chance.random() > _LOOKED_AFTER or looked >= resolved:
        return {}
    return {
        "acknowledged_at": looked.isoformat(),
        "acknowledged_by": chance.choice(_PEOPLE),
        "comment": _FINDINGS.get(metric, "Looked into it"),
    }


def write_history(
    database_url: str, events: Sequence[Mapping[str, Any]], now: datetime, zone: ZoneInfo
) -> int:
    """Add events, and a week of health reports, that are not there yet; how many events.

    Raises:
        DatabaseError: the database is away.
    """
    return asyncio.run(_write(database_url, events, past_reports(now, zone)))


async def _write(url: str, events: Sequence[Mapping[str, Any]], reports: Iterable[Report]) -> int:
    pool = create_pool(url, size=1, statement_seconds=_PATIENCE_SECONDS)
    async with pool, connection(pool) as conn:
        values = {"tenant": TENANT, "reports": json.dumps(list(reports))}
        await run(conn, "add_past_health_reports", values)
        return len(await run(conn, "add_past_alert_events", {"events": json.dumps(events)}))


def backtests(
    rules: Iterable[Mapping[str, Any]], test: Any, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """The past events of every rule; `test` answers what a rule would have done."""
    found: list[dict[str, Any]] = []
    for rule in rules:
        answer = cast("Mapping[str, Any] | None", test(rule_to_test(rule)))
        if answer is not None:
            found += past_events(rule, answer, zone)
    return found
