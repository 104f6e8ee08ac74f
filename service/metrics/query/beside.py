"""Computing beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# One: threads that compute take the interpreter from each other, so that more of them are no
# quicker, and the event loop, which answers everybody else, would wait for each in turn.
_thread = ThreadPoolExecutor(1, thread_name_prefix="beside")


async def beside(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of what computes too long for the event loop; one after another."""
    call = partial(copy_context().run, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_thread, call)
