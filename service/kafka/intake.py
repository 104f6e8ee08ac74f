"""The intake: the messages of one batch to the one door for samples, as the key's owner may."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from service.kafka.messages import Record
from service.metrics.ingest.prepare import Step
from service.metrics.ingest.sample import Decoded
from service.runtime.recording import Recording
from sql.errors import DomainError, Unauthenticated
from sql.messages import Message
from sql.scope import Scope

_NOT_ALLOWED = Message(
    "The key in FATURE_KAFKA_API_KEY is not known, has ended or may not write metrics"
)


class Taken(NamedTuple):
    """A message and the samples of it."""

    record: Record
    decoded: Decoded


class Intake:
    """Records batches with the scope of a key, which may be revoked meanwhile."""

    def __init__(self, recording: Recording, key: str) -> None:
        self._recording = recording
        self._key = key

    async def scope(self) -> Scope:
        """Whose samples these are.

        Raises:
            Unauthenticated: nobody's, until the key is good again.
        """
        principal = await self._recording.keys.principal(self._key)
        if principal is None or not principal.may("metrics:write"):
            raise Unauthenticated(_NOT_ALLOWED)
        return principal.scope

    async def record(self, messages: Sequence[Taken], step: Step) -> None:
        """Store the samples of all, or none of them; raises what `Recorder.record` does."""
        samples = [sample for each in messages for sample in each.decoded.samples]
        await self._recording.recorder.record(Decoded(samples), await self.scope(), step=step)

    async def refusals(self, messages: Sequence[Taken]) -> Mapping[int, DomainError]:
        """By their offsets, why messages are refused whatever the others are."""
        scope = await self.scope()
        found = {
            each.record.offset: await self._recording.recorder.refusal(each.decoded, scope)
            for each in messages
        }
        return {offset: refusal for offset, refusal in found.items() if refusal}
