"""Words of the vocabulary that messages hold as terms; where they stand they are codes."""

from service.language.translations import N_

TERMS = (
    N_("event"),
    N_("rule"),
    N_("silence"),
    N_("key"),
    N_("user"),
    N_("tenant"),
    N_("dashboard"),
    N_("metric"),
    N_("service"),
    N_("sum"),
    N_("avg"),
    N_("min"),
    N_("max"),
    N_("count"),
    N_("first"),
    N_("last"),
    N_("different from"),
    N_("real_time"),
    N_("hourly"),
    N_("daily"),
    N_("monthly"),
    N_("minute"),
    N_("hour"),
    N_("day"),
    N_("week"),
    N_("month"),
)
