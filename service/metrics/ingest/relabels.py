"""Relabels in memory: which values of labels are stored as others."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import DictRow

from sql.connections import Connection
from sql.database import run
from sql.vocabulary import LABELS

if TYPE_CHECKING:
    from service.metrics.ingest.series import SeriesKey

# Of relabels that follow from each other; that they go round in a circle is prevented.
_MOST_STEPS = 10


class _Relabel(NamedTuple):
    metric_name: str | None
    service_name: str | None
    to: str | None

    def applies_to(self, key: "SeriesKey") -> bool:
        return self.metric_name in (None, key.metric_name) and self.service_name in (
            None,
            key.service_name,
        )


class Relabels:
    """The relabels of every tenant, read anew where they have changed."""

    def __init__(self) -> None:
        self._version: tuple[object, ...] = ()
        self._salt = b""
        self._by_label: Mapping[tuple[str, str], Mapping[bytes, Sequence[_Relabel]]] = {}

    @property
    def is_known(self) -> bool:
        """True once they were read."""
        return bool(self._version)

    async def reload(self, conn: Connection) -> bool:
        """Read them as they are now; True where they are not as they were before."""
        (version,) = await run(conn, "relabels_version")
        if tuple(version.values()) == self._version:
            return False
        rows = await run(conn, "relabels")
        self._salt = rows[0]["salt"].bytes
        self._by_label = _by_label(row for row in rows if row["tenant"])
        is_first, self._version = not self._version, tuple(version.values())
        return not is_first

    def relabelled(self, key: "SeriesKey") -> "SeriesKey":
        """The key with the labels that it is stored with."""
        if not self._by_label:
            return key
        for _ in range(_MOST_STEPS):
            after = self._step(key)
            if after == key:
                break
            key = after
        return key

    def _step(self, key: "SeriesKey") -> "SeriesKey":
        for label in LABELS:
            value = getattr(key, label)
            if value and (found := self._found(key, label, value)):
                labels: dict[str, Any] = {label: found.to}
                return key._replace(**labels)
        for name, value in key.dimensions:
            if found := self._found(key, name, value):
                pairs = ((one, found.to if one == name else text) for one, text in key.dimensions)
                return key._replace(
                    dimensions=tuple((one, text) for one, text in pairs if text is not None)
                )
        return key

    def _found(self, key: "SeriesKey", label: str, value: str) -> _Relabel | None:
        digests = self._by_label.get((key.tenant, label))
        if not digests:
            return None
        digest = hashlib.sha256(self._salt + value.encode()).digest()
        return next((one for one in digests.get(digest, ()) if one.applies_to(key)), None)


def _by_label(
    rows: Iterable[DictRow],
) -> dict[tuple[str, str], dict[bytes, list[_Relabel]]]:
    """The most special first, of those the newest."""
    found: dict[tuple[str, str], dict[bytes, list[_Relabel]]] = {}
    for row in rows:
        one = _Relabel(row["metric_name"], row["service_name"], row["to_value"])
        digests = found.setdefault((row["tenant"], row["label"]), {})
        digests.setdefault(bytes(row["digest"]), []).insert(0, one)
    for digests in found.values():
        for relabels in digests.values():
            relabels.sort(key=lambda one: (one.metric_name is None, one.service_name is None))
    return found
