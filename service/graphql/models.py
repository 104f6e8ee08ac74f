"""Request and answer of GraphQL over HTTP."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class GraphQLRequest(BaseModel):
    """A query, or the hash of one that was sent before (`extensions.persistedQuery.sha256Hash`)."""

    model_config = ConfigDict(extra="forbid")

    query: str | None = Field(None, description="The document; absent: by its hash")
    operation_name: str | None = Field(
        None, alias="operationName", description="Which of several operations"
    )
    variables: dict[str, Any] | None = Field(None, description="Values of its variables")
    extensions: dict[str, Any] | None = Field(None, description="persistedQuery")


class GraphQLError(BaseModel):
    """An error; `extensions.code` is a code of the API."""

    message: str
    locations: list[dict[str, int]] = Field([], description="Line and column in the document")
    path: list[str | int] = Field([], description="The field that has no value")
    extensions: dict[str, Any] = Field({}, description="code, and details as in the API")


class GraphQLAnswer(BaseModel):
    """What was asked for; fields that failed are null, and named in `errors`."""

    data: dict[str, Any] | None = None
    errors: list[GraphQLError] = Field([], description="What failed, and where")
