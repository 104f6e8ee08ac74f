"""Drawn charts as answers: files that are downloaded."""

import re
from collections.abc import Sequence
from typing import Literal

from starlette.responses import Response

from service.drawing.picture import svg_of
from service.drawing.png import png_of
from service.language.reader import Reader
from service.metrics.query.beside import beside
from service.web.charts import Chart
from sql.errors import Invalid, NotFound, Problem
from sql.messages import Message

Kind = Literal["png", "svg"]
_TYPES: dict[Kind, str] = {"png": "image/png", "svg": "image/svg+xml"}
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def kind_of(text: str) -> Kind:
    """What a picture is asked for as.

    Raises:
        Invalid: it is neither.
    """
    for kind in _TYPES:
        if text == kind:
            return kind
    raise Invalid(Problem(Message("Use png or svg"), "format"))


async def picture_response(
    charts: Sequence[Chart], title: str, note: str, reader: Reader, *, kind: Kind, name: str
) -> Response:
    """The charts as a file of that name.

    Raises:
        NotFound: there are none.
    """
    if not charts:
        raise NotFound(Message("There is nothing to draw"))
    svg = await beside(svg_of, charts, title, note, reader)
    content = svg.encode() if kind == "svg" else await png_of(svg)
    file = f"{_UNSAFE.sub('_', name).strip('_') or 'chart'}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return Response(content, media_type=_TYPES[kind], headers=headers)
