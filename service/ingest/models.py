"""Models of submitted samples, which validate them and which the OpenAPI document shows.

These are msgspec's, for the path that every sample takes (several times the speed of
pydantic, which validates everything else).
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from sql.vocabulary import Frequency, MetricType

# Its characters are looked at where the catalogue does not know it.
MetricName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description="Name of the metric: letters, digits and _ . : -",
        examples=["revenue_hourly"],
        extra_json_schema={"pattern": "^[A-Za-z0-9_.:-]+$"},
    ),
]
Label = Annotated[str, Meta(max_length=200)]

MAX_BATCH = 1000


class MetricIn(Struct, forbid_unknown_fields=True, gc=False):
    """One sample of a metric."""

    metric_name: MetricName
    metric_type: MetricType
    value: Annotated[float, Meta(description="A finite number", examples=[149.9])]
    frequency: Frequency
    unit: Annotated[Label, Meta(examples=["BRL"])] | UnsetType | None = UNSET
    service_name: Annotated[Label, Meta(examples=["payment-service"])] | UnsetType | None = UNSET
    affiliate_id: Label | UnsetType | None = UNSET
    region: Annotated[Label, Meta(examples=["SP"])] | UnsetType | None = UNSET
    metadata: (
        Annotated[
            dict[str, Any],
            Meta(description="Anything else about the sample, up to 8 KiB as JSON and 100 levels"),
        ]
        | UnsetType
        | None
    ) = UNSET
    timestamp: (
        Annotated[
            str,
            Meta(
                description="ISO 8601 with an offset; now if absent",
                extra_json_schema={"format": "date-time"},
            ),
        ]
        | UnsetType
        | None
    ) = UNSET


class BatchIn(Struct, forbid_unknown_fields=True):
    """Several samples, all stored or none."""

    metrics: Annotated[list[MetricIn], Meta(min_length=1, max_length=MAX_BATCH)]


class Recorded(Struct, kw_only=True):
    """Answer to one sample."""

    success: bool = True
    metric_id: int
    message: str = "Metric recorded successfully"


class BatchRecorded(Struct, kw_only=True):
    """Answer to several samples, ids in their order."""

    success: bool = True
    count: int
    metric_ids: list[int]
    message: str
