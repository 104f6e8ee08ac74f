"""The envelopes of answers: one item, or a list with its count and the cursor of what follows."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from starlette.responses import Response

from service.http.responses import json_response

Data = TypeVar("Data")


class Item(BaseModel, Generic[Data]):
    """One resource."""

    success: bool = True
    data: Data


class Listing(BaseModel, Generic[Data]):
    """A page of resources; `next_cursor` leads to the next one, null where there is none."""

    success: bool = True
    data: list[Data]
    count: int
    next_cursor: str | None


def item_response(
    data: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **beside: Any,
) -> Response:
    """`data` as `Item` has it, and what stands `beside` it."""
    return json_response({"success": True, "data": data, **beside}, status, headers)


def list_response(
    data: Sequence[Mapping[str, Any]], next_cursor: str | None = None, **beside: Any
) -> Response:
    """`data` as `Listing` has it, and what stands `beside` it."""
    content = {"success": True, "data": data, "count": len(data), "next_cursor": next_cursor}
    return json_response(content | beside)


class Deleted(Item[dict[str, Any]]):
    """The item that was deleted."""
