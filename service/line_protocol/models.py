"""Parameters and answers as InfluxDB has them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_PRECISION = r"^(ns|n|us|u|µ|ms|s|m|h)$"
Precision = Annotated[str, Field(pattern=_PRECISION, description="The unit of the timestamps")]
_Unused = Annotated[str | None, Field(description="Taken and not used")]


class WriteParams(BaseModel):
    """Those of InfluxDB 2."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    precision: Precision = "ns"
    org: _Unused = None
    org_id: Annotated[str | None, Field(alias="orgID", description="Taken and not used")] = None
    bucket: _Unused = None


class WriteParamsOf1(BaseModel):
    """Those of InfluxDB 1."""

    model_config = ConfigDict(extra="forbid")

    precision: Precision = "ns"
    db: _Unused = None
    rp: _Unused = None
    consistency: _Unused = None
    u: Annotated[str | None, Field(description="Any name")] = None
    p: Annotated[str | None, Field(description="A key")] = None


class WriteError(BaseModel):
    """A refusal as InfluxDB 2 says it, and the same text for clients of InfluxDB 1."""

    code: str
    message: str
    error: str
