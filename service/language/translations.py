"""The languages the service speaks, and their catalogues of translations."""

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations
from itertools import chain
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent.parent
BUILT_IN = Path(__file__).parent / "built_in"
# By the tag of <html lang>; the first is for readers of none of them.
LANGUAGES = {"en": "English", "pt-BR": "Português"}
DEFAULT = "en"


def N_(text: str) -> str:
    """`text` itself, marked for translation where it is shown."""
    return text


@cache
def translations(language: str) -> NullTranslations:
    """The catalogues of a language; English is what the sources are written in."""
    found = NullTranslations()
    name = language.replace("-", "_")
    # Each folder has its own; what pages of several features say is in service/web/locale.
    patterns = (f"alerts/locale/{name}.po", f"service/*/locale/{name}.po")
    for path in sorted(chain.from_iterable(map(ROOT.glob, patterns))):
        catalogue = _compiled(path)
        catalogue.add_fallback(found)
        found = catalogue
    return found


@cache
def built_in(language: str) -> NullTranslations:
    """The catalogue of what an installation comes with."""
    path = BUILT_IN / f"{language.replace('-', '_')}.po"
    return _compiled(path) if path.is_file() else NullTranslations()


def _compiled(path: Path) -> GNUTranslations:
    with path.open("rb") as source:
        catalogue = read_po(source)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
