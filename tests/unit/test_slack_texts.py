"""Texts of others mean nothing to Slack."""

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.channels.slack import escaped, payload
from alerts.rendering import English
from alerts.wording import Wording
from sql.messages import Message
from tests.alert_messages import OPENED

NASTY = "<!channel> & *bold* _it_ ~no~ `x`\r\n\N{RIGHT-TO-LEFT OVERRIDE}evil\x00\x1b "


@pytest.mark.parametrize("limit", range(1, 30))
def test_nothing_is_cut_inside_of_an_entity(limit: int) -> None:
    text = escaped("a<b>&c" * 10, limit)
    assert len(text) <= limit
    assert re.fullmatch(r"(?:[abc]|&(?:lt|gt|amp);)*", text)


@given(st.text(max_size=60), st.integers(1, 80))
def test_what_is_shown_is_what_was_written(text: str, limit: int) -> None:
    shown = html.unescape(escaped(text, limit)).replace("\N{ZERO WIDTH SPACE}", "")
    assert " ".join(text.split()).startswith(shown) or not text.isprintable()


def test_formatting_links_and_control_characters_are_harmless() -> None:
    notification = replace(
        OPENED,
        rule_name=NASTY * 30,
        comment=NASTY,
        reason=Message("{name}", {"name": NASTY}),
        group={"region": NASTY * 100},
    )
    content = payload(Wording(notification, English()))
    for text in _texts(content):
        assert "<!" not in text
        assert not set(text) & set("\r\x00\x1b\N{RIGHT-TO-LEFT OVERRIDE}")
        assert len(text) <= 3000
        # But for the bold labels, which are ours.
        assert not re.search(r"(?<!\N{ZERO WIDTH SPACE})[_~`]", re.sub(r"<http[^>]*>", "", text))


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    parts = content.values() if isinstance(content, dict) else content
    return (
        [text for part in parts for text in _texts(part)]
        if isinstance(content, dict | list)
        else []
    )
