"""From a JSON body to samples, or to every problem in it.

A body that is right is decoded in one pass. Only where that fails is it taken apart field by
field, to name everything that is wrong with each item at once.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
from msgspec import UNSET, Raw, ValidationError

from service.http.decoding import NOT_JSON, fields_of, given_twice, malformed, repeated_key
from service.ingest.models import MAX_BATCH, BatchIn, MetricIn
from service.ingest.problems import REQUIRED, UNKNOWN, expected, item_problems
from service.metrics.ingest.sample import Decoded, Sample, microseconds_of
from sql.errors import Problem
from sql.messages import Message

_one = msgspec.json.Decoder(MetricIn)
_many = msgspec.json.Decoder(BatchIn)
_encode = msgspec.json.Encoder().encode
_NO_BATCH = Message("Send an object: {form}", {"form": '{"metrics": [ … ]}'})


def decode_metric(body: bytes) -> Decoded:
    """The one sample of a ``POST /api/metrics``, or what is wrong with it; 400 where the body
    is no JSON.
    """
    try:
        item = _one.decode(body)
        if not _may_repeat(body, item):
            return Decoded([_sample(item)], single=True)
    except NOT_JSON:
        pass
    return _take_apart(body, lambda raw: _items([raw], single=True))


def decode_batch(body: bytes) -> Decoded:
    """The samples of a ``POST /api/metrics/batch`` and what is wrong with the other items; 400
    where the body is no JSON.
    """
    try:
        batch = _many.decode(body)
        if not _may_repeat(body, batch):
            return Decoded(list(map(_sample, batch.metrics)))
    except NOT_JSON:
        pass
    return _take_apart(body, _batch)


def decode_lines(lines: Sequence[tuple[int, bytes]]) -> Decoded:
    """The samples of lines of JSON, each with its number, and what is wrong with the others."""
    together = b"\n".join([line for _, line in lines])
    try:
        items = _one.decode_lines(together)
        if len(items) == len(lines) and not _may_repeat(together, items):
            return Decoded(list(map(_sample, items)), places=[number for number, _ in lines])
    except NOT_JSON:
        pass
    return _decode_each(lines)


def _decode_each(lines: Sequence[tuple[int, bytes]]) -> Decoded:
    samples, places, problems = [], [], []
    for number, line in lines:
        try:
            item = _one.decode(line)
            sample = _sample(item)
            found = item_problems(Raw(line), number) if _may_repeat(line, item) else []
        except NOT_JSON:
            found = _line_problems(line, number)
        if found:
            problems += found
        else:
            samples.append(sample)
            places.append(number)
    return Decoded(samples, problems, places)


def _line_problems(line: bytes, number: int) -> list[Problem]:
    try:
        with suppress(ValidationError):  # a number out of range, which `item_problems` names
            msgspec.json.decode(line)
        return item_problems(Raw(line), number)
    except NOT_JSON as error:
        return [Problem(Message("It is no JSON: {why}", {"why": str(error)}), index=number)]


def decode_either(body: bytes) -> Decoded:
    """The samples of a body that either of them takes: a batch is an object with `metrics`."""
    return decode_batch(body) if _is_batch(body) else decode_metric(body)


def _is_batch(body: bytes) -> bool:
    if b'"metrics"' not in body:
        return False
    try:
        return "metrics" in (fields_of(body) or ())
    except NOT_JSON:
        return False


def _may_repeat(body: bytes, decoded: MetricIn | BatchIn | Sequence[MetricIn]) -> bool:
    """True where some object in the body may have a key twice: written again, what was decoded
    has a colon for each key, once, and those of the texts. Quicker than looking at each key.
    """
    # A colon in a text may be written as an escape.
    if b"\\" in body and b"\\u003" in body:
        return True
    return body.count(b":") != _encode(decoded).count(b":")


def _sample(item: MetricIn) -> Sample:
    return Sample(
        item.metric_name,
        item.metric_type,
        item.value,
        item.frequency,
        item.unit or None,
        item.service_name or None,
        item.affiliate_id or None,
        item.region or None,
        None if (metadata := item.metadata) is UNSET else metadata,
        None if (text := item.timestamp) is UNSET or text is None else microseconds_of(text),
    )


def _take_apart(body: bytes, items: Callable[[Raw], Decoded]) -> Decoded:
    """Decoding stopped at the first field that is wrong: what comes after it may be no JSON."""
    try:
        with suppress(ValidationError):  # a number out of range, which `items` places
            msgspec.json.decode(body)
        return items(Raw(body))
    except NOT_JSON as error:
        raise malformed(error, body) from error


def _batch(body: Raw) -> Decoded:
    fields = fields_of(body)
    if fields is None:
        return Decoded([], [Problem(_NO_BATCH)])
    if (repeated := repeated_key(body)) and len(repeated) == 1:
        return Decoded([], [given_twice(repeated)])
    unknown = [Problem(UNKNOWN, name) for name in fields if name != "metrics"]
    if "metrics" not in fields:
        return Decoded([], [*unknown, Problem(REQUIRED, "metrics")])
    try:
        items = msgspec.json.decode(fields["metrics"], type=list[Raw])
    except ValidationError:
        return Decoded([], [*unknown, Problem(expected(list, fields["metrics"]), "metrics")])
    if not 1 <= len(items) <= MAX_BATCH:
        message = Message(
            "A batch has 1 to {most} items, not {number}", {"most": MAX_BATCH, "number": len(items)}
        )
        return Decoded([], [*unknown, Problem(message, "metrics")])
    return _items(items, unknown)


def _items(items: Sequence[Raw], problems: Sequence[Problem] = (), single: bool = False) -> Decoded:
    """Those that are samples, and what is wrong with the others."""
    samples, places = [], []
    for index, item in enumerate(items):
        if found := item_problems(item, None if single else index):
            problems = [*problems, *found]
        else:
            samples.append(_sample(_one.decode(item)))
            places.append(index)
    return Decoded(samples, problems, places, single)
