"""The strings of the pages, as they stand in templates and code."""

from babel.messages.extract import extract_from_dir

from tests.conftest import ROOT

SERVICE = ROOT / "service"
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None, "Message": None}


def messages() -> dict[str, str]:
    """Every string (of a plural, the singular) and where it was found first."""
    found: dict[str, str] = {}
    for path, line, message, _, _ in extract_from_dir(
        SERVICE,
        method_map=[
            ("web/node_modules/**", "ignore"),
            ("documentation/**", "ignore"),
            ("*/templates/**.html", "jinja2"),
            ("**.py", "python"),
        ],
        options_map={"*/templates/**.html": {"trimmed": "true", "silent": "false"}},
        keywords=_KEYWORDS,
    ):
        text = message if isinstance(message, str) else message[0]
        found.setdefault(text, f"{path}:{line}")
    return found
