"""Forms: what was filled in, what is wrong with it, and what it means."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request

from service.http.errors import headers_of, status_of
from service.http.validation import problems_of
from service.web.csrf import FIELD
from sql.errors import DomainError, Invalid, Problem
from sql.messages import Message

# That somebody is sure, and what of: see `service.web.confirmation`.
SURE, WHAT = "sure", "what"

Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")


class Form(Generic[Model]):
    """`values` are as filled in, for showing the form again, and `errors` what is wrong, by
    field; the empty field is the whole form. `data` is what it means, once nothing is wrong.
    `status` and `headers` are those of the page that shows what is wrong. `places` are the fields
    of the form in which parts of others are filled in, by their dotted names.
    """

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        places: Mapping[str, str] | None = None,
    ) -> None:
        self.values: dict[str, Any] = dict(values or {})
        self._places = dict(places or {})
        self.errors: dict[str, str | Message] = {}
        self.status = 422
        self.headers: dict[str, str] | None = None
        self._data: Model | None = None

    @property
    def data(self) -> Model:
        """The validated input. Ask `is_valid` first."""
        assert self._data is not None
        return self._data

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong (so far)."""
        return self._data is not None and not self.errors

    def fail(self, field: str, message: str | Message) -> None:
        """Something is wrong with a field."""
        self.errors.setdefault(field if field in self.values else "", message)

    def fail_all(self, problems: Sequence[Problem]) -> None:
        """Each problem at the field that it is in."""
        for problem in problems:
            field = problem.field or ""
            self.fail(self._places.get(field, field.partition(".")[0]), problem.message)

    def refuse(self, error: DomainError) -> None:
        """The domain refuses what was filled in: say why, by field where it names one."""
        self.status, self.headers = status_of(error), headers_of(error)
        self.fail_all(error.problems)
        if not error.problems:
            self.fail("", error.message)

    async def carry_out(self, work: Callable[[Model], Awaitable[Result]]) -> Result | None:
        """The result of `work` with what was filled in; None where something is wrong with it,
        which the form then says.
        """
        if not self.is_valid:
            return None
        try:
            return await work(self.data)
        except DomainError as error:
            self.refuse(error)
            return None

    def invalid(self) -> Invalid:
        """The problems as one error, for forms that are not shown again."""
        found = ((name, _message(said)) for name, said in self.errors.items())
        return Invalid(*(Problem(said, name or None) for name, said in found))

    def check(self, model: type[Model], values: Mapping[str, Any]) -> None:
        """Read `values` as `model`, and note what is wrong."""
        try:
            self._data = model.model_validate(values)
        except ValidationError as error:
            self.fail_all(problems_of(error))


def pairs_of(text: object) -> object:
    """The pairs of a text with one a line, such as ``payment_method = pix``."""
    if not isinstance(text, str):
        return text
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _message(said: str | Message) -> Message:
    return said if isinstance(said, Message) else Message(said)


async def read_form(request: Request, model: type[Model]) -> Form[Model]:
    """The form of a request as `model`. A field that was left empty is absent; a list takes
    every value of its name; a check box is true where it is ticked, and else absent.
    """
    given = await request.form()
    values = {name: _value(given, name, model) for name in model.model_fields}
    form: Form[Model] = Form(values)
    extra = set(given) - set(values) - {FIELD, SURE, WHAT}
    filled = {name: value for name, value in values.items() if value not in ("", [], None)}
    form.check(model, filled | {name: given[name] for name in extra})
    return form


def read_filters(request: Request, model: type[Model], names: Sequence[str]) -> Form[Model]:
    """Those parameters of the address as `model`; what was left empty is absent."""
    given = {name: request.query_params.get(name, "") for name in names}
    form: Form[Model] = Form(given)
    form.check(model, {name: value for name, value in given.items() if value})
    return form


def _value(given: FormData, name: str, model: type[BaseModel]) -> Any:
    if get_origin(model.model_fields[name].annotation) in (list, set, tuple):
        return [value for value in given.getlist(name) if value != ""]
    value = given.get(name, "")
    return value.strip() if isinstance(value, str) and "password" not in name else value
