"""``make docs``."""

import click

from service.documentation.document import api_document
from service.documentation.pages import render_markdown
from service.features import ENDPOINTS


@click.command("api-docs")
def api_docs() -> None:
    """Write docs/api.md to standard output."""
    click.echo(render_markdown(api_document(ENDPOINTS)), nl=False)
