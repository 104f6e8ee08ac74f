"""Uploads of any size: the fields of a form, and the one file behind them as a stream."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from service.http.bodies import stream_of
from service.http.errors import ApiError
from sql.messages import Message

# Of all fields together with their names; the file may have any.
_MAX_FIELDS = 64 * 1024
# As RFC 2046 has it; the parser refuses much longer ones in its own way.
_MAX_BOUNDARY = 70
_BROKEN = Message("This form cannot be read: go back, load the page again and retry")


@dataclass(frozen=True, slots=True)
class Upload:
    """`fields` before the file, the file's name (empty where none was chosen), and its `content`,
    read as it comes.
    """

    fields: Mapping[str, str]
    file_name: str
    content: AsyncIterator[bytes]


async def read_upload(request: Request) -> Upload:
    """The form of a request, read up to where its file begins.

    Raises:
        ApiError: 400, it is no form with a file, its fields are too long, or it ends early.
    """
    parts, body = _Parts(_boundary(request)), stream_of(request)
    first = b""
    async for chunk in body:
        first = parts.feed(chunk)
        if parts.file_name is not None:
            break
    return Upload(parts.fields, parts.file_name or "", _content(first, parts, body))


def upload_of(request: Request) -> Upload:
    """The form of a page that takes uploads."""
    upload: Upload = request.scope["upload"]
    return upload


async def _content(
    first: bytes, parts: "_Parts", body: AsyncIterator[bytes]
) -> AsyncGenerator[bytes]:
    yield first
    async for chunk in body:
        yield parts.feed(chunk)
    if not parts.is_whole:
        raise ApiError(400, _BROKEN)


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= _MAX_BOUNDARY:
        raise ApiError(400, _BROKEN)
    return boundary


class _Parts:
    """Divides the parts of a form, as they come, into fields and the content of the first file;
    what stands behind that is left out.
    """

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self.is_whole = False
        self._header = self._value = self._disposition = b""
        self._name = ""
        self._text = bytearray()
        self._size = 0
        self._content: list[bytes] = []
        self._into: list[bytes] | bytearray | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> bytes:
        """The content of the file in the next chunk of the form."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise ApiError(400, _BROKEN) from error
        content = b"".join(self._content)
        self._content.clear()
        return content

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        self._name = _text(options.get(b"name", b""))
        if self.file_name is not None:
            return
        if b"filename" in options:
            self.file_name = _text(options[b"filename"])
            self._into = self._content
        else:
            self._into = self._text
            self._count(len(self._name) + 1)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._into is self._content:
            self._content.append(data[start:end])
        elif self._into is self._text:
            self._count(end - start)
            self._text += data[start:end]

    def _on_part_end(self) -> None:
        if self._into is self._text:
            self.fields[self._name] = _text(bytes(self._text))
            self._text.clear()
        self._into = None

    def _on_end(self) -> None:
        self.is_whole = True

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > _MAX_FIELDS:
            raise ApiError(400, _BROKEN)


def _text(content: bytes) -> str:
    return content.decode(errors="replace")
