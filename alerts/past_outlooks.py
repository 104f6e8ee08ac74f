"""Outlooks of the past: what was forecast at a time, of what was known then."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from alerts.baselines import Stretch
from alerts.expectation.projection import Ahead
from alerts.outlook import Outlook, history_before, origin_of, outlook_of, so_far, whole_window
from alerts.past import History
from alerts.past_figures import values_of
from alerts.selection import Group, Plan


def outlook_at(plan: Plan, group: Group, history: History, came: Stretch) -> Outlook | None:
    """The forecast of a window of which something came so far; None where too little is known."""
    watch, zone = plan.watch, history.zone
    origin = origin_of(watch, came.end, zone)
    known = Stretch(history_before(watch, origin, zone), origin)
    values = values_of(plan, group, history, known)
    return outlook_of(values, watch, whole_window(watch, came, zone), zone)


def aheads(
    plan: Plan, group: Group, history: History, steps: Iterable[datetime]
) -> Mapping[datetime, Ahead]:
    """What was forecast at each of these steps of the rest of the window under way, by the end of
    what came of it so far.
    """
    watch, zone = plan.watch, history.zone
    made: dict[datetime, Outlook | None] = {}
    found: dict[datetime, Ahead] = {}
    for came in dict.fromkeys(so_far(watch, step, zone) for step in steps):
        origin = origin_of(watch, came.end, zone)
        if origin not in made:
            made[origin] = outlook_at(plan, group, history, came)
        if (outlook := made[origin]) is not None:
            found[came.end] = outlook.since(came.end)
    return found
