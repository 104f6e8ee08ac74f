"""What the service says in English with values in it, as a reader of another language reads it.

Answers of the API and what is kept, such as why an alert opened, are English and stay so. Here
they are known again by their words, and said with the same values.
"""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from service.web.i18n import marked

if TYPE_CHECKING:
    from service.web.formats import Reader

# The more telling first: the first that fits is taken. A value is of the kind that its name
# says, without digits; `text` is a phrase itself.
PHRASES = (
    marked("{text} (and {number} more)"),
    marked("Still open; {text}"),
    marked("{text}, for {duration}"),
    marked("{aggregation} of {metric} is {figure}, not {condition} {figure2}"),
    marked("{aggregation} of {metric} is {figure}, {condition} {figure2}"),
    marked("There is no data for the {aggregation} of {metric}, which alerts"),
    marked("There is no data for the {aggregation} of {metric}, which resolves"),
    marked("There is no data for the {aggregation} of {metric}"),
    marked("Acknowledged by {name}"),
    marked("Resolved by {name}"),
    marked("There is no {word} {name}"),
    marked("There is another {word} named {name}"),
    marked("There is another user with the email {name}"),
    marked("There is a tenant {name} already"),
    marked("{metric} is submitted {words}: there are no figures per {word}"),
    marked("{metric} is submitted {words}: other time zones need samples per hour"),
    marked("{word} is finer than {metric}, which is submitted {words}: use {word2} or longer"),
    marked("The selection has several units ({name}); give unit= or group_by=unit"),
    marked("{metric} has several units ({name}), which are never added up: group by unit"),
    marked("The rule cannot be evaluated: {text}"),
    marked("That is more than {number} periods; narrow the range"),
    marked("Filling is possible for up to {number} periods; narrow the range"),
    marked("'{name}' is none of {name2}"),
    marked("'{name}' is no dimension of {metric}"),
    marked("'{name}' is not a duration; write 90s, 5m, 1h, 1d or 1h30m"),
    marked("'{name}' is no window; use {name2} or a duration like 5m"),
    marked("With {sign} {figure} it must be at most {figure2}"),
    marked("With {sign} {figure} it must be at least {figure2}"),
    marked("{sign} recovers when it no longer holds; leave it out"),
    marked("{name} is named twice"),
    marked("${name} is no variable of this dashboard"),
    marked("It ends behind column {number}"),
    marked("The form is larger than {number} MiB"),
    marked("The file is no JSON: {name}"),
    marked("This key makes rules for service_name {name} only"),
    marked("String should have at least {number} character"),
    marked("String should have at least {number} characters"),
    marked("String should have at most {number} character"),
    marked("String should have at most {number} characters"),
    marked("String should match pattern '{name}'"),
    marked("Input should be greater than or equal to {figure}"),
    marked("Input should be less than or equal to {figure}"),
    marked("Input should be a valid date or datetime, {name}"),
    marked("Input should be a valid date in the format YYYY-MM-DD, {name}"),
    marked("Input should be a valid integer, unable to parse string as an integer"),
    marked("List should have at most {number} items after validation, not {number2}"),
    marked("List should have at least {number} item after validation, not {number2}"),
    marked("Input should be {choices}"),
    # Of deliveries.
    marked("accepted"),
    marked("accepted by the provider"),
    marked("accepted, but for {number} of the recipients"),
    marked("the rule names no recipient and {name} is not set"),
    marked("the recipient is not an email address"),
    marked("the recipient is not an E.164 number"),
    marked("recipient refused with {name}"),
    marked("the server refused to log in with {number}"),
    marked("the server answered {number}"),
    marked("the server does not take this address"),
    marked("no answer within {number} s"),
    marked("the TLS handshake failed"),
    marked("cannot connect"),
    marked("the connection failed ({name})"),
    marked("the answer is not HTTP, or ended early"),
    marked("the target is not a URL"),
    marked("the target is not an http or https URL"),
    marked(
        "the target is in private, loopback or reserved address space "
        "(FATURE_WEBHOOK_ALLOW_PRIVATE allows it)"
    ),
    marked("answered {number}; redirects are not followed"),
    marked("answered {number}"),
    marked("{name} is not configured: set {name2}"),
    marked("unexpected failure ({name})"),
    # Whole sentences.
    marked("The rule was edited"),
    marked("The rule was deactivated"),
    marked("The event is already resolved"),
    marked("It is before start_date"),
    marked("end_date is before start_date"),
    marked("Give last, or both start_date and end_date"),
    marked("Use a year from 1900 to 2999"),
    marked("Given more than once"),
    marked("A group is named twice"),
    marked("A dimension is named twice"),
    marked("Something is named twice"),
    marked("A name is given twice"),
    marked("The character NUL cannot occur"),
    marked("The character NUL cannot be stored"),
    marked("Control characters are not allowed"),
    marked("Expected a number"),
    marked("At least 1m"),
    marked("At most 366 days"),
    marked("A trailing window is whole minutes, from 1m to 90d"),
    marked("Not a cursor from here"),
    marked("Unknown name"),
    marked("layout must have one place for every panel, and no other"),
    marked("{field}: {text}"),
)
# What values are called.
marked("event")
marked("rule")
marked("silence")
marked("key")
marked("user")
marked("tenant")
marked("dashboard")
marked("metric")
marked("service")
marked("sum")
marked("avg")
marked("min")
marked("max")
marked("count")
marked("first")
marked("last")
marked("different from")
marked("real_time")
marked("hourly")
marked("daily")
marked("monthly")
marked("hour")
marked("day")
marked("week")
marked("month")
_OR = marked(" or ")
_KINDS = {
    "text": r".+",
    "aggregation": r"sum|avg|min|max|count|first|last",
    "condition": r"above|below|at or above|at or below|equal to|different from",
    "figure": r"-?[\d.]+(?:e[+-]?\d+)?(?: [^,]+)?",
    "number": r"[\d.,]+",
    "duration": r"[\dsmhd]+",
    "metric": r"[A-Za-z0-9_.:-]+",
    "word": r"[a-z0-9_]+",
    "words": r"[a-z_, ]+",
    "sign": r"[<>=!]+",
    "field": r"[a-z_0-9.]+",
    "choices": r"'.+",
}
_VALUE = re.compile(r"\\{([a-z]+)(\d?)\\}")


@lru_cache(maxsize=1000)
def recognised(message: str) -> tuple[str, dict[str, str]] | None:
    """The phrase that a message is made from, and its values."""
    for phrase in PHRASES:
        if match := _pattern(phrase).fullmatch(message):
            return phrase, match.groupdict()
    return None


def told(name: str, value: str, reader: "Reader") -> str:
    """A value of a phrase as the reader writes it."""
    match name.rstrip("0123456789"):
        case "text" | "aggregation" | "condition" | "word":
            return reader.gettext(value)
        case "words":
            return ", ".join(reader.gettext(word) for word in value.split(", "))
        case "figure":
            number, _, unit = value.partition(" ")
            return f"{reader.number(float(number), 6)} {reader.unit(unit)}".strip()
        case "choices":
            return value.replace(" or ", reader.gettext(_OR))
    return value


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    def group(found: re.Match[str]) -> str:
        shape = _KINDS.get(found[1], ".+?")
        return f"(?P<{found[1]}{found[2]}>{shape})"

    return re.compile(_VALUE.sub(group, re.escape(phrase)), re.DOTALL)
