"""Bodies packed by Snappy, as a block."""

import cramjam

from service.http.errors import ApiError, too_large


def unpacked(body: bytes, most: int) -> bytes:
    """A packed body, at most `most` bytes.

    Raises:
        ApiError: 400 it is none, 413 it is too large once unpacked.
    """
    try:
        if cramjam.snappy.decompress_raw_len(body) > most:
            raise too_large(f"The body is larger than {_size(most)} unpacked")
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise ApiError(400, "The body is not a block packed by Snappy") from error


def packed(body: bytes) -> bytes:
    """The body as a block."""
    return bytes(cramjam.snappy.compress_raw(body))


def _size(most: int) -> str:
    return f"{most // 1024 // 1024} MiB" if most >= 1024 * 1024 else f"{most // 1024} KiB"
