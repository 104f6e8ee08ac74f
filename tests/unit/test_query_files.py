"""The named queries themselves."""

import re

import pytest

from sql.statements import FOLDER, query


def test_a_query_is_found_by_its_name() -> None:
    assert query("find_series").name == "find_series"


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        query("no_such_query")


def test_every_query_says_its_purpose() -> None:
    for path in FOLDER.glob("*.sql"):
        text = path.read_text(encoding="utf-8")
        names = re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)
        purposes = re.findall(r"^-- name: (\w+)\n-- \S", text, re.MULTILINE)
        assert names == purposes, path.name
