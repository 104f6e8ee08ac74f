"""English phrases of the service with values in them, translated for readers of other languages.

Answers of the API and stored texts, such as why an alert opened, are English and stay so. Here
they are recognised by their words, and rendered with the same values.
"""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from service.language.translations import N_

if TYPE_CHECKING:
    from service.language.reader import Reader

# The more telling first: the first that fits is taken. A value is of the kind that its name
# says, without digits; `text` is a phrase itself.
PHRASES = (
    N_("{text} (and {number} more)"),
    N_("Still open; {text}"),
    N_("{text}, for {duration}"),
    N_("{aggregation} of {metric} is {figure}, not {condition} {figure2}"),
    N_("{aggregation} of {metric} is {figure}, {condition} {figure2}"),
    N_("There is no data for the {aggregation} of {metric}, which alerts"),
    N_("There is no data for the {aggregation} of {metric}, which resolves"),
    N_("There is no data for the {aggregation} of {metric}"),
    N_("Acknowledged by {name}"),
    N_("Resolved by {name}"),
    N_("There is no {word} {name}"),
    N_("There is another {word} named {name}"),
    N_("There is another user with the email {name}"),
    N_("There is a tenant {name} already"),
    N_("{metric} is submitted {words}: there are no figures per {word}"),
    N_("{metric} is submitted {words}: other time zones need samples per hour"),
    N_("{word} is finer than {metric}, which is submitted {words}: use {word2} or longer"),
    N_("The selection has several units ({name}); give unit= or group_by=unit"),
    N_("{metric} has several units ({name}), which are never added up: group by unit"),
    N_("The rule cannot be evaluated: {text}"),
    N_("That is more than {number} periods; narrow the range"),
    N_("Filling is possible for up to {number} periods; narrow the range"),
    N_("'{name}' is none of {name2}"),
    N_("'{name}' is no dimension of {metric}"),
    N_("'{name}' is not a duration; write 90s, 5m, 1h, 1d or 1h30m"),
    N_("'{name}' is no window; use {name2} or a duration like 5m"),
    N_("With {sign} {figure} it must be at most {figure2}"),
    N_("With {sign} {figure} it must be at least {figure2}"),
    N_("{sign} recovers when it no longer holds; leave it out"),
    N_("{name} is named twice"),
    N_("${name} is no variable of this dashboard"),
    N_("It ends behind column {number}"),
    N_("The form is larger than {number} MiB"),
    N_("The file is no JSON: {name}"),
    N_("This key makes rules for service_name {name} only"),
    N_("String should have at least {number} character"),
    N_("String should have at least {number} characters"),
    N_("String should have at most {number} character"),
    N_("String should have at most {number} characters"),
    N_("String should match pattern '{name}'"),
    N_("Input should be greater than or equal to {figure}"),
    N_("Input should be less than or equal to {figure}"),
    N_("Input should be a valid date or datetime, {name}"),
    N_("Input should be a valid date in the format YYYY-MM-DD, {name}"),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("List should have at most {number} items after validation, not {number2}"),
    N_("List should have at least {number} item after validation, not {number2}"),
    N_("Input should be {choices}"),
    # Of deliveries.
    N_("accepted"),
    N_("accepted by the provider"),
    N_("accepted, but for {number} of the recipients"),
    N_("the rule names no recipient and {name} is not set"),
    N_("the recipient is not an email address"),
    N_("the recipient is not an E.164 number"),
    N_("recipient refused with {name}"),
    N_("the server refused to log in with {number}"),
    N_("the server answered {number}"),
    N_("the server does not take this address"),
    N_("no answer within {number} s"),
    N_("the TLS handshake failed"),
    N_("cannot connect"),
    N_("the connection failed ({name})"),
    N_("the answer is not HTTP, or ended early"),
    N_("the target is not a URL"),
    N_("the target is not an http or https URL"),
    N_(
        "the target is in private, loopback or reserved address space "
        "(FATURE_WEBHOOK_ALLOW_PRIVATE allows it)"
    ),
    N_("answered {number}; redirects are not followed"),
    N_("answered {number}"),
    N_("{name} is not configured: set {name2}"),
    N_("unexpected failure ({name})"),
    # Whole sentences.
    N_("The rule was edited"),
    N_("The rule was deactivated"),
    N_("The event is already resolved"),
    N_("It is before start_date"),
    N_("end_date is before start_date"),
    N_("Give last, or both start_date and end_date"),
    N_("Use a year from 1900 to 2999"),
    N_("Given more than once"),
    N_("A group is named twice"),
    N_("A dimension is named twice"),
    N_("Something is named twice"),
    N_("A name is given twice"),
    N_("The character NUL cannot occur"),
    N_("The character NUL cannot be stored"),
    N_("Control characters are not allowed"),
    N_("Expected a number"),
    N_("At least 1m"),
    N_("At most 366 days"),
    N_("A trailing window is whole minutes, from 1m to 90d"),
    N_("Not a cursor from here"),
    N_("Unknown name"),
    N_("layout must have one place for every panel, and no other"),
    N_("{field}: {text}"),
)
# Names of values.
N_("event")
N_("rule")
N_("silence")
N_("key")
N_("user")
N_("tenant")
N_("dashboard")
N_("metric")
N_("service")
N_("sum")
N_("avg")
N_("min")
N_("max")
N_("count")
N_("first")
N_("last")
N_("different from")
N_("real_time")
N_("hourly")
N_("daily")
N_("monthly")
N_("hour")
N_("day")
N_("week")
N_("month")
_OR = N_(" or ")
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
