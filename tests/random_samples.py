"""Random samples and questions: instants and values where figures go wrong first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
from hypothesis import strategies as st

from tests.reference import Labels, Sample, start_of

MICROSECOND = timedelta(microseconds=1)
FREQUENCIES = ("real_time", "hourly", "daily", "monthly")
ZONES = ("UTC", "America/Sao_Paulo", "America/New_York", "Europe/Lisbon", "Asia/Tokyo")

# How far back samples are made; a little less than the service accepts.
MAX_AGE = {
    "real_time": timedelta(days=5),
    "hourly": timedelta(days=84),
    "daily": timedelta(days=660),
    "monthly": timedelta(days=1700),
}


@st.composite
def some_series(draw: st.DrawFn) -> list[Labels]:
    """A few series, more often than not of one unit and one or two frequencies."""
    units = draw(st.sampled_from((("BRL",), ("BRL",), ("BRL",), ("BRL", "USD", None))))
    frequencies = draw(
        st.one_of(st.just(FREQUENCIES), st.lists(st.sampled_from(FREQUENCIES), min_size=1))
    )
    labels = st.builds(
        Labels,
        frequency=st.sampled_from(frequencies),
        unit=st.sampled_from(units),
        service_name=st.sampled_from((None, "checkout", "payment-service")),
        affiliate_id=st.sampled_from((None, "a-1")),
        region=st.sampled_from((None, "SP", "RJ")),
        payment_method=st.sampled_from((None, "pix", "boleto")),
    )
    return draw(st.lists(labels, min_size=2, max_size=6))


cents = st.one_of(
    st.integers(-(10**9), 10**9).map(lambda amount: amount / 100),
    st.sampled_from((0.0, 0.01, 0.1, 0.2, -0.01)),
)
anything = st.one_of(
    st.floats(-1e12, 1e12, allow_subnormal=False),
    st.sampled_from(
        (0.0, -0.0, 0.1, 1e-12, -1e-12, 1e15, -1e15, 2.0**53 - 1, 0.1 + 0.2, 1e100, 1e-100)
    ),
)

groups = st.lists(
    st.sampled_from(("service_name", "affiliate_id", "region", "unit", "payment_method")),
    max_size=3,
    unique=True,
).map(tuple)
NO_FILTER: dict[str, str] = {}
some_filters = st.fixed_dictionaries(
    {},
    optional={
        "unit": st.sampled_from(("BRL", "USD")),
        "service_name": st.sampled_from(("checkout", "payment-service")),
        "region": st.just("SP"),
        "frequency": st.sampled_from(FREQUENCIES),
        "payment_method": st.just("pix"),
    },
)
filters = st.one_of(st.just(NO_FILTER), some_filters)


@dataclass(frozen=True)
class Moment:
    """An instant, as a share of the time that is covered; perhaps moved to an edge."""

    share: float
    edge: str | None
    zone: str
    nudge: timedelta

    def within(self, newest: datetime, span: timedelta) -> datetime:
        """The instant, no more than `span` before `newest`."""
        ts = newest - self.share * span
        if self.edge is None:
            return ts
        on_edge = start_of(ts, self.edge, ZoneInfo(self.zone)) + self.nudge
        return on_edge if newest - span <= on_edge <= newest else ts


moments = st.builds(
    Moment,
    share=st.one_of(st.floats(0, 1), st.floats(0, 0.05)),
    edge=st.sampled_from((None, "minute", "hour", "day", "week", "month")),
    zone=st.sampled_from(ZONES),
    nudge=st.sampled_from((-MICROSECOND, timedelta(), MICROSECOND)),
)


@dataclass(frozen=True)
class Draft:
    """A sample that has no instant and no id yet."""

    moment: Moment
    labels: Labels
    value: float

    def body(self, metric: str, newest: datetime) -> dict[str, object]:
        """As it is posted."""
        fields = self.labels._asdict()
        method = fields.pop("payment_method")
        ts = self.moment.within(newest, MAX_AGE[self.labels.frequency])
        return {
            "metric_name": metric,
            "metric_type": "revenue",
            "value": self.value,
            "timestamp": ts.isoformat(),
            **{name: value for name, value in fields.items() if value is not None},
            **({"metadata": {"payment_method": method}} if method else {}),
        }


@st.composite
def drafts(draw: st.DrawFn) -> list[Draft]:
    """Samples of a few series at a few instants, so that many share one or the other."""
    series = draw(some_series())
    instants = draw(st.lists(moments, min_size=1, max_size=12))
    values = draw(st.sampled_from((cents, cents, anything)))
    one = st.builds(Draft, st.sampled_from(instants), st.sampled_from(series), values)
    return draw(st.lists(one, min_size=10, max_size=50))


def post(client: httpx2.Client, metric: str, made: Sequence[Draft]) -> list[Sample]:
    """Submit them; the samples as they must be stored now. What has no unit is taken while the
    metric has none, too.
    """
    newest = datetime.now(UTC)
    stored: list[Sample] = []
    bare = [draft for draft in made if draft.labels.unit is None]
    named = [draft for draft in made if draft.labels.unit is not None]
    for some in filter(None, (bare, named)):
        units = sorted({draft.labels.unit for draft in some if draft.labels.unit})
        first = [draft for draft in some if draft.labels.unit == some[0].labels.unit]
        if not _takes(client, metric, units):
            stored += _posted(client, metric, first, newest)
            assert _takes(client, metric, units)
            some = [draft for draft in some if draft not in first]
        stored += _posted(client, metric, some, newest) if some else []
    return stored


def _takes(client: httpx2.Client, metric: str, units: Sequence[str]) -> bool:
    """Let the metric take those units; False where it is not known yet."""
    answer = client.patch(f"/api/metrics/catalog/{metric}", json={"units": units})
    assert answer.status_code in (200, 404), answer.text
    return answer.status_code == 200


def _posted(
    client: httpx2.Client, metric: str, some: Sequence[Draft], newest: datetime
) -> list[Sample]:
    bodies = [draft.body(metric, newest) for draft in some]
    return _stored(client, bodies, [draft.labels for draft in some])


def submit(
    client: httpx2.Client,
    metric: str,
    frequency: str,
    ages: Sequence[timedelta],
    now: datetime | None = None,
) -> list[Sample]:
    """Submit samples of one series, that old, worth a cent more each."""
    _takes(client, metric, ["BRL"])
    now = now or datetime.now(UTC)
    series = Labels(frequency=frequency, unit="BRL")
    bodies: list[dict[str, object]] = [
        {
            "metric_name": metric,
            "metric_type": "revenue",
            "value": number / 100,
            "frequency": frequency,
            "unit": "BRL",
            "timestamp": (now - age).isoformat(),
        }
        for number, age in enumerate(ages, start=1)
    ]
    return _stored(client, bodies, [series] * len(bodies))


def _stored(
    client: httpx2.Client, bodies: Sequence[dict[str, Any]], series: Sequence[Labels]
) -> list[Sample]:
    posted = client.post("/api/metrics/batch", json={"metrics": bodies})
    assert posted.status_code == 201, posted.text
    return [
        Sample(datetime.fromisoformat(body["timestamp"]), number, labels, body["value"])
        for body, number, labels in zip(bodies, posted.json()["metric_ids"], series, strict=True)
    ]
