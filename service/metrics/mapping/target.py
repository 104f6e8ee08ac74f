"""Targets: what the points of one source become."""

from hashlib import blake2b

import msgspec
from msgspec import Struct

from service.metrics.ingest.metric_table import MetricEntry
from service.metrics.ingest.sample import Source
from sql.messages import Message
from sql.scope import Scope


class LeftOut(Struct, frozen=True):
    """Why points of a source become no samples; `reason` is a word for counting. Those that are
    `refused` are a mistake of whoever sends them.
    """

    reason: str
    message: Message
    entry: MetricEntry | None = None
    metric_name: str = ""
    refused: bool = False


class Target(Struct, frozen=True, gc=False):
    """The source whose samples a foreign series' points become, times `scale`; `entry` is their
    metric's in the catalogue when this was found out, None of one that is new.
    """

    source: Source
    scale: float
    entry: MetricEntry | None

    @property
    def metric_name(self) -> str:
        """The metric of its samples."""
        return self.source.sample.metric_name


def source_of(scope: Scope, name: str, labels: object) -> str:
    """32 hexadecimal digits that stand for a foreign series of a caller's tenant and service."""
    identity = msgspec.json.encode((scope.tenant, scope.service_name, name, labels))
    return blake2b(identity, digest_size=16).hexdigest()
