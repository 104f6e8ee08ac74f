"""What makes a rule wrong, given what the catalogue says of its metric."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from alerts.baselines import is_comparable
from alerts.rules import Rule
from alerts.watch import FORESEEN_BY
from alerts.watched import OWN_WINDOW, CatalogueEntry, fits, window_of
from sql.durations import PERIODS, Calendar, Window
from sql.errors import Problem
from sql.messages import Listing, Message, Term, Value, terms
from sql.vocabulary import FREQUENCIES, GROUPABLE, Frequency, RuleType

# The windows of rules that judge periods of the calendar alone.
_CALENDAR: Mapping[RuleType, Collection[str]] = {"anomaly": PERIODS, "forecast": FORESEEN_BY}


def problems(
    rule: Rule, entry: CatalogueEntry | None, submitted: Collection[Frequency] = ()
) -> Iterator[Problem]:
    """The problems of the rule given what the catalogue says of its metric (None:
    nothing yet) and how often it is submitted, which counts more.
    """
    if entry is not None and entry.is_derived:
        about = {"metric": rule.metric_name}
        why = Message("{metric} is derived: watch the metrics of its formula", about)
        yield Problem(why, "metric_name")
        return
    window = window_of(rule, entry)
    if rule.compare and not is_comparable(window, rule.compare):
        said: dict[str, Value] = {"window": Term(str(window)), "compare": rule.compare}
        yield Problem(
            Message("{window} is longer than the time back to {compare}", said), "compare"
        )
    if rule.type in _CALENDAR and str(window) not in _CALENDAR[rule.type]:
        said = {"type": rule.type, "windows": terms(tuple(_CALENDAR[rule.type]))}
        yield Problem(Message("Rules of type {type} judge {windows}", said), "window")
    elif entry is not None:
        finest = min(submitted or (entry.frequency,), key=FREQUENCIES.index)
        if message := _too_fine(rule, window, finest):
            yield Problem(message, "window")
    yield from _of_names(rule, entry)


def _too_fine(rule: Rule, window: Window, finest: Frequency) -> Message | None:
    """Why a metric that is submitted no more often cannot be judged in a window."""
    values: dict[str, Value] = {
        "window": Term(str(window)),
        "metric": rule.metric_name,
        "frequency": Term(finest),
    }
    if not fits(finest, window):
        values["shortest"] = Term(OWN_WINDOW[finest])
        return Message(
            "{window} is finer than {metric}, which is submitted {frequency}: use {shortest} or "
            "longer",
            values,
        )
    if rule.type != "forecast" or not isinstance(window, Calendar):
        return None
    grain = FORESEEN_BY[window.period]
    if fits(finest, Calendar(grain)):
        return None
    values["grain"] = Term(grain)
    return Message(
        "The end of a {window} is forecast by {grain}: {metric} is submitted {frequency}", values
    )


def _of_names(rule: Rule, entry: CatalogueEntry | None) -> Iterator[Problem]:
    known = (*GROUPABLE, *(entry.dimensions if entry else ()))
    for name in rule.group_by:
        if name not in known:
            yield Problem(_none_of(name, known), "group_by")
    if entry is not None:
        for name in rule.filters:
            if name not in entry.dimensions:
                yield Problem(_none_of(name, entry.dimensions), "filters")


def _none_of(name: str, known: Sequence[str]) -> Message:
    if not known:
        return Message("{name} is no dimension of the metric", {"name": repr(name)})
    return Message(
        "{name} is none of {names}", {"name": repr(name), "names": Listing(tuple(known))}
    )
