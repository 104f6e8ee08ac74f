"""From a body to samples, or to every error in it.

A body that is right is decoded in one pass. Only where that fails is it taken apart
field by field, to name everything that is wrong with each item at once.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import get_type_hints

import msgspec
from msgspec import Raw, ValidationError

from service.http.bodies import NOT_JSON, fields_of, malformed, words_of
from service.http.errors import ApiError, Detail, invalid
from service.ingest.models import MAX_BATCH, BatchIn, MetricIn

# What is wrong with an item by what no type says, given its index.
Check = Callable[[int, MetricIn], list[Detail]]

_one = msgspec.json.Decoder(MetricIn)
_many = msgspec.json.Decoder(BatchIn)
_types = get_type_hints(MetricIn, include_extras=True)
_required = {field.name for field in msgspec.structs.fields(MetricIn) if field.required}


def decode_metric(body: bytes) -> list[MetricIn]:
    """The one sample of a ``POST /api/metrics``.

    Raises:
        ApiError: 400 not JSON, 422 with every field that is wrong.
    """
    try:
        return [_one.decode(body)]
    except ValidationError as error:
        raise _refusal(body, error, lambda raw: _item_errors(raw, None)) from error
    except NOT_JSON as error:
        raise malformed(error, body) from error


def decode_batch(body: bytes, check: Check) -> list[MetricIn]:
    """The samples of a ``POST /api/metrics/batch``. Where some are wrong, `check` says what is
    wrong with the others.

    Raises:
        ApiError: 400 not JSON, 422 with the index and field of everything that is wrong.
    """
    try:
        return _many.decode(body).metrics
    except ValidationError as error:
        raise _refusal(body, error, lambda raw: _batch_errors(raw, check)) from error
    except NOT_JSON as error:
        raise malformed(error, body) from error


def _refusal(body: bytes, error: ValidationError, find: Callable[[Raw], list[Detail]]) -> ApiError:
    """422 with all that `find` finds. Decoding stopped at the first field that is wrong: what
    comes after it may be no JSON at all.
    """
    try:
        with suppress(ValidationError):  # a number out of range, which `find` places
            msgspec.json.decode(body)
        details = find(Raw(body))
    except NOT_JSON as broken:
        return malformed(broken, body)
    return invalid(details or [Detail(message=str(error))])


def _batch_errors(body: Raw, check: Check) -> list[Detail]:
    fields = fields_of(body)
    if fields is None:
        return [Detail(message='Send an object: {"metrics": [ … ]}')]
    unknown = [Detail(field=name, message="Unknown field") for name in fields if name != "metrics"]
    if "metrics" not in fields:
        return [*unknown, Detail(field="metrics", message="Required")]
    try:
        items = msgspec.json.decode(fields["metrics"], type=list[Raw])
    except ValidationError as error:
        return [*unknown, Detail(field="metrics", message=_words(error))]
    if not 1 <= len(items) <= MAX_BATCH:
        message = f"A batch has 1 to {MAX_BATCH} items, not {len(items)}"
        return [*unknown, Detail(field="metrics", message=message)]
    return unknown + [
        detail for index, item in enumerate(items) for detail in _all_errors(item, index, check)
    ]


def _all_errors(item: Raw, index: int, check: Check) -> list[Detail]:
    if details := _item_errors(item, index):
        return details
    try:
        return check(index, _one.decode(item))
    except ValidationError as error:  # in a field that is given again, and right then
        return [Detail(index=index, message=str(error))]


def _item_errors(item: Raw, index: int | None) -> list[Detail]:
    fields = fields_of(item)
    if fields is None:
        return [Detail(index=index, message="Expected an object")]
    missing = [
        Detail(index=index, field=name, message="Required")
        for name in _types
        if name in _required and name not in fields
    ]
    return missing + [
        Detail(index=index, field=name, message=problem)
        for name, value in fields.items()
        if (problem := _field_error(name, value))
    ]


def _field_error(name: str, value: Raw) -> str | None:
    if name not in _types:
        return "Unknown field"
    try:
        msgspec.json.decode(value, type=_types[name])
    except ValidationError as error:
        return _words(error)
    return None


def _words(error: ValidationError) -> str:
    """msgspec's message without the path, which `field` and `index` say."""
    message = words_of(error)
    return "Use only letters, digits and _ . : -" if "matching regex" in message else message
