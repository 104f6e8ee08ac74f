"""Results of aggregate queries as CSV."""

from starlette.responses import Response

from service.http.responses import csv_response
from service.metrics.query.result import Result


def figures_csv(result: Result) -> Response:
    """The rows of a result as CSV; what JSON says beside them if they are not all is in
    headers.
    """
    columns = ("period", *result.query.group_by, "value", "start", "end", "complete")
    response = csv_response(columns, result.rows)
    if result.is_truncated:
        response.headers["X-Truncated"] = "true"
    if result.omitted:
        response.headers["X-Omitted-Frequencies"] = ", ".join(result.omitted)
    return response
