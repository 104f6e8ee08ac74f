"""docs/api.md is what `make docs` makes of the endpoints as they are."""

import re

from service.features import ENDPOINTS
from tests.conftest import ROOT
from tests.instances import command


def test_the_committed_page_is_current() -> None:
    made = command("api-docs")
    assert made.returncode == 0, made.stderr
    assert (ROOT / "docs" / "api.md").read_text() == made.stdout, "run make docs"


def test_the_page_has_every_endpoint() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    for endpoint in ENDPOINTS:
        assert f"#### `{endpoint.method} " in page
        assert re.sub(r":\w+}", "}", endpoint.path) in page
