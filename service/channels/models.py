"""The body of a test of a channel."""

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from alerts.recipients import NAMES, TAKES, Channel, kind_of
from sql.messages import Message, Term, Value


class ChannelToTest(BaseModel):
    """A channel, and whom to send to through it."""

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
            values: dict[str, Value] = {"channel": channel, "kind": Term(NAMES[TAKES[channel]])}
            raise ValueError(Message("The {channel} channel takes {kind}", values))
        return recipient
