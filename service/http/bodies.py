"""Reading request bodies: size, encoding, media type."""

import zlib
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.http.decoding import decode_json
from service.http.errors import ApiError, too_large
from service.http.validation import problems_of
from sql.errors import Invalid

MAX_BODY = 4 * 1024 * 1024
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
        raise Invalid(*problems_of(error)) from error


async def _read(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY:
        raise too_large(_TOO_LARGE)
    chunks: list[bytes] = []
    total = 0
    try:
        async for chunk in request.stream():
            total += len(chunk)
            if total > MAX_BODY:
                raise too_large(_TOO_LARGE)
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
        raise too_large(f"{_TOO_LARGE} once unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise ApiError(400, "The body is not one whole gzip member")
    return unpacked


def _check_media_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("", "application/json"):
        raise ApiError(415, f"Content-Type is {media_type}; send application/json")
