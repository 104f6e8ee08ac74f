"""``make docs``."""

import click

from service.documentation.pages import render_markdown
from service.features import ENDPOINTS
from service.http.openapi import openapi_document


@click.command("api-docs")
def api_docs() -> None:
    """Write docs/api.md to standard output."""
    click.echo(render_markdown(openapi_document(ENDPOINTS)), nl=False)
