"""Rules: their fields, defaults, and what makes one wrong."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from alerts.expectation.sensitivity import Sensitivity
from alerts.fields import (
    Duration,
    Number,
    Text,
    WindowText,
    checked_channel,
    checked_text,
    distinct,
    duration_field,
    number,
)
from alerts.recipients import Channel, problem_of
from alerts.schedule import Schedule
from sql.durations import duration_text
from sql.messages import Message, Quantity, Value
from sql.vocabulary import (
    Aggregation,
    ChangeUnit,
    Comparison,
    Condition,
    Direction,
    NoData,
    RuleType,
    Severity,
)

# Seconds: of a period that is over, and of a group that is no more.
SETTLE, MAX_SETTLE = 60, 7 * 86400
RETIRE, MIN_RETIRE = 30 * 86400, 3600
DIGEST_OVER = 5


# Fields that only rules of one type have.
_OF_TYPE: dict[str, RuleType] = {
    "compare": "change",
    "change": "change",
    "direction": "anomaly",
    "sensitivity": "anomaly",
    "alerts_per_month": "anomaly",
}


class Rule(BaseModel):
    """A rule: what is watched, and whom to notify. What is None follows the catalogue."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    rule_name: Text
    metric_name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")]
    type: RuleType = Field("threshold", description="What is judged, and by what")
    condition: Condition | None = Field(
        None, validate_default=True, description="Required but for type anomaly"
    )
    threshold_value: Number | None = Field(
        None, validate_default=True, description="Required but for type anomaly"
    )
    compare: Comparison | None = Field(
        None, validate_default=True, description="Of type change: what the change is from"
    )
    change: ChangeUnit | None = Field(
        None, validate_default=True, description="Of type change: percent if absent"
    )
    direction: Direction | None = Field(
        None, validate_default=True, description="Of type anomaly: both if absent"
    )
    sensitivity: Sensitivity | None = Field(
        None, description="Of type anomaly: medium if absent, unless alerts_per_month is given"
    )
    alerts_per_month: Annotated[float, Field(gt=0, le=1000), BeforeValidator(number)] | None = (
        Field(
            None,
            validate_default=True,
            description="Of type anomaly, instead of sensitivity: how many are not too many",
        )
    )
    severity: Severity
    notification_channels: list[Annotated[Channel, BeforeValidator(checked_channel)]] = Field(
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
    for_: Duration = duration_field(0, "How long it must hold to open", alias="for")
    keep_firing_for: Duration = duration_field(0, "How long it must be over to resolve")
    repeat_interval: Duration | None = Field(None, description="Notify again while it is open")
    recovery_threshold: Number | None = Field(None, description="The threshold if absent")
    no_data: NoData = "ignore"
    description: Annotated[str, Field(max_length=2000), BeforeValidator(checked_text)] = ""
    unit: Text | None = Field(
        None, description="Only series of this unit; the catalogue's if absent"
    )
    filters: dict[Text, Text] = Field(
        default_factory=dict,
        max_length=10,
        description="Only series with these dimensions, (none) for those without",
    )
    settle: Duration = duration_field(SETTLE, "How long after its end a period is judged")
    retire_after: Duration = duration_field(
        RETIRE, "A group without samples for that long is not judged"
    )
    min_samples: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)] = Field(
        0, description="A value of fewer samples is none"
    )
    schedule: Schedule | None = Field(
        None, description="Outside these hours of the business time zone nothing opens"
    )
    digest_over: Annotated[int, Field(strict=True, ge=1, le=1000)] = Field(
        DIGEST_OVER, description="More transitions in one tick are one notification"
    )

    _once = field_validator("notification_channels", "group_by")(distinct)

    @field_validator("notification_recipients")
    @classmethod
    def _taken(cls, recipients: list[str], info: ValidationInfo) -> list[str]:
        channels = info.data.get("notification_channels")
        problems = [] if channels is None else [problem_of(one, channels) for one in recipients]
        if found := [problem for problem in problems if problem]:
            raise ValueError(_joined(found))
        return recipients

    @field_validator("condition", "threshold_value")
    @classmethod
    def _needed(cls, value: object, info: ValidationInfo) -> object:
        is_anomaly = info.data.get("type") == "anomaly"
        if value is None and not is_anomaly:
            raise PydanticCustomError("missing", "Field required")
        if value is not None and is_anomaly:
            raise ValueError(Message("Rules of type {type} have none", {"type": "anomaly"}))
        return value

    @field_validator("compare")
    @classmethod
    def _compared(cls, compare: Comparison | None, info: ValidationInfo) -> Comparison | None:
        if info.data.get("type") == "change" and compare is None:
            raise PydanticCustomError("missing", "Field required")
        return compare

    @field_validator("change")
    @classmethod
    def _in_percent(cls, change: ChangeUnit | None, info: ValidationInfo) -> ChangeUnit | None:
        return change or ("percent" if info.data.get("type") == "change" else None)

    @field_validator("direction")
    @classmethod
    def _both(cls, direction: Direction | None, info: ValidationInfo) -> Direction | None:
        return direction or ("both" if info.data.get("type") == "anomaly" else None)

    @field_validator("alerts_per_month")
    @classmethod
    def _either(cls, number: float | None, info: ValidationInfo) -> float | None:
        if number is not None and info.data.get("sensitivity") is not None:
            raise ValueError(Message("Give either sensitivity or alerts_per_month"))
        return number

    @field_validator(*_OF_TYPE)
    @classmethod
    def _of_its_type(cls, value: object, info: ValidationInfo) -> object:
        its = _OF_TYPE[info.field_name or ""]
        if value is not None and info.data.get("type", its) != its:
            raise ValueError(Message("Only rules of type {type} have it", {"type": its}))
        return value

    @field_validator("repeat_interval")
    @classmethod
    def _not_too_often(cls, seconds: float | None) -> float | None:
        if seconds is not None and seconds < 60:
            raise ValueError(Message("At least 1m"))
        return seconds

    @field_validator("settle")
    @classmethod
    def _not_too_late(cls, seconds: float) -> float:
        if seconds > MAX_SETTLE:
            raise ValueError(Message("At most {duration}", {"duration": duration_text(MAX_SETTLE)}))
        return seconds

    @field_validator("retire_after")
    @classmethod
    def _not_too_soon(cls, seconds: float) -> float:
        if seconds < MIN_RETIRE:
            raise ValueError(
                Message("At least {duration}", {"duration": duration_text(MIN_RETIRE)})
            )
        return seconds

    @field_validator("recovery_threshold")
    @classmethod
    def _right_side(cls, value: float | None, info: ValidationInfo) -> float | None:
        condition, threshold = info.data.get("condition"), info.data.get("threshold_value")
        if value is None or condition is None or threshold is None:
            return value
        bound = Quantity(threshold)
        values: dict[str, Value] = {"condition": condition, "threshold": bound}
        if condition in ("==", "!=") and value != threshold:
            raise ValueError(
                Message(
                    "{condition} recovers when it no longer holds; leave it out",
                    {"condition": condition},
                )
            )
        if condition in (">", ">=") and value > threshold:
            raise ValueError(
                Message("With {condition} {threshold} it must be at most {threshold}", values)
            )
        if condition in ("<", "<=") and value < threshold:
            raise ValueError(
                Message("With {condition} {threshold} it must be at least {threshold}", values)
            )
        return value


def _joined(found: Sequence[Message]) -> Message:
    """Messages behind each other."""
    first, *others = found
    if not others:
        return first
    return Message("{first}; {others}", {"first": first, "others": _joined(others)})
