"""Which language a reader gets, and that nothing is left untranslated."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from service.language.names import title_of
from service.language.negotiation import negotiated
from service.language.translations import built_in, translations
from tests.conftest import ROOT
from tests.messages import messages


def test_every_string_has_a_portuguese_translation() -> None:
    catalogue = translations("pt-BR")
    known = {text for text in messages() if _translated(catalogue, text)}
    assert {text: place for text, place in messages().items() if text not in known} == {}


def _translated(catalogue: object, text: str) -> bool:
    """Whether some catalogue of the chain has it; a translation may read like the original."""
    while catalogue is not None:
        entries = getattr(catalogue, "_catalog", {})
        if entries.get(text) or entries.get((text, 0)):
            return True
        catalogue = getattr(catalogue, "_fallback", None)
    return False


def test_translations_keep_what_is_filled_in() -> None:
    catalogue = translations("pt-BR")
    for text in messages():
        assert _fields(catalogue.gettext(text)) == _fields(text), text


def _fields(text: str) -> set[str]:
    return {part.partition(")")[0] for part in text.split("%(")[1:]}


@pytest.mark.parametrize(
    ("chosen", "accept", "language", "locale"),
    [
        (None, "", "en", "en"),
        (None, "pt-BR,pt;q=0.9,en;q=0.8", "pt-BR", "pt_BR"),
        (None, "pt", "pt-BR", "pt_BR"),
        (None, "en-GB,en;q=0.9", "en", "en_GB"),
        (None, "fr,de;q=0.9,pt-PT;q=0.5", "pt-BR", "pt_PT"),
        (None, "en;q=0.1, pt-BR;q=0.9", "pt-BR", "pt_BR"),
        (None, "pt-BR;q=0, en", "en", "en"),
        (None, "xx-YY", "en", "en"),
        (None, "en-ZZZZ-nonsense", "en", "en"),
        (None, ";;;,q=,*" + "a" * 5000, "en", "en"),
        ("pt-BR", "en-GB", "pt-BR", "pt_BR"),
        ("en", "pt-BR", "en", "en"),
        ("klingon", "pt-BR", "pt-BR", "pt_BR"),
    ],
)
def test_the_reader_gets_what_the_browser_asks_for(
    chosen: str | None, accept: str, language: str, locale: str
) -> None:
    found, format_locale = negotiated(chosen, accept)
    assert (found, str(format_locale)) == (language, locale)


def test_what_an_installation_comes_with_is_translated() -> None:
    migrations = ROOT / "sql" / "migrations"
    dashboards = (migrations / "0012_dashboards.sql").read_text()
    metrics = (migrations / "0004_platform_metrics.sql").read_text()
    tenants = (migrations / "0009_access.sql").read_text()
    rules = (migrations / "0005_alerts.sql").read_text()
    texts = set(re.findall(r'"(?:title|label)": "([^"]+)"', dashboards))
    for pair in re.findall(r"'([^']+)', '([^']+)', \$json", dashboards):
        texts.update(pair)
    texts.update(re.findall(r"'([A-Z][^']*)', '\w+', '[<>]'", rules))
    texts.update(re.findall(r"VALUES \('default', '([^']+)'\)", tenants))
    assert "The platform itself; its admins manage tenants." in texts
    for name, description in re.findall(
        r"\(\s+'(\w+)',[^\n]+\n\s+'((?:[^']|'')+)',\n\s+'\{", metrics
    ):
        texts.update((title_of(name), description.replace("''", "'")))
    assert len(texts) > 80
    catalogue = built_in("pt-BR")
    assert {text for text in texts if not _translated(catalogue, text)} == set()


def test_no_translation_is_of_what_nobody_says_any_more() -> None:
    said = set(messages())
    left = {
        f"{path.relative_to(ROOT)}: {text}"
        for folder in ("alerts", "service")
        for path in (ROOT / folder).rglob("locale/*.po")
        for text in _texts(path)
        if text not in said
    }
    assert left == set()


def test_every_text_is_translated_in_one_place() -> None:
    """So that whoever changes it changes what is shown."""
    paths = [
        path for folder in ("alerts", "service") for path in (ROOT / folder).rglob("locale/*.po")
    ]
    texts = Counter(text for path in paths for text in _texts(path))
    assert {text for text, number in texts.items() if number > 1} == set()


def _texts(path: Path) -> Iterator[str]:
    with path.open("rb") as source:
        for entry in read_po(source):
            if entry.id:
                yield entry.id if isinstance(entry.id, str) else entry.id[0]
