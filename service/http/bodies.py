"""Reading request bodies: size, encoding, media type."""

import json
import zlib
from typing import TypeVar

import msgspec
from msgspec import Raw
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.http.errors import ApiError, Detail, details_of, invalid

MAX_BODY = 4 * 1024 * 1024
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
_TOO_LARGE = f"The body is larger than {MAX_BODY // 1024 // 1024} MiB"

Model = TypeVar("Model", bound=BaseModel)


async def read_json_body(request: Request) -> bytes:
    """The body as sent, unpacked; at most `MAX_BODY` bytes, also once unpacked.

    Raises:
        ApiError: 413 too large, 415 not JSON or an unknown encoding, 400 broken gzip.
    """
    _check_media_type(request.headers.get("content-type", ""))
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise ApiError(415, f"Content-Encoding {encoding} is not understood; use gzip")
    body = await _read(request)
    return _gunzip(body) if encoding == "gzip" else body


async def read_model(request: Request, model: type[Model]) -> Model:
    """The body as `model`; 400 where it is no JSON, 422 with every field that is wrong."""
    return parse_model(await read_json_body(request), model)


def parse_model(body: bytes, model: type[Model]) -> Model:
    """A body that was read as `model`; 400 and 422 as above."""
    content = decode_json(body)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise invalid(details_of(error)) from error


def decode_json(body: bytes) -> object:
    """Any JSON text; 400 where it is none, 422 with every field whose numbers no double is."""
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise _out_of_range(body, error) from error
    except NOT_JSON as error:
        raise malformed(error, body) from error


def malformed(error: Exception, body: bytes) -> ApiError:
    """400 for a body that cannot be read as JSON at all."""
    if isinstance(error, RecursionError):
        reason = "it is nested too deeply"
    elif isinstance(error, UnicodeDecodeError):
        reason = "it is not UTF-8"
    elif _is_json_but_for_surrogates(body):
        reason = "it holds a lone surrogate (\\ud800 to \\udfff), which is not Unicode"
    else:
        reason = str(error)
    return ApiError(400, f"The body is not valid JSON: {reason}")


def fields_of(value: Raw | bytes) -> dict[str, Raw] | None:
    """The fields of a JSON object, not decoded; None for any other JSON.

    Raises:
        One of `NOT_JSON`.
    """
    try:
        return msgspec.json.decode(value, type=dict[str, Raw])
    except msgspec.ValidationError:
        return None


def words_of(error: msgspec.ValidationError) -> str:
    """msgspec's message without the path."""
    return str(error).partition(" - at ")[0]


def _out_of_range(body: bytes, error: msgspec.ValidationError) -> ApiError:
    """422 for numbers larger than a double; 400 where what follows the first is no JSON."""
    try:
        msgspec.json.decode(body, type=Raw)
        fields = fields_of(body) or {}
        problems = {name: _problem_of(value) for name, value in fields.items()}
    except NOT_JSON as broken:
        return malformed(broken, body)
    details = [Detail(field=name, message=words) for name, words in problems.items() if words]
    return invalid(details or [Detail(message=words_of(error))])


def _problem_of(value: Raw) -> str | None:
    try:
        msgspec.json.decode(value)
    except msgspec.ValidationError as error:
        return words_of(error)
    return None


def _is_json_but_for_surrogates(body: bytes) -> bool:
    """Python's own decoder takes lone surrogates, and is told not to take NaN and Infinity.
    msgspec's messages do not say that it is them.
    """
    try:
        json.loads(body.decode(), parse_constant=int)
    except (ValueError, RecursionError):
        return False
    return True


async def _read(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY:
        raise ApiError(413, _TOO_LARGE)
    chunks: list[bytes] = []
    total = 0
    try:
        async for chunk in request.stream():
            total += len(chunk)
            if total > MAX_BODY:
                raise ApiError(413, _TOO_LARGE)
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise ApiError(400, "The connection ended before the body did") from error
    return b"".join(chunks)


def _gunzip(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise ApiError(400, "The body is not valid gzip") from error
    if len(unpacked) > MAX_BODY:
        raise ApiError(413, f"{_TOO_LARGE} once unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise ApiError(400, "The body is not one whole gzip member")
    return unpacked


def _check_media_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("", "application/json"):
        raise ApiError(415, f"Content-Type is {media_type}; send application/json")
