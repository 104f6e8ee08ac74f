"""Reading request bodies: size, number of items, encoding, media type."""

import zlib
from collections.abc import AsyncIterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.http.decoding import decode_json
from service.http.errors import ApiError, too_large
from service.http.validation import problems_of
from sql.errors import Invalid

MAX_BODY = 4 * 1024 * 1024
# Of one request, however few bytes each takes: what is made of them takes memory.
MAX_ITEMS = 200_000
_TOO_LARGE = f"The body is larger than {MAX_BODY // 1024 // 1024} MiB"

Model = TypeVar("Model", bound=BaseModel)


async def read_json_body(request: Request) -> bytes:
    """The body as sent, unpacked; at most `MAX_BODY` bytes, also once unpacked.

    Raises:
        ApiError: 413 too large, 415 not JSON or an unknown encoding, 400 broken gzip.
    """
    check_media_type(request, "", "application/json")
    return await read_packed(request, MAX_BODY)


async def read_packed(request: Request, most: int) -> bytes:
    """The body as sent, at most `MAX_BODY` bytes, or unpacked, at most `most` bytes.

    Raises:
        ApiError: 413 too large, 415 an unknown encoding, 400 broken gzip.
    """
    packed = is_packed(request)
    body = await read_body(request)
    return _gunzip(body, most) if packed else body


def is_packed(request: Request) -> bool:
    """True where the body comes as gzip, False where it comes as it is.

    Raises:
        ApiError: 415, it comes in another encoding.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise ApiError(415, f"Content-Encoding {encoding} is not understood; use gzip")
    return encoding == "gzip"


def check_items(number: int) -> None:
    """Refuse a request of so many lines, series, objects or points.

    Raises:
        ApiError: 413, they are too many.
    """
    if number > MAX_ITEMS:
        raise too_large(f"A request may have {MAX_ITEMS} points at most; send them in several")


def check_media_type(request: Request, *known: str) -> str:
    """The media type of a request, in small letters and without parameters.

    Raises:
        ApiError: 415, it is none of those `known`, of which the last is named.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in known:
        raise ApiError(415, f"Content-Type is {media_type or 'missing'}; send {known[-1]}")
    return media_type


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


async def read_body(request: Request) -> bytes:
    """The body as sent, at most `MAX_BODY` bytes.

    Raises:
        ApiError: 413 too large, 400 the connection ended.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY:
        raise too_large(_TOO_LARGE)
    chunks: list[bytes] = []
    total = 0
    async for chunk in stream_of(request):
        total += len(chunk)
        if total > MAX_BODY:
            raise too_large(_TOO_LARGE)
        chunks.append(chunk)
    return b"".join(chunks)


async def stream_of(request: Request) -> AsyncIterator[bytes]:
    """The body as sent, piece by piece.

    Raises:
        ApiError: 400, the connection ended.
    """
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise ApiError(400, "The connection ended before the body did") from error


def _gunzip(body: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, most + 1)
    except zlib.error as error:
        raise ApiError(400, "The body is not valid gzip") from error
    if len(unpacked) > most:
        raise too_large(f"The body is larger than {most // 1024 // 1024} MiB once unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise ApiError(400, "The body is not one whole gzip member")
    return unpacked
