"""Channels of notifications: which are set up, and whether one works."""

from starlette.requests import Request
from starlette.responses import Response

from alerts.channel_test import ChannelTest, send_test
from alerts.recipients import TAKES
from service.alerts.authors import author_of
from service.alerts.undelivered import undelivered
from service.channels.models import ChannelToTest
from service.language.translations import N_
from service.runtime.notifications import channels_of, with_default
from service.runtime.resources import resources_of
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import render
from service.web.words import WORDS

_TAKES = {
    "email address": N_("An email address"),
    "http(s) URL": N_("An http(s) URL"),
    "E.164 number": N_("A phone number such as +5511912345678"),
}


async def show_channels(request: Request) -> Response:
    """Every channel, and a form to test one."""
    return await _page(request, Form({"channel": "email", "recipient": ""}))


async def test_channel(request: Request) -> Response:
    """Send a test notification now and say what came of it."""
    form = await read_form(request, ChannelToTest)
    if not form.is_valid:
        return await _page(request, form, status=422)
    given, channels = form.data, channels_of(resources_of(request).settings)
    result = await send_test(channels, given.channel, given.recipient, author_of(request))
    return await _page(request, form, result)


async def _page(
    request: Request,
    form: Form[ChannelToTest],
    result: ChannelTest | None = None,
    *,
    status: int = 200,
) -> Response:
    settings = resources_of(request).settings
    context = {
        "form": form,
        "result": result,
        "undelivered": await undelivered(request),
        "takes": {channel: _TAKES[kind] for channel, kind in TAKES.items()},
        "set_up": with_default(settings),
        "usable": channels_of(settings),
        **WORDS,
    }
    return render(request, "channels/list.html", context, status=status)


PAGES = [
    Page("GET", "/alerts/channels", show_channels, scope="alerts:write"),
    Page("POST", "/alerts/channels", test_channel, scope="alerts:write"),
]
