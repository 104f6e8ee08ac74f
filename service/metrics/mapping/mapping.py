"""A mapping at work: from a point's name and tags to its target; pure."""

import re
from collections.abc import Mapping as Map

from service.metrics.ingest.metric_table import MetricEntry
from service.metrics.ingest.sample import Origin, Sample, Source
from service.metrics.mapping.point import Foreign, Form, Tags
from service.metrics.mapping.rules import LabelRules, MappingRules, MetricRule
from service.metrics.mapping.target import LeftOut, Target, source_of
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import KIND_OF_TYPE, Kind, MetricType

_ILLEGAL = re.compile(r"[^A-Za-z0-9_.:-]")
# Service, affiliate, region.
Labels = tuple[str | None, str | None, str | None]
_TYPED = {one: re.compile(rf"{one}(?![A-Za-z0-9])") for one in KIND_OF_TYPE}
_OTHERS = MetricRule(match="*")
MAX_LABEL = 200
_TOO_LONG = Message("A label may have {most} characters at most", {"most": MAX_LABEL})
_NOT_TAKEN = Message("The mapping does not take this name")
_NO_TYPE = Message("No rule of the mapping takes this name, and it does not tell a type")


class Mapping:
    """The rules of a tenant, ready to be asked."""

    def __init__(self, rules: MappingRules) -> None:
        self._rules = rules
        self._exact: dict[str, int] = {}
        self._patterns: list[tuple[int, re.Pattern[str]]] = []
        for place, rule in enumerate(rules.metrics):
            if "*" in rule.match:
                self._patterns.append((place, _pattern(rule.match)))
            else:
                self._exact.setdefault(rule.match, place)

    def target(
        self, scope: Scope, catalogue: Map[str, MetricEntry], series: Foreign
    ) -> Target | LeftOut:
        """The target of the points of a series, as the catalogue is now."""
        name = series.name
        rule, metric_name = self._rule(name)
        if rule is None or not rule.take:
            return LeftOut("unmapped", _NOT_TAKEN)
        entry = catalogue.get(metric_name)
        metric_type = rule.type or (entry.metric_type if entry else type_of(metric_name))
        if metric_type is None:
            return LeftOut("unmapped", _NO_TYPE, entry, metric_name)
        form = rule.form or series.form
        kind = entry.kind if entry else rule.kind or kind_of(metric_type, form)
        if refusal := _refusal(metric_name, kind, form):
            return LeftOut("form", refusal, entry, metric_name)
        tags = tuple(tag for tag in series.tags if tag[1] and tag[0] not in self._rules.ignore)
        labels, rest = _labels(rule.labels or self._rules.labels, tags)
        unit = rule.unit or series.unit
        if any(len(text) > MAX_LABEL for text in (*labels, unit) if text):
            return LeftOut("label", _TOO_LONG, entry, metric_name, refused=True)
        metadata = self._metadata(rule, rest)
        if form == "cumulative":
            # It goes on whatever becomes of its tags, and starts anew where it is scaled otherwise.
            source = source_of(scope, name, (tags, rule.scale))
        else:
            source = _source_of_values(scope, name, labels, rest)
        lost = len(metadata) < len(rest)
        if metric_name != name or lost:
            # Tells it from others of the same series, of which an instant may be stored, too.
            metadata["source"] = f"{name}#{source[:8]}" if lost else name
        frequency = rule.frequency or (entry and entry.frequency) or "real_time"
        units, promoted = [unit] if unit else [], rule.dimensions.values()
        assumed = MetricEntry(metric_type, units, promoted, kind=kind, frequency=frequency)
        service_name, affiliate_id, region = labels
        sample = Sample(
            metric_name,
            metric_type,
            0.0,
            frequency,
            unit,
            service_name,
            affiliate_id,
            region,
            metadata or None,
            origin=Origin(source, form == "cumulative"),
            assumed=assumed,
        )
        return Target(Source(sample), rule.scale, entry)

    def _rule(self, name: str) -> tuple[MetricRule | None, str]:
        """The first rule that matches, and the name of its metric."""
        place = self._exact.get(name, len(self._rules.metrics))
        found = None
        for other, pattern in self._patterns:
            if other > place:
                break
            if match := pattern.fullmatch(name):
                place, found = other, match
                break
        if place == len(self._rules.metrics):
            taken = _OTHERS if self._rules.others == "typed" else None
            return taken, legal(name)
        rule = self._rules.metrics[place]
        metric = rule.metric or name
        if rule.metric and "*" in rule.metric and found:
            metric = rule.metric.replace("*", found[1])
        return rule, legal(metric)

    def _metadata(self, rule: MetricRule, tags: Tags) -> dict[str, object]:
        dropped = {*self._rules.drop, *rule.drop}
        return {
            rule.dimensions.get(name, name): value for name, value in tags if name not in dropped
        }


def legal(name: str) -> str:
    """A foreign name as a metric may be called."""
    return _ILLEGAL.sub("_", name)[:200]


def type_of(metric_name: str) -> MetricType | None:
    """The type that a name begins with, as ``revenue_total`` does."""
    return next((one for one, named in _TYPED.items() if named.match(metric_name)), None)


def kind_of(metric_type: MetricType, form: Form | None) -> Kind:
    """The kind of a metric that is new: what adds up is a flow, whatever its type."""
    usual = KIND_OF_TYPE[metric_type]
    if form in ("delta", "cumulative"):
        return "flow"
    return "stock" if form == "gauge" and usual == "flow" else usual


def _source_of_values(scope: Scope, name: str, labels: Labels, rest: Tags) -> str:
    """Values are of one source where they are of one series with the same metadata, by which those
    that are stored are found.
    """
    service, affiliate, region = labels
    return source_of(scope, name, (scope.service_name or service, affiliate, region, rest))


def _refusal(metric_name: str, kind: Kind | None, form: Form | None) -> Message | None:
    """Why samples of that form would make wrong figures."""
    if form == "gauge" and kind == "flow":
        return Message(
            "{metric} adds up, and a level that is sent again and again would count again and "
            "again: map it as delta or cumulative",
            {"metric": metric_name},
        )
    if form == "cumulative" and kind != "flow":
        return Message(
            "A counter adds up, and {metric} does not: map it as gauge or to another metric",
            {"metric": metric_name},
        )
    return None


def _labels(
    rules: LabelRules, tags: Tags
) -> tuple[tuple[str | None, str | None, str | None], Tags]:
    """Service, affiliate and region, and the tags that are none of them."""
    given = dict(tags)
    used = set()
    labels = []
    for names in (rules.service_name, rules.affiliate_id, rules.region):
        name = next((name for name in names if name in given), None)
        used.add(name)
        labels.append(given[name] if name else None)
    rest = tuple(tag for tag in tags if tag[0] not in used)
    return (labels[0], labels[1], labels[2]), rest


def _pattern(match: str) -> re.Pattern[str]:
    """Each * stands for any characters, of which the first are found as group 1."""
    first, *others = (re.escape(part) for part in match.split("*"))
    return re.compile(f"{first}(.*?){'.*?'.join(others)}", re.DOTALL)


DEFAULT = Mapping(MappingRules())
