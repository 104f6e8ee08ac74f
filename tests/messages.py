"""Every text that is shown, as it stands in templates and code."""

from collections.abc import Iterator

from babel.messages.extract import extract_from_dir

from tests.conftest import ROOT

_ROOTS = ("service", "alerts", "retention", "sql")
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "Message": None,
    "Term": None,
}
_METHODS = [
    ("web/node_modules/**", "ignore"),
    ("documentation/**", "ignore"),
    ("*/templates/**.html", "jinja2"),
    ("**.py", "python"),
]
_OPTIONS = {"*/templates/**.html": {"trimmed": "true", "silent": "false"}}


def messages() -> dict[str, str]:
    """Every string (of a plural, the singular) and where it was found first."""
    found: dict[str, str] = {}
    for text, place in _extracted():
        found.setdefault(text, place)
    return found


def _extracted() -> Iterator[tuple[str, str]]:
    for root in _ROOTS:
        for path, line, message, _, _ in extract_from_dir(
            ROOT / root, method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS
        ):
            text = message if isinstance(message, str) else message[0]
            yield text, f"{root}/{path}:{line}"
