"""Maps: which columns of a CSV file are which fields of samples, and how they are written."""

from collections.abc import Iterator
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from service.imports.decode import FIELDS, METADATA, REQUIRED
from sql import strict_yaml

# What else there is of a sample is given key by key.
_FIELDS = tuple(name for name in FIELDS if name != "metadata")
_NEEDED = (*REQUIRED, "timestamp")
TimeFormat = Literal["iso", "dd/mm/yyyy", "mm/dd/yyyy"]


class BadMap(ValueError):
    """The map cannot be used; the message names the lines."""


class FileMap(BaseModel):
    """`columns` are columns by fields, `values` what a field is in every row, `keep` by columns the
    texts of rows that count. None: found out of the file, where it can be only one.
    """

    model_config = ConfigDict(extra="forbid")

    columns: dict[str, str]
    values: dict[str, str] = {}
    keep: dict[str, list[str]] = {}
    encoding: Literal["utf-8", "latin-1"] | None = None
    delimiter: Literal[",", ";", "\t"] | None = None
    decimal: Literal["point", "comma"] | None = None
    time: TimeFormat = "iso"
    zone: str | None = None

    @field_validator("columns", "values")
    @classmethod
    def _known(cls, given: dict[str, str]) -> dict[str, str]:
        for field in given:
            if field not in _FIELDS and not field.startswith(METADATA):
                raise ValueError(f"{field} is none of {', '.join(_FIELDS)}, metadata.KEY")
        return given

    @field_validator("zone")
    @classmethod
    def _zone(cls, given: str | None) -> str | None:
        try:
            return given if given is None else ZoneInfo(given).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{given} is no time zone such as America/Sao_Paulo") from error

    @model_validator(mode="after")
    def _whole(self) -> "FileMap":
        missing = [one for one in _NEEDED if one not in self.columns and one not in self.values]
        if missing:
            raise ValueError(f"neither columns nor values have {', '.join(missing)}")
        if both := sorted(set(self.columns) & set(self.values)):
            raise ValueError(f"{both[0]} is in columns and in values")
        return self


def read_map(content: bytes) -> FileMap:
    """The map in a YAML file.

    Raises:
        BadMap: everything that is wrong, with its line.
    """
    try:
        document = strict_yaml.read(content)
        return FileMap.model_validate({} if document.content is None else document.content)
    except strict_yaml.BadYaml as error:
        raise BadMap(str(error)) from error
    except ValidationError as error:
        raise BadMap("\n".join(_problems(document, error))) from error


def _problems(document: strict_yaml.Document, error: ValidationError) -> Iterator[str]:
    for entry in error.errors():
        path = list(entry["loc"])
        problem = entry["msg"].removeprefix("Value error, ")
        named = f"{'.'.join(map(str, path))}: " if path else ""
        yield f"line {document.line_of(path)}: {named}{problem}"
