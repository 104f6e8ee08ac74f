"""Query parameters: one model for each endpoint, unknown ones refused."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, TypeVar, get_origin
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from starlette.requests import Request

from service.http.errors import malformed_header
from service.http.validation import problems_of
from sql.calendar import day_start
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.timezones import BadTimezone, check_whole_hours


def _moment(value: object) -> date:
    """A bare date stays a date; an instant needs an offset."""
    text = str(value)
    if text[-6:-5] == " " and text[-3:-2] == ":":
        # An unescaped + in a URL arrives as a space.
        text = f"{text[:-6]}+{text[-5:]}"
    try:
        if len(text) == len("2025-06-14"):
            moment: date = date.fromisoformat(text)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(_MOMENT_HELP) from error
    # Behind a Z, fromisoformat does not see what follows a NUL.
    if isinstance(moment, datetime) and (moment.tzinfo is None or "\0" in text):
        raise ValueError(_MOMENT_HELP)
    if not 1900 <= moment.year <= 2999:
        raise ValueError(Message("Use a year from 1900 to 2999"))
    return moment


_MOMENT_HELP = Message("Use a date such as 2025-06-14 or an instant such as 2025-06-14T15:00:00Z")

# A datetime is a date, too.
Moment = Annotated[
    date,
    PlainValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "description": "ISO 8601 with an offset, or a bare date: that day in the time zone",
            "examples": ["2025-06-14", "2025-06-14T15:00:00Z"],
        }
    ),
]


class NoParams(BaseModel):
    """For endpoints that take no query parameters."""

    model_config = ConfigDict(extra="forbid")


class DateRange(BaseModel):
    """From `start_date` to `end_date`, both inclusive. Its instants are in UTC, where they can be
    compared and reckoned with.
    """

    model_config = ConfigDict(extra="forbid")

    start_date: Moment | None = None
    end_date: Moment | None = None

    def since(self, zone: ZoneInfo) -> datetime | None:
        """The first instant in the range."""
        return _first_instant(self.start_date, zone)

    def before(self, zone: ZoneInfo) -> datetime | None:
        """The first instant after the range: a bare end date includes the whole day."""
        if isinstance(self.end_date, datetime):
            return (self.end_date + timedelta(microseconds=1)).astimezone(UTC)
        if self.end_date is None:
            return None
        return day_start(self.end_date + timedelta(days=1), zone).astimezone(UTC)

    def check(self, zone: ZoneInfo) -> None:
        """Refuse a range that ends before it starts.

        Raises:
            Invalid: naming end_date.
        """
        since, before = self.since(zone), self.before(zone)
        if since and before and before <= since:
            raise Invalid(Problem(Message("It is before start_date"), "end_date"))


Params = TypeVar("Params", bound=BaseModel)


def read_params(
    request: Request, model: type[Params], also: frozenset[str] = frozenset()
) -> tuple[Params, dict[str, str]]:
    """The query parameters as `model`, and those named in `also` as they are.

    Raises:
        Invalid: with every parameter that is unknown, repeated or wrong.
    """
    given: dict[str, Any] = {}
    extra: dict[str, str] = {}
    problems: list[Problem] = []
    for name in request.query_params:
        values = request.query_params.getlist(name)
        if _is_list(model, name):
            given[name] = values
        elif len(values) > 1:
            problems.append(Problem(Message("Given more than once"), name))
        elif name in also and name not in model.model_fields:
            extra[name] = values[0]
        else:
            given[name] = values[0]
    try:
        params = model.model_validate(given)
    except ValidationError as error:
        problems += problems_of(error)
    if problems:
        raise Invalid(*problems)
    return params, extra


def _is_list(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and get_origin(field.annotation) is list


def zone_of(name: str | None, business: ZoneInfo) -> ZoneInfo:
    """The zone of a parameter ``tz``; the business one where there is none.

    Raises:
        Invalid: it is no zone whose days can be computed.
    """
    if name is None:
        return business
    try:
        return check_whole_hours(name)
    except BadTimezone as error:
        raise Invalid(Problem(error.message, "tz")) from error


def _first_instant(moment: date | None, zone: ZoneInfo) -> datetime | None:
    if moment is None:
        return None
    first = moment if isinstance(moment, datetime) else day_start(moment, zone)
    return first.astimezone(UTC)


def is_key(text: str) -> bool:
    """True of 1 to 255 printable ASCII characters."""
    return 1 <= len(text) <= 255 and text.isascii() and text.isprintable()


def key_of_header(request: Request, name: str) -> str | None:
    """The key that a request has in a header; None where it has none.

    Raises:
        ApiError: 400, it is not 1 to 255 printable ASCII characters.
    """
    key = request.headers.get(name)
    if key is not None and not is_key(key):
        raise malformed_header(name, f"{name} must have 1 to 255 printable ASCII characters")
    return key
