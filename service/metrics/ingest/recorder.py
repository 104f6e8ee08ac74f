"""The one door for samples: every protocol's decoder hands over here what it made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from service.metrics.ingest.closed import Closed
from service.metrics.ingest.idempotency import Receipt
from service.metrics.ingest.prepare import IdempotencyKey, Preparer, Step, Submission
from service.metrics.ingest.sample import Decoded, Measured, Source
from service.metrics.ingest.writer import Writer
from sql.errors import Forbidden, Invalid, Problem
from sql.scope import Scope

# Told the tenant and name of each metric that has new samples.
Stored = Callable[[frozenset[tuple[str, str]]], None]


@dataclass(frozen=True, slots=True)
class Recorder:
    """Prepares and writes samples; all of a request or none."""

    preparer: Preparer
    writer: Writer
    on_stored: Stored

    async def record(
        self,
        decoded: Decoded,
        scope: Scope,
        idempotency: IdempotencyKey | None = None,
        step: Step | None = None,
    ) -> Receipt:
        """Answered once the samples are on disk.

        Raises:
            Invalid: everything that is wrong, with its place in the request.
            Closed: the samples that are in closed periods, where nothing else is wrong.
            Forbidden: a sample of another service than the scope's.
            Busy: too many samples wait; try again.
            Conflict: the Idempotency-Key came with another body before.
            DomainError: the step refused.
            DatabaseError: as `Writer.submit` says.
        """
        try:
            return await self._write(decoded, scope, idempotency, step)
        except (Invalid, Closed):
            # The first time it was accepted; meanwhile a sample may have become too old.
            first = await self.writer.first_answer(idempotency) if idempotency else None
            if first is None:
                raise
            return first

    async def refusal(self, decoded: Decoded, scope: Scope) -> Invalid | Forbidden | None:
        """The error that `record` would raise for these samples, but for series too many."""
        try:
            problems = await self.preparer.problems(decoded.samples, scope, datetime.now(UTC))
        except Forbidden as error:
            return Forbidden(error.message, _placed(decoded, error.problems))
        problems = _in_order([*decoded.problems, *_placed(decoded, problems)])
        return Invalid(*problems) if problems else None

    async def record_each(
        self, sources: Sequence[Source], values: Sequence[Measured], scope: Scope
    ) -> list[Problem]:
        """Store those values, each of the source beside it, that can be; the problems of the
        others, by their numbers. Answered once they are on disk.

        Raises:
            Forbidden: a sample of another service than the scope's; nothing was stored.
            Busy: too many samples wait; try again.
            DatabaseError: as `Writer.submit` says.
        """
        try:
            return await self._write_each(sources, values, scope)
        except Closed:
            # Meanwhile. Now it is known which.
            await self.preparer.reload_closed()
            return await self._write_each(sources, values, scope)

    async def _write(
        self,
        decoded: Decoded,
        scope: Scope,
        idempotency: IdempotencyKey | None,
        step: Step | None,
    ) -> Receipt:
        if decoded.problems and (refusal := await self.refusal(decoded, scope)):
            raise refusal
        submission = await self._prepared(decoded, scope, idempotency, step)
        try:
            receipt = await self.writer.submit(submission)
        except Closed:
            # Meanwhile. Now it is known which samples are.
            await self.preparer.reload_closed()
            submission = await self._prepared(decoded, scope, idempotency, step)
            receipt = await self.writer.submit(submission)
        self.on_stored(submission.metrics)
        return receipt

    async def _prepared(
        self,
        decoded: Decoded,
        scope: Scope,
        idempotency: IdempotencyKey | None,
        step: Step | None,
    ) -> Submission:
        now = datetime.now(UTC)
        try:
            return await self.preparer.prepare(decoded.samples, scope, now, idempotency, step)
        except Invalid as error:
            raise Invalid(*_placed(decoded, error.problems)) from error
        except (Closed, Forbidden) as error:
            raise type(error)(error.message, _placed(decoded, error.problems)) from error

    async def _write_each(
        self, sources: Sequence[Source], values: Sequence[Measured], scope: Scope
    ) -> list[Problem]:
        now = datetime.now(UTC)
        submission, problems = await self.preparer.prepare_each(sources, values, scope, now)
        if submission.count:
            await self.writer.submit(submission)
            self.on_stored(submission.metrics)
        return problems


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Those of the whole request first, then by place."""
    return sorted(problems, key=lambda one: -1 if one.index is None else one.index)


def _placed(decoded: Decoded, problems: Sequence[Problem]) -> list[Problem]:
    """Problems of samples by their numbers, with the places in the request."""
    return [
        problem if problem.index is None else replace(problem, index=decoded.place(problem.index))
        for problem in problems
    ]
