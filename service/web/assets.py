"""Style sheets, scripts and icons: read once, compressed once, kept by browsers for ever."""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HERE = Path(__file__).parent
OWN = HERE / "static"
NODE_MODULES = HERE / "node_modules"
# Files served from the packages of package.json, by the name that each is served as.
VENDOR = {
    "vendor/graphiql.js": "graphiql/graphiql.min.js",
    "vendor/graphiql.css": "graphiql/graphiql.min.css",
    "vendor/react.js": "react/umd/react.production.min.js",
    "vendor/react-dom.js": "react-dom/umd/react-dom.production.min.js",
    "vendor/htmx.js": "htmx.org/dist/htmx.min.js",
    "vendor/htmx-sse.js": "htmx-ext-sse/dist/sse.min.js",
    "vendor/uplot.js": "uplot/dist/uPlot.iife.min.js",
    "vendor/uplot.css": "uplot/dist/uPlot.min.css",
}
# Fonts that packages bring as data, which the pages' policy refuses.
_FONTS = re.compile(rb"@font-face\s*\{[^}]*url\(.?data:[^}]*\}")
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


class AssetsMissing(Exception):
    """The packages of package.json are not installed; the message says how to."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    media_type: str
    content: bytes
    packed: bytes


class Assets:
    """Every file, under addresses that change with any of them: modules find each other by
    relative names.
    """

    def __init__(self, files: Mapping[str, Asset]) -> None:
        self._files = files
        every = hashlib.sha256()
        for name in sorted(files):
            every.update(name.encode() + hashlib.sha256(files[name].content).digest())
        self.version = every.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a file.

        Raises:
            KeyError: there is none of that name.
        """
        self._files[name]
        return f"/static/{self.version}/{name}"

    @property
    def route(self) -> Route:
        """The route that serves the assets."""
        return Route("/static/{version}/{name:path}", self._serve, methods=["GET"])

    async def _serve(self, request: Request) -> Response:
        asset = self._files.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        # Another version's address, asked for while replicas are renewed, is not to be kept.
        ours = request.path_params["version"] == self.version
        headers = {
            "Cache-Control": _FOREVER if ours else "no-cache",
            "Vary": "Accept-Encoding",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(asset.packed, headers=headers, media_type=asset.media_type)
        return Response(asset.content, headers=headers, media_type=asset.media_type)


def load_assets() -> Assets:
    """Our own files and those of the packages.

    Raises:
        AssetsMissing: see there.
    """
    paths = {p.relative_to(OWN).as_posix(): p for p in OWN.rglob("*") if p.is_file()}
    paths |= {name: NODE_MODULES / path for name, path in VENDOR.items()}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise AssetsMissing(
            "the scripts of the pages are not installed (npm could not fetch them at set-up); "
            "`make pages` tries again, then restart"
        )
    return Assets({name: _read(path) for name, path in paths.items()})


@cache
def _read(path: Path) -> Asset:
    content = path.read_bytes()
    if path.suffix == ".css":
        content = _FONTS.sub(b"", content)
    guessed = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return Asset(guessed or "application/octet-stream", content, gzip.compress(content, mtime=0))
