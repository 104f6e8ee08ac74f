"""Channels of notifications: which are set up, and whether one works."""

from starlette.requests import Request
from starlette.responses import Response

from alerts.recipients import TAKES
from service.channels.api import ChannelTrial, TrialResult, run_trial
from service.http.authentication import principal_of
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
# What is said of a recipient.
N_("The email channel takes an email address")
N_("The slack channel takes an http(s) URL")
N_("The webhook channel takes an http(s) URL")
N_("The sms channel takes an E.164 number")


async def show_channels(request: Request) -> Response:
    """Every channel, and a form to try one."""
    return _page(request, Form({"channel": "email", "recipient": ""}))


async def try_channel(request: Request) -> Response:
    """Send a test notification now and say what came of it."""
    form = await read_form(request, ChannelTrial)
    if not form.is_valid:
        return _page(request, form, status=422)
    settings, actor = resources_of(request).settings, principal_of(request).id
    return _page(request, form, await run_trial(form.data, settings, actor))


def _page(
    request: Request,
    form: Form[ChannelTrial],
    result: TrialResult | None = None,
    *,
    status: int = 200,
) -> Response:
    settings = resources_of(request).settings
    context = {
        "form": form,
        "result": result,
        "takes": {channel: _TAKES[kind] for channel, kind in TAKES.items()},
        "set_up": with_default(settings),
        "usable": channels_of(settings),
        **WORDS,
    }
    return render(request, "channels/list.html", context, status=status)


PAGES = [
    Page("GET", "/alerts/channels", show_channels, scope="alerts:write"),
    Page("POST", "/alerts/channels", try_channel, scope="alerts:write"),
]
