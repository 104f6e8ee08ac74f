"""Targets: what the points of one source become."""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec
from msgspec import Struct

from service.metrics.ingest.metric_table import MetricEntry
from service.metrics.ingest.sample import Origin, Sample
from service.metrics.mapping.point import Point
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import Frequency, MetricType


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
    """The metric and labels of a source's samples; `entry` is its metric's in the catalogue when
    this was found out, None of one that is new, which `assumed` describes.
    """

    metric_name: str
    metric_type: MetricType
    frequency: Frequency
    unit: str | None
    service_name: str | None
    affiliate_id: str | None
    region: str | None
    metadata: Mapping[str, object] | None
    origin: Origin
    scale: float
    entry: MetricEntry | None
    assumed: MetricEntry

    def sample(self, point: Point) -> Sample:
        """A point as a sample of this."""
        origin: Origin | None = self.origin
        if point.started is not None:
            origin = Origin(self.origin.source, self.origin.cumulative, point.started)
        elif point.ts is None and not self.origin.cumulative:
            # Two that name no instant are two.
            origin = None
        return Sample(
            self.metric_name,
            self.metric_type,
            point.value if self.scale == 1.0 else point.value * self.scale,
            self.frequency,
            self.unit,
            self.service_name,
            self.affiliate_id,
            self.region,
            self.metadata,
            point.ts,
            origin,
            self.assumed,
        )


def source_of(scope: Scope, name: str, labels: object) -> str:
    """32 hexadecimal digits that stand for a foreign series of a caller's tenant and service."""
    identity = msgspec.json.encode((scope.tenant, scope.service_name, name, labels))
    return blake2b(identity, digest_size=16).hexdigest()
