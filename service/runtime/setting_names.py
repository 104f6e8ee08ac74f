"""Unknown names of settings in the environment: misspelt, or another program's."""

from collections.abc import Collection, Mapping
from difflib import SequenceMatcher

_PREFIXES = ("FATURE_", "RETENTION_")
# More alike than this, of 1, is a slip of the fingers.
_ALIKE = 0.75
# Kubernetes tells every container of a service named fature-… in variables such as these.
_SERVICE_LINKS = ("_SERVICE_HOST", "_SERVICE_PORT", "_TCP", "_UDP", "_PROTO", "_ADDR")


def unknown_names(environment: Mapping[str, str], known: Collection[str]) -> dict[str, str | None]:
    """The names that begin as a setting's and are none, each with the setting that it is almost
    the name of, if it is. `known` are the settings' names; each may end in ``_FILE``.
    """
    return {
        name: _nearest(name.upper().removesuffix("_FILE"), known)
        for name, value in environment.items()
        if name.upper().startswith(_PREFIXES)
        and name.upper().removesuffix("_FILE") not in known
        and not _is_service_link(name, value)
    }


def _nearest(name: str, known: Collection[str]) -> str | None:
    best = max(known, key=lambda one: _likeness(name, one))
    return best if _likeness(name, best) > _ALIKE else None


def _likeness(one: str, other: str) -> float:
    """From 0 to 1, without what all names begin with; 1 for the same letters in another order."""
    one, other = (text.removeprefix("FATURE_") for text in (one, other))
    if sorted(one) == sorted(other):
        return 1.0
    return SequenceMatcher(None, one, other).ratio()


def _is_service_link(name: str, value: str) -> bool:
    parts = name.upper()
    return parts.endswith(_SERVICE_LINKS) or "_PORT_" in parts or "://" in value[:6]
