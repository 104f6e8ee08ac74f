"""Dashboards as Grafana reads them: their queries, with variables and macros filled in as its
PostgreSQL data source does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sql.engine import Engine
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
# What a variable with this as its own value for all is filled in with, as it stands.
ALL = "'*'"
VARIABLES = ("tenant", "service", "region", "affiliate", "metric")

# Grafana's own: an argument ends at the first closing parenthesis.
_MACRO = re.compile(r"\$(__[_a-zA-Z0-9]+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$\{(\w+):sqlstring\}")


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a dashboard; `format` is `time_series`, `table`, `annotation` or `variable`."""

    dashboard: str
    title: str
    format: str
    sql: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.title}"


@dataclass(frozen=True, slots=True)
class View:
    """A viewer's choice: a time range, a time zone and the values of variables, of which
    those that are not given are `default` for the tenant and all for the rest.
    """

    engine: Engine
    start: datetime
    end: datetime
    timezone: str
    values: Mapping[str, list[str]] = field(default_factory=dict)


def dashboard(name: str) -> dict[str, Any]:
    """A dashboard by the name of its file."""
    found: dict[str, Any] = json.loads((FOLDER / "dashboards" / f"{name}.json").read_text())
    return found


def queries() -> Iterator[Query]:
    """Every query of every dashboard: of panels, variables and annotations."""
    for path in DASHBOARDS:
        found = dashboard(path.stem)
        for panel in found["panels"]:
            for target in panel["targets"]:
                yield Query(path.stem, panel["title"], target["format"], target["rawSql"])
        for variable in found["templating"]["list"]:
            yield Query(path.stem, f"${variable['name']}", "variable", variable["query"])
        for annotation in found["annotations"]["list"]:
            sql = annotation["target"]["rawSql"]
            yield Query(path.stem, annotation["name"], "annotation", sql)


def query_of(name: str, title: str, format: str = "time_series") -> Query:
    """The panel of that title and format."""
    (found,) = [q for q in queries() if (q.dashboard, q.title, q.format) == (name, title, format)]
    return found


def fill_in(sql: str, view: View) -> str:
    """Variables first, then macros."""
    sql = sql.replace("${__timezone}", view.timezone).replace("$__interval", "1m")
    sql = _VARIABLE.sub(lambda match: _values(match[1], view), sql)
    sql = _MACRO.sub(lambda match: _macro(match[1], match[2], view), sql)
    assert "$" not in sql, f"left in: {sql}"
    return sql


def _values(name: str, view: View) -> str:
    assert name in VARIABLES
    chosen = view.values.get(name, ["default"] if name == "tenant" else None)
    if chosen is None:
        return ALL
    return ",".join("'" + value.replace("'", "''") + "'" for value in chosen)


def _macro(name: str, arguments: str, view: View) -> str:
    start, end = (f"'{moment:%Y-%m-%dT%H:%M:%SZ}'" for moment in (view.start, view.end))
    if name == "__timeFilter":
        return f"{arguments} BETWEEN {start} AND {end}"
    if name == "__timeGroupAlias":
        column, interval = (each.strip() for each in arguments.split(","))
        assert interval == "1m"
        if view.engine == "timescale":
            return f"time_bucket('60.000s', {column}) AS \"time\""
        return f'floor(extract(epoch from {column})/60)*60 AS "time"'
    return {"__timeFrom": start, "__timeTo": end}[name]
