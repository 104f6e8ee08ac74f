"""``make import``."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import click

from service.commands.importing.file_map import BadMap, read_map
from service.commands.importing.rows import BadFile, MappedFile, form_of
from service.commands.importing.send import ImportClient, NotImported, import_key, parts_of, say

_MEDIA = {".csv": "text/csv", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}


def run_import(url: str, api_key: str, file: Path, map_file: Path | None) -> None:
    """Import a file, of which a map says what its columns are; without one they are called as the
    fields of samples.

    Raises:
        click.ClickException: with a message for the operator; exit code 1.
    """
    try:
        with closing(ImportClient(url, api_key)) as client:
            if map_file is None:
                number, left_out = _send_as_it_is(client, file), 0
            else:
                number, left_out = _send_mapped(client, file, map_file)
            say(client.wait(number), url, left_out)
    except (BadMap, BadFile, NotImported) as error:
        raise click.ClickException(str(error)) from error


def _send_as_it_is(client: ImportClient, file: Path) -> int:
    media = _MEDIA.get(file.suffix.lower())
    if media is None:
        raise BadFile(f"{file}: name it {', '.join(_MEDIA)}, or give a map")
    key = import_key(parts_of(file))
    with click.progressbar(length=file.stat().st_size, label=file.name) as bar:
        return client.send(_noting(parts_of(file), bar.update), media, key)


def _send_mapped(client: ImportClient, file: Path, map_file: Path) -> tuple[int, int]:
    content = map_file.read_bytes()
    given = read_map(content)
    form = form_of(file, given)
    click.echo(f"{file.name} is {form.encoding}, its columns are divided by {form.delimiter!r}")
    mapped = MappedFile(file, given, form)
    total = mapped.check()
    key = import_key(parts_of(file), [content])
    with click.progressbar(length=total, label=file.name) as bar:
        lines = _noting(mapped.lines(), lambda _: bar.update(1))
        number = client.send(_together(lines), "application/x-ndjson", key)
    return number, mapped.left_out


def _noting(parts: Iterable[bytes], note: Callable[[int], None]) -> Iterator[bytes]:
    for part in parts:
        yield part
        note(len(part))


def _together(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Few pieces, as each is sent by itself."""
    waiting = bytearray()
    for line in lines:
        waiting += line
        if len(waiting) > 1 << 16:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
