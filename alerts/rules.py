"""What a rule is: its fields, their defaults, and what makes one wrong."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from alerts.recipients import Channel, problem_of
from sql.durations import (
    PERIODS,
    Calendar,
    Window,
    duration_text,
    parse_duration,
    parse_window,
)
from sql.vocabulary import (
    FREQUENCIES,
    LEVELS,
    Aggregation,
    Condition,
    Frequency,
    Kind,
    NoData,
    Severity,
)

LABELS = ("service_name", "affiliate_id", "region", "unit")
CHANNELS: tuple[Channel, ...] = get_args(Channel)
# The shortest window in which each frequency has something to say.
SHORTEST: dict[Frequency, int] = {
    "real_time": 60,
    "hourly": 3600,
    "daily": 86400,
    "monthly": 31 * 86400,
}
OWN_WINDOW: dict[Frequency, str] = {
    "real_time": "5m",
    "hourly": "hour",
    "daily": "day",
    "monthly": "month",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class CatalogueEntry(NamedTuple):
    """What the catalogue says of a metric."""

    kind: Kind = "ratio"
    default_aggregation: Aggregation = "avg"
    frequency: Frequency = "real_time"
    dimensions: Sequence[str] = ()
    unit: str | None = None


# What a name that was never seen is taken for, until it is catalogued.
UNKNOWN = CatalogueEntry()


class Problem(NamedTuple):
    """What is wrong with one field."""

    field: str
    message: str


def _text(value: object) -> object:
    if isinstance(value, str) and _CONTROL.search(value):
        raise ValueError("Control characters are not allowed")
    return value


def _number(value: object) -> object:
    if isinstance(value, str | bool):
        raise ValueError("Expected a number")
    return value


def _channel(value: object) -> object:
    if value not in CHANNELS:
        raise ValueError(f"Unknown channel {value!r}: use {', '.join(CHANNELS)}")
    return value


def _window(value: object) -> object:
    if isinstance(value, str):
        parse_window(value)
    return value


Text = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_text)]
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_number)]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema(
        {"type": "string", "description": "Such as 90s, 5m, 1h, 1d", "examples": ["5m"]}
    ),
]
WindowText = Annotated[
    str,
    BeforeValidator(_window),
    WithJsonSchema(
        {
            "type": "string",
            "description": f"{', '.join(PERIODS)}, or a trailing duration such as 5m",
            "examples": ["hour", "5m"],
        }
    ),
]


class Rule(BaseModel):
    """What is watched, and whom to tell. What is None follows the catalogue."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    rule_name: Text
    metric_name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")]
    condition: Condition
    threshold_value: Number
    severity: Severity
    notification_channels: list[Annotated[Channel, BeforeValidator(_channel)]] = Field(
        default_factory=list, max_length=4
    )
    notification_recipients: list[Annotated[str, Field(max_length=2000)]] = Field(
        default_factory=list,
        max_length=50,
        description="Email addresses, http(s) URLs, E.164 numbers; none: the configured defaults",
    )
    is_active: StrictBool = True
    aggregation: Aggregation | None = None
    window: WindowText | None = None
    service_name: Text | None = None
    affiliate_id: Text | None = None
    region: Text | None = None
    group_by: list[Text] = Field(default_factory=list, max_length=10)
    for_: Duration = Field(0.0, alias="for", description="How long it must hold to open")
    keep_firing_for: Duration = Field(0.0, description="How long it must be over to resolve")
    repeat_interval: Duration | None = Field(None, description="Tell again while it is open")
    recovery_threshold: Number | None = Field(None, description="The threshold if absent")
    no_data: NoData = "ignore"
    description: Annotated[str, Field(max_length=2000), BeforeValidator(_text)] = ""

    @field_validator("notification_channels", "group_by")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("A name is given twice")
        return names

    @field_validator("notification_recipients")
    @classmethod
    def _taken(cls, recipients: list[str], info: ValidationInfo) -> list[str]:
        channels = info.data.get("notification_channels")
        problems = [] if channels is None else [problem_of(one, channels) for one in recipients]
        if found := [problem for problem in problems if problem]:
            raise ValueError("; ".join(found))
        return recipients

    @field_validator("repeat_interval")
    @classmethod
    def _not_too_often(cls, seconds: float | None) -> float | None:
        if seconds is not None and seconds < 60:
            raise ValueError("At least 1m")
        return seconds

    @field_validator("recovery_threshold")
    @classmethod
    def _right_side(cls, value: float | None, info: ValidationInfo) -> float | None:
        condition, threshold = info.data.get("condition"), info.data.get("threshold_value")
        if value is None or condition is None or threshold is None:
            return value
        if condition in ("==", "!=") and value != threshold:
            raise ValueError(f"{condition} recovers when it no longer holds; leave it out")
        if condition in (">", ">=") and value > threshold:
            raise ValueError(f"With {condition} {threshold:g} it must be at most {threshold:g}")
        if condition in ("<", "<=") and value < threshold:
            raise ValueError(f"With {condition} {threshold:g} it must be at least {threshold:g}")
        return value


def aggregation_of(rule: Rule, entry: CatalogueEntry | None) -> Aggregation:
    """The aggregation the rule watches."""
    return rule.aggregation or (entry or UNKNOWN).default_aggregation


def window_of(rule: Rule, entry: CatalogueEntry | None) -> Window:
    """The window the rule watches."""
    return parse_window(rule.window or OWN_WINDOW[(entry or UNKNOWN).frequency])


def fits(frequency: Frequency, window: Window) -> bool:
    """Whether samples of that frequency can be judged in windows so short."""
    if isinstance(window, Calendar):
        return window.period in LEVELS[frequency]
    return window.seconds >= SHORTEST[frequency]


def problems(
    rule: Rule, entry: CatalogueEntry | None, submitted: Collection[Frequency] = ()
) -> Iterator[Problem]:
    """What is wrong with the rule given what the catalogue says of its metric (None:
    nothing yet) and how often it is submitted, which counts more.
    """
    if entry is not None:
        finest = min(submitted or (entry.frequency,), key=FREQUENCIES.index)
        if not fits(finest, window := window_of(rule, entry)):
            yield Problem(
                "window",
                f"{window} is finer than {rule.metric_name}, which is submitted {finest}: "
                f"use {OWN_WINDOW[finest]} or longer",
            )
    known = (*LABELS, *(entry.dimensions if entry else ()))
    for name in rule.group_by:
        if name not in known:
            yield Problem("group_by", f"{name!r} is none of {', '.join(known)}")


def as_stored(rule: Rule) -> dict[str, Any]:
    """The columns of the rule's row."""
    values = rule.model_dump(
        exclude={"for_", "keep_firing_for", "repeat_interval", "window"}, by_alias=False
    )
    return values | {
        "window_name": rule.window,
        "for_seconds": rule.for_,
        "keep_firing_seconds": rule.keep_firing_for,
        "repeat_seconds": rule.repeat_interval,
    }


def from_row(row: Mapping[str, Any]) -> Rule:
    """The rule of a row as `as_stored` makes it; other columns are ignored.

    Raises:
        ValidationError: somebody wrote into the table what the API would refuse.
    """
    values = {name: row[name] for name in Rule.model_fields if name in row}
    durations = {"for_": "for_seconds", "keep_firing_for": "keep_firing_seconds"}
    values |= {name: int(row[column]) for name, column in durations.items()}
    repeat = row["repeat_seconds"]
    values |= {"repeat_interval": repeat if repeat is None else int(repeat)}
    return Rule.model_validate(values | {"window": row["window_name"]})


def readable(row: Mapping[str, Any]) -> Rule:
    """The rule of a row, whatever is in it: one that cannot be read tells nobody."""
    try:
        return from_row(row)
    except ValidationError:
        return Rule.model_construct(
            **{name: row[name] for name in ("rule_name", "metric_name", "description")}
        )
