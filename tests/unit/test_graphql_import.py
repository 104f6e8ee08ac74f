"""What a process of the service imports only where it is asked for."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.one_engine


def test_graphql_is_not_imported_before_it_is_asked() -> None:
    program = "import sys, service.app; print({'ariadne', 'graphql'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
