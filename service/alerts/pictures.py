"""The chart of an event as a picture, for notifications."""

from babel import Locale

from service.alerts.charts import chart_of
from service.drawing.picture import Size, svg_of
from service.drawing.png import png_of
from service.language.reader import Reader
from service.metrics.query.beside import beside
from service.runtime.resources import Resources
from sql.database import fetch_all
from sql.scope import Scope

# As wide as mails are.
_SIZE = Size(width=600.0, plot=180.0)


async def event_picture(resources: Resources, event_id: int, language: str) -> bytes | None:
    """The chart of an event as PNG, in that language; None where nothing can be drawn."""
    found = await fetch_all(resources.pool, "drawn_event", {"event_id": event_id})
    if not found:
        return None
    (row,) = found
    rules = await fetch_all(resources.pool, "alert_rules_by_id", {"rules": [row["rule_id"]]})
    names = resources.label_names.of(row["tenant"])
    reader = Reader(language, Locale.parse(language, sep="-"), resources.settings.zone, names)
    scope, rule = Scope(row["tenant"]), rules[0] if rules else None
    if rule is None and row["rule"] is None:
        # Nobody knows any more what it was about: not to be drawn as if it were about everything.
        return None
    drawn = await chart_of(resources, scope, reader, row, rule)
    if drawn is None:
        return None
    title, note = reader.built_in(row["rule_name"]), reader.metric(row["metric_name"])
    return await png_of(await beside(svg_of, [drawn.chart], title, note, reader, _SIZE))
