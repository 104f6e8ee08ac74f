"""Forms with a file of any size, read as they come."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message, Scope

from service.http.errors import ApiError
from service.web.uploads import read_upload

pytestmark = pytest.mark.one_engine

BODY = (
    b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\ntok\xc3\xa9n\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\nx,y\r\n--\r\n-b1,2\r\n\r\n"
    b'--b\r\nContent-Disposition: form-data; name="other"; filename="b.csv"\r\n\r\nz\r\n'
    b"--b--\r\n"
)
CONTENT = b"x,y\r\n--\r\n-b1,2\r\n"


def read(
    parts: Sequence[bytes], kind: bytes = b"multipart/form-data; boundary=b"
) -> tuple[dict[str, str], str, bytes]:
    """The fields, the name of the file and its content."""
    left = list(parts)

    async def receive() -> Message:
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def work() -> tuple[dict[str, str], str, bytes]:
        scope: Scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}
        upload = await read_upload(Request(scope, receive))
        content = b"".join([part async for part in upload.content])
        return dict(upload.fields), upload.file_name, content

    return asyncio.run(work())


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_form_is_the_same_in_whatever_pieces_it_comes(size: int) -> None:
    parts = [BODY[at : at + size] for at in range(0, len(BODY), size)]
    assert read(parts) == ({"csrf": "tokén"}, "a.csv", CONTENT)


def test_a_form_without_a_file_has_no_content() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx\r\n--b--\r\n'
    assert read([body]) == ({"csrf": "x"}, "", b"")


@pytest.mark.parametrize("cut", [4, 10, 60, 150, 220])
def test_a_form_that_ends_early_is_refused(cut: int) -> None:
    with pytest.raises(ApiError):
        read([BODY[:-cut]])


@pytest.mark.parametrize(
    "kind",
    [b"text/plain", b"multipart/form-data", b"", b"multipart/form-data; boundary=" + b"b" * 1000],
)
def test_what_is_no_such_form_is_refused(kind: bytes) -> None:
    with pytest.raises(ApiError):
        read([BODY], kind)


def test_fields_of_any_length_are_refused() -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n'
    with pytest.raises(ApiError):
        read([head, *[b"x" * 10_000] * 10])


def test_any_number_of_fields_is_refused() -> None:
    field = b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n'
    few = b"".join(field % number for number in range(100))
    assert len(read([few + BODY])[0]) == 101
    with pytest.raises(ApiError):
        read([*(field % number for number in range(20_000)), b"--b--\r\n"])
