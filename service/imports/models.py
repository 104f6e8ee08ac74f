"""Parameters and answers of the endpoints of imports."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.http.envelopes import Item, Listing
from service.http.instants import instants
from service.http.pagination import cursor_of, position_of
from service.metrics.imports.store import ImportPage

_LISTING = "imports"
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


class Import(BaseModel):
    """An import and how far it came: `rows` read so far, of which so many were accepted and
    rejected; figures of all levels have `counted` of the accepted ones, and all when it is done.
    """

    id: int
    import_id: str = Field(description="X-Import-Id, or one that was made up")
    status: Literal["receiving", "interrupted", "counting", "done"]
    format: Literal["ndjson", "csv"] = Field(description="What the rows came as")
    rows: int = Field(description="Rows that were read")
    accepted: int = Field(description="Rows that are samples, and stored")
    rejected: int = Field(description="Rows that are not")
    counted: int = Field(description="Samples that all figures have")
    metric_names: list[str] = Field(description="Metrics that samples were accepted of")
    errors_url: str = Field(description="Rejected rows with line, field and reason, as CSV")
    imported_by: str = Field(description="Who began it")
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class ImportAnswer(Item[Import]):
    """The import."""


class ImportListing(Listing[Import]):
    """A page of imports, newest first."""


class ImportParams(BaseModel):
    """``GET /api/imports``."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, description="next_cursor of the page before")

    def before(self) -> int | None:
        """The number of the import that the page before ended with.

        Raises:
            Invalid: the cursor is none.
        """
        return None if self.cursor is None else position_of(_LISTING, self.cursor).number


def cursor_behind(page: ImportPage) -> str | None:
    """The cursor of the next page; None behind the last."""
    return None if page.next is None else cursor_of(_LISTING, _EPOCH, page.next)


def import_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """An import's row as it is answered."""
    number = row["import_id"]
    return {
        "id": number,
        "import_id": row["import_key"],
        "status": row["status"],
        "format": row["format"],
        "rows": row["row_count"],
        "accepted": row["accepted"],
        "rejected": row["rejected"],
        "counted": row["counted"],
        "metric_names": row["metric_names"],
        "errors_url": f"/api/imports/{number}/errors",
        "imported_by": row["actor"],
        **instants(row, "created_at", "updated_at", "ended_at"),
    }
