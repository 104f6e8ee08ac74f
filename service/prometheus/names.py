"""Names as Prometheus takes them: letters, digits and underscores; of metrics colons, too."""

import re
from collections.abc import Iterable, Mapping

from sql.errors import Invalid, Problem
from sql.messages import Listing, Message

# Labels that say which values those of a series are; a dimension of such a name is `exported_…`.
RESERVED = frozenset({"aggregation", "period", "state", "job", "instance"})
_IN_METRICS = re.compile(r"[^a-zA-Z0-9_:]")
_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]")
_UNITS = {"%": "percent"}


def metric_name_of(name: str) -> str:
    """The name of a metric, with underscores for what cannot be in one."""
    return _begun(_IN_METRICS.sub("_", name))


def unit_name_of(unit: str | None) -> str:
    """The unit as the end of a name; empty where there is none."""
    if unit is None:
        return ""
    return _UNITS.get(unit) or re.sub(r"_+", "_", _IN_LABELS.sub("_", unit)).strip("_")


def label_names_of(names: Iterable[str]) -> Mapping[str, str]:
    """The label that each name becomes.

    Raises:
        Invalid: two become the same.
    """
    found = {name: _label(name) for name in names}
    check_distinct(found)
    return found


def check_distinct(names: Mapping[str, str]) -> None:
    """Refuse names that become the same one.

    Raises:
        Invalid: naming them.
    """
    owners: dict[str, str] = {}
    for name, becomes in names.items():
        if (other := owners.setdefault(becomes, name)) != name:
            message = Message(
                "{names} would both be {name} in Prometheus",
                {"names": Listing((other, name), "and"), "name": becomes},
            )
            raise Invalid(Problem(message))


def _label(name: str) -> str:
    text = _begun(_IN_LABELS.sub("_", name))
    # What begins with two underscores is Prometheus' own.
    return f"exported_{text}" if text in RESERVED or text.startswith("__") else text


def _begun(name: str) -> str:
    return f"_{name}" if name[:1].isdigit() else name
