"""The endpoint that tests a channel: it really sends, so that it can be trusted."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from alerts.channel_test import ChannelTest, send_test
from alerts.recipients import Channel
from service.alerts.authors import author_of
from service.channels.models import ChannelToTest
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Item, item_response
from service.runtime.notifications import channels_of
from service.runtime.resources import resources_of


class ChannelTestOut(BaseModel):
    """The outcome of the delivery. `failed` may pass with another attempt, `dead` will not."""

    channel: Channel
    recipient: str
    delivery_id: UUID
    outcome: Literal["sent", "failed", "dead"]
    detail: str
    attempted_at: datetime
    duration_ms: float


async def test_channel(request: Request) -> Response:
    """Send one test notification now, without retries, and say what came of it.

    The answer is 200 whatever came of it: see `outcome` and `detail`.
    """
    given = await read_model(request, ChannelToTest)
    channels = channels_of(resources_of(request).settings)
    result = await send_test(channels, given.channel, given.recipient, author_of(request))
    return item_response(_result_out(result))


def _result_out(result: ChannelTest) -> dict[str, object]:
    values = {name: getattr(result, name) for name in ChannelTestOut.model_fields}
    return values | {"detail": str(result.detail)}


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/alerts/channels/test",
        test_channel,
        "alerts",
        scope="alerts:write",
        body=ChannelToTest,
        response=Item[ChannelTestOut],
    ),
]
