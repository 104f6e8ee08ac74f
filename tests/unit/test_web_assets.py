"""The files of the pages, and what happens without them."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.runtime.settings import Settings
from service.web import assets
from service.web.app import web_app
from service.web.assets import AssetsMissing, load_assets


def test_another_file_makes_other_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_assets()
    monkeypatch.setitem(assets.VENDOR, "vendor/axe.js", "axe-core/axe.min.js")
    after = load_assets()
    assert before.url("style.css") != after.url("style.css")
    assert before.url("style.css") == load_assets_again(monkeypatch).url("style.css")


def load_assets_again(monkeypatch: pytest.MonkeyPatch) -> assets.Assets:
    monkeypatch.delitem(assets.VENDOR, "vendor/axe.js")
    return load_assets()


def test_a_file_that_is_not_there_has_no_address() -> None:
    with pytest.raises(KeyError):
        load_assets().url("nothing.js")


def test_without_packages_every_page_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(assets, "NODE_MODULES", tmp_path)
    with pytest.raises(AssetsMissing, match="make pages"):
        load_assets()
    client = TestClient(web_app(Settings(data_dir=tmp_path), [], ""))
    for path in ("/", "/sign-in", "/static/x/style.css"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "The pages are missing" in answer.text
        assert "The API works without them" in answer.text
