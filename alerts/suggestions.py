"""Suggestions: rules of each type that fits a metric, set so that they would have kept to a budget
of alerts.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from alerts.backtest import Backtest, Backtests
from alerts.rules import Rule
from sql.calendar import LongPeriod
from sql.errors import Invalid
from sql.scope import Scope
from sql.vocabulary import Frequency

# The window that is suggested, by how often a metric is submitted, and the days of its test.
_WINDOWS: Mapping[Frequency, LongPeriod] = {
    "real_time": "hour",
    "hourly": "hour",
    "daily": "day",
    "monthly": "month",
}
_DAYS: Mapping[LongPeriod, int] = {"hour": 30, "day": 90, "week": 365, "month": 730}
_FORECAST_DAYS = 30
# A rule's name has up to 200 characters.
_MOST_OF_NAME = 180


class Wanted(NamedTuple):
    """What rules are wanted of: `selection` are fields of a rule that select its series. `bad` is
    the side on which something is wrong, `alerts_per_month` how many are not too many.
    """

    metric_name: str
    frequency: Frequency
    selection: Mapping[str, Any]
    bad: Literal["below", "above"]
    alerts_per_month: float


class Suggestion(NamedTuple):
    """A rule, and what it would have done."""

    rule: Rule
    backtest: Backtest


async def suggestions(
    backtests: Backtests, scope: Scope, wanted: Wanted, now: datetime
) -> list[Suggestion]:
    """A rule of each type that fits, with its backtest.

    Raises:
        Forbidden: the metric is of another service than the caller's.
        Invalid: no rule can be judged, such as of what does not fit the catalogue.
    """
    found: list[Suggestion] = []
    wrong: list[Invalid] = []
    drafts = list(_drafts(wanted))
    for rule, days in drafts:
        try:
            tested = await backtests.fitted(scope, rule, days, now, wanted.alerts_per_month)
        except Invalid as error:
            # Such as too many groups for a rule of that type.
            wrong.append(error)
        else:
            found += [] if tested is None else [Suggestion(tested.plan.stored.rule, tested)]
    if len(wrong) == len(drafts):
        raise wrong[0]
    return found


def _drafts(wanted: Wanted) -> Iterator[tuple[Rule, int]]:
    """A rule of each type, and the days of its test; what has a threshold has none yet."""
    window = _WINDOWS[wanted.frequency]
    condition = "<" if wanted.bad == "below" else ">"
    compared = {"condition": condition, "threshold_value": 0, "window": window}
    unusual = {"direction": wanted.bad, "alerts_per_month": wanted.alerts_per_month}
    before = "previous_period" if window == "month" else "previous_week"
    yield _draft(wanted, "threshold", compared), _DAYS[window]
    yield _draft(wanted, "change", {**compared, "compare": before}), _DAYS[window]
    yield _draft(wanted, "anomaly", {**unusual, "window": window}), _DAYS[window]
    yield _draft(wanted, "forecast", {**compared, "window": "month"}), _FORECAST_DAYS


def _draft(wanted: Wanted, kind: str, fields: Mapping[str, Any]) -> Rule:
    return Rule.model_validate(
        {
            "rule_name": f"{wanted.metric_name[:_MOST_OF_NAME]} ({kind})",
            "metric_name": wanted.metric_name,
            "type": kind,
            "severity": "medium",
            "notification_channels": ["email"],
            **wanted.selection,
            **fields,
        }
    )
