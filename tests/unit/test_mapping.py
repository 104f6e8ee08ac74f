"""Targets that a mapping makes of names and tags."""

import re
from typing import Any

import pytest

from service.metrics.ingest.metric_table import MetricEntry
from service.metrics.ingest.sample import Origin, Sample
from service.metrics.mapping.door import scaled
from service.metrics.mapping.file import parsed
from service.metrics.mapping.mapping import DEFAULT, Mapping
from service.metrics.mapping.point import Foreign, Form, Point
from service.metrics.mapping.target import LeftOut, Target
from sql.errors import Invalid
from sql.scope import Scope
from tests.conftest import ROOT

CATALOGUE = {
    "revenue_hourly": MetricEntry("revenue", ["BRL"], frequency="hourly"),
    "active_users": MetricEntry("user_activity", ["users"], frequency="real_time"),
    "throughput": MetricEntry("performance", ["requests/s"], frequency="real_time"),
}


def mapping(yaml: str) -> Mapping:
    return Mapping(parsed(yaml.encode()))


def becomes(
    one: Mapping, name: str, form: Form | None = None, scope: Scope | None = None, **tags: str
) -> Target | LeftOut:
    series = Foreign(name, tuple(sorted(tags.items())), form)
    return one.target(scope or Scope(), CATALOGUE, series)


def sample_of(one: Mapping, name: str, form: Form | None = None, **tags: str) -> Sample:
    """A sample of it."""
    found = becomes(one, name, form, None, **tags)
    assert isinstance(found, Target), found
    return found.source.sample


def origin(one: Sample) -> Origin:
    assert one.origin is not None
    return one.origin


def assumed(one: Sample) -> MetricEntry:
    assert one.assumed is not None
    return one.assumed


def reason(one: Mapping, name: str, form: Form | None = None, **tags: str) -> str:
    found = becomes(one, name, form, None, **tags)
    assert isinstance(found, LeftOut), found
    return found.reason


def test_without_rules_what_the_catalogue_knows_is_taken_as_it_says() -> None:
    found = sample_of(DEFAULT, "revenue_hourly", service="shop", uf="SP")
    assert (found.metric_name, found.metric_type, found.frequency) == (
        "revenue_hourly",
        "revenue",
        "hourly",
    )
    assert (found.service_name, found.region, found.metadata) == ("shop", None, {"uf": "SP"})


@pytest.mark.parametrize(
    ("name", "metric_type"),
    [
        ("revenue_total", "revenue"),
        ("revenue", "revenue"),
        ("commission.paid", "commission"),
        ("user_activity_x", "user_activity"),
        ("revenues", None),
        ("shop_revenue", None),
        ("go_gc_duration_seconds", None),
        ("", None),
    ],
)
def test_names_tell_their_type(name: str, metric_type: str | None) -> None:
    if metric_type is None:
        assert reason(DEFAULT, name) == "unmapped"
    else:
        assert sample_of(DEFAULT, name).metric_type == metric_type


def test_names_are_made_legal() -> None:
    found = sample_of(DEFAULT, "revenue per day/ñ")
    assert found.metric_name == "revenue_per_day__"
    assert found.metadata == {"source": "revenue per day/ñ"}
    assert len(sample_of(DEFAULT, "revenue_" + "x" * 500).metric_name) == 200


@pytest.mark.parametrize(
    ("name", "form", "kind"),
    [
        ("revenue_x", None, "flow"),
        ("revenue_x", "delta", "flow"),
        ("revenue_x", "cumulative", "flow"),
        ("revenue_x", "gauge", "stock"),
        ("performance_x", None, "ratio"),
        ("performance_x", "gauge", "ratio"),
        ("performance_x", "cumulative", "flow"),
    ],
)
def test_the_kind_of_a_metric_that_is_new(name: str, form: Form | None, kind: str) -> None:
    assert assumed(sample_of(DEFAULT, name, form)).kind == kind


def test_what_would_make_wrong_figures_is_left_out() -> None:
    assert reason(DEFAULT, "revenue_hourly", "gauge") == "form"
    assert reason(DEFAULT, "active_users", "cumulative") == "form"
    assert sample_of(DEFAULT, "active_users", "gauge").metric_name == "active_users"
    assert origin(sample_of(DEFAULT, "revenue_hourly", "cumulative")).cumulative


def test_the_first_rule_that_matches_counts() -> None:
    one = mapping(
        """
        others: none
        metrics:
          - {match: shop_a, metric: first, type: revenue}
          - {match: "shop_*", metric: "of_*", type: revenue}
          - {match: shop_b, metric: never, type: revenue}
          - {match: "*_b", take: false}
        """
    )
    assert sample_of(one, "shop_a").metric_name == "first"
    assert sample_of(one, "shop_b").metric_name == "of_b"
    assert reason(one, "x_b") == "unmapped"
    assert reason(one, "revenue_x") == "unmapped"


def test_sources_are_told_apart_by_what_is_stored_of_them() -> None:
    one = mapping(
        "drop: [host]\nignore: [replica]\nmetrics: [{match: a_*, type: revenue, metric: a}]"
    )
    same = [sample_of(one, "a_1", host="x", replica=replica) for replica in "pq"]
    assert same[0].origin == same[1].origin
    others = [
        sample_of(one, "a_1", host="x"),
        sample_of(one, "a_1", host="y"),
        sample_of(one, "a_2", host="x"),
        sample_of(one, "a_1", host="x", till="1"),
    ]
    assert len({origin(found).source for found in others}) == 4
    assert len({repr(found.metadata) for found in others}) == 4
    assert others[3].metadata is not None
    assert others[3].metadata["till"] == "1"


def test_sources_of_tenants_and_of_services_that_keys_are_bound_to_are_others() -> None:
    scopes = [Scope(), Scope("other"), Scope("default", "shop"), Scope("default", "till")]
    found = [becomes(DEFAULT, "revenue_x", scope=scope) for scope in scopes]
    samples = [one.source.sample for one in found if isinstance(one, Target)]
    assert len({origin(one).source for one in samples}) == 4


def test_a_counter_stays_the_same_source_where_its_tags_become_labels() -> None:
    plain = sample_of(DEFAULT, "revenue_x", "cumulative", job="shop")
    one = sample_of(mapping("labels: {service_name: job}"), "revenue_x", "cumulative", job="shop")
    assert one.service_name == "shop"
    assert plain.origin == one.origin


def test_a_counter_that_is_scaled_otherwise_starts_anew() -> None:
    """Or its fall would be taken for a beginning, and all of it count."""
    plain = sample_of(DEFAULT, "revenue_x", "cumulative")
    one = sample_of(
        mapping("metrics: [{match: revenue_x, scale: 0.01}]"), "revenue_x", "cumulative"
    )
    assert origin(plain).source != origin(one).source


def test_labels_that_are_too_long_are_a_mistake() -> None:
    found = becomes(DEFAULT, "revenue_x", region="x" * 201)
    assert isinstance(found, LeftOut)
    assert found.refused


def test_a_point_is_scaled() -> None:
    one = mapping("metrics: [{match: a, type: revenue, scale: 0.01}]")
    found = becomes(one, "a")
    assert isinstance(found, Target)
    point = scaled(Point(Foreign("a", ()), 14990.0, 0), found)
    assert point.value == pytest.approx(149.9)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("[]", "line 1"),
        ("metrics:\n  - match: a\n    scale: 0", "line 3"),
        ("metrics:\n  - match: a\n    take: false\n    type: revenue", "has nothing but match"),
        ("metrics: [{match: a, metric: 'b_*'}]", "metric may have one *"),
        ("metrics: [{match: '*a*b*c*'}]", "3 * at most"),
        ("metrics: [{match: a, form: gauge, kind: flow}]", "a gauge cannot be a flow"),
        ("labels: {service: a}", "line 1"),
        ("metrics:\n  - {match: a}\n  - {match: a, match: b}", "line 3"),
        ("drop: 010", "line 1"),
    ],
)
def test_what_is_wrong_is_named(yaml: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        mapping(yaml)
    assert message in str(refused.value)


def test_the_example_in_the_documentation_is_a_mapping() -> None:
    text = (ROOT / "docs" / "protocols.md").read_text()
    yaml = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    found: Any = sample_of(
        mapping(yaml), "shop_orders_total", None, uf="SP", host="a", payment="pix"
    )
    assert (found.metric_name, found.unit, found.service_name) == ("orders_paid", "BRL", None)
    assert found.metadata["payment_method"] == "pix"
    assert found.assumed.dimensions == ("payment_method",)
