"""Drawn charts as PNG, made in a process of their own, one after another."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from sql.errors import Busy
from sql.messages import Message

# A PNG has so many times the pixels each way, for screens that show more of them.
ZOOM = 2.0
_SECONDS = 20.0
_HERE = Path(__file__).parent
_FONT = _HERE / "font" / "Roboto-Regular.ttf"
# More at once are no quicker for anybody, and take the cores that answers are made with.
_thread = ThreadPoolExecutor(1, thread_name_prefix="png")

_log = structlog.get_logger()


async def png_of(svg: str, zoom: float = ZOOM) -> bytes:
    """The picture as pixels, with the letters that come with the service.

    Raises:
        Busy: it was not made in time.
    """
    return await asyncio.get_running_loop().run_in_executor(_thread, _made, svg, zoom)


def _made(svg: str, zoom: float) -> bytes:
    command = [sys.executable, "-I", str(_HERE / "raster.py"), str(_FONT), str(zoom)]
    try:
        made = subprocess.run(
            command, input=svg.encode(), capture_output=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace")[-500:]
        _log.error("picture_failed", error=type(error).__name__, detail=said)
        raise Busy(Message("The picture could not be made; try again")) from error
    return made.stdout
