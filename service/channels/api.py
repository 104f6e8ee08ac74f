"""Trying a channel, in the API and on its page: really sends, so that it can be trusted."""

import time
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from starlette.requests import Request
from starlette.responses import Response

from alerts.channels.base import Delivery, TransportError
from alerts.delivery import send
from alerts.messages import Message
from alerts.recipients import TAKES, Channel, kind_of
from service.http.authentication import principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.responses import json_response
from service.runtime.notifications import channels_of
from service.runtime.resources import resources_of
from service.runtime.settings import Settings


class ChannelTrial(BaseModel):
    """What to try."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel
    recipient: str = Field(
        default="", max_length=2000, description="The channel's configured default if empty"
    )

    @field_validator("recipient")
    @classmethod
    def _is_of_the_channel(cls, recipient: str, info: ValidationInfo) -> str:
        channel = info.data.get("channel")
        if recipient and channel and kind_of(recipient) != TAKES[channel]:
            raise ValueError(f"The {channel} channel takes an {TAKES[channel]}")
        return recipient


class TrialResult(BaseModel):
    """What came of the delivery. `failed` may pass with another attempt, `dead` will not."""

    channel: Channel
    recipient: str
    delivery_id: UUID
    outcome: Literal["sent", "failed", "dead"]
    detail: str
    attempted_at: datetime
    duration_ms: float


class TrialAnswer(BaseModel):
    """The delivery's result."""

    success: bool = True
    data: TrialResult


async def try_channel(request: Request) -> Response:
    """Send one test notification now, without retries, and say what came of it.

    The answer is 200 whatever came of it: see `outcome` and `detail`.
    """
    trial = await read_model(request, ChannelTrial)
    result = await run_trial(trial, resources_of(request).settings, principal_of(request).id)
    return json_response(TrialAnswer(data=result).model_dump())


async def run_trial(trial: ChannelTrial, settings: Settings, actor: str) -> TrialResult:
    """Send one test notification in the name of `actor`."""
    now, timer, delivery_id = datetime.now(UTC), time.monotonic(), uuid4()
    message = _message(settings, actor, now)
    to = Delivery(delivery_id, delivery_id)
    outcome: Literal["sent", "failed", "dead"] = "sent"
    try:
        detail = await send(channels_of(settings), trial.channel, trial.recipient, message, to)
    except TransportError as error:
        outcome, detail = "dead" if error.permanent else "failed", error.detail
    return TrialResult(
        channel=trial.channel,
        recipient=trial.recipient,
        delivery_id=delivery_id,
        outcome=outcome,
        detail=detail,
        attempted_at=now,
        duration_ms=round((time.monotonic() - timer) * 1000, 1),
    )


def _message(settings: Settings, actor: str, now: datetime) -> Message:
    return Message(
        event_id=0,
        transition="test",
        reason="a test was asked for",
        rule_id=None,
        rule_name="Test notification",
        metric_name="test",
        condition=">",
        threshold_value=0.0,
        severity="low",
        aggregation="last",
        window="hour",
        value=None,
        peak_value=None,
        unit=None,
        group={},
        window_start=None,
        window_end=None,
        opened_at=now,
        at=now,
        timezone=settings.timezone,
        actor=actor,
        link=settings.links,
    )


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/alerts/channels/test",
        try_channel,
        "alerts",
        scope="alerts:write",
        body=ChannelTrial,
        response=TrialAnswer,
    ),
]
