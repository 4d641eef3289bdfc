"""
Send a plan through the providers' batch endpoints: claim, submit, wait, collect.

    claim in the book ─ submit ─ record the provider's id ─ poll ─ fetch ─ settle

Nothing is submitted twice: a batch is in the book, with its attempts and its own id, before it is
sent to the provider, and its calls belong to it from then on. After a restart, or in another
kernel, the same plan finds it there. Where it is unknown whether the provider took it, the
provider's list is searched before anything is paid for again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from llmlab.book import Attempt, Batch, new_token
from llmlab.calls.batch.adopt import BatchSearch
from llmlab.calls.batch.collect import Collecting
from llmlab.calls.batch.requests import can_batch, failure, groups_of, undecided
from llmlab.calls.batch.submit import HAND_IN_S, Submission
from llmlab.calls.caller import Caller
from llmlab.calls.identity import recall
from llmlab.calls.prepared import Prepared
from llmlab.calls.settling import is_free
from llmlab.errors import CallError, Unavailable, UsageError
from llmlab.records import Outcome

T = TypeVar("T")

__all__ = ["Batches", "can_batch", "refuse_waiting"]

POLL_S: Final = 30.0
"""Seconds between two polls of a batch, which takes minutes to hours."""
GRACE_S: Final = 60.0
"""Seconds after which a batch that was submitted should be in the provider's list."""

_ROUNDS: Final = 6
"""Rounds of submitting new calls and following known batches; calls left then are failures."""
_PAUSE_S: Final = 1.0


class Batches:
    """Sends calls through a provider's batch endpoint; `outcomes` is the only entry point."""

    def __init__(
        self,
        caller: Caller,
        *,
        run: str,
        poll: float = POLL_S,
        grace: float = GRACE_S,
        passes: Callable[[], Awaitable[bool]] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._caller = caller
        self._run = run
        self._poll = poll
        self._grace = grace
        self._passes = passes or _always
        self._sleep = sleep
        self._now = now
        self._doubts: dict[str, CallError] = {}
        """By batch id: the error that left it unknown whether the provider has the batch."""
        self.notes: list[str] = []
        """Lines for the user, beside the rows."""

    async def outcomes(self, missing: Iterable[Prepared]) -> dict[str, Outcome]:
        """
        Return the outcome of each of *missing* that can go by batch, by key.

        Calls that are in a batch already are collected, not sent again. When this is cancelled or
        stopped, the batches stay at the provider; calling it again continues.
        """
        wanted = {each.key: each for each in missing if can_batch(each)}
        outcomes: dict[str, Outcome] = {}
        for _ in range(_ROUNDS):
            left = await self._left(wanted, outcomes)
            if not left or not await self._passes():
                return outcomes
            held = await self._held(left)
            free = {
                key: each for key, each in left.items() if not any(key in b.items for b in held)
            }
            for group in groups_of(list(free.values())):
                outcomes.update(await _uninterrupted(self._submit(group)))
            if not free:
                followed = await asyncio.gather(*[self._follow(each, left) for each in held])
                for each in followed:
                    outcomes.update(each)
        error = Unavailable("its batch could not be submitted; run this again", retryable=False)
        left = await self._left(wanted, outcomes)
        return {
            **outcomes,
            **{key: failure(error, each, self._now()) for key, each in left.items()},
        }

    async def _left(
        self, wanted: Mapping[str, Prepared], outcomes: dict[str, Outcome]
    ) -> dict[str, Prepared]:
        """Return the calls still missing; add those answered meanwhile to *outcomes*."""
        left = {key: each for key, each in wanted.items() if key not in outcomes}
        stored = await asyncio.to_thread(self._caller.context.book.answers, list(left))
        outcomes.update({key: recall(blob) for key, blob in stored.items()})
        return {key: each for key, each in left.items() if key not in stored}

    async def _held(self, left: Mapping[str, Prepared]) -> list[Batch]:
        """
        Return the batches in the book that hold calls of *left*, at the same endpoint.

        Wait for a batch that another living kernel is submitting right now.
        """
        while True:
            held = await asyncio.to_thread(self._holding, left)
            if not any(self._is_handed_in_now(each) for each in held) or not await self._passes():
                return held
            await self._sleep(min(self._poll, _PAUSE_S))

    def _holding(self, left: Mapping[str, Prepared]) -> list[Batch]:
        book = self._caller.context.book
        book.recover()
        return [
            batch
            for batch in book.batches(list(left))
            if any(left[key].endpoint.identity == batch.asked for key in batch.items if key in left)
        ]

    def _is_handed_in_now(self, batch: Batch) -> bool:
        recent = self._now() < batch.created_at + HAND_IN_S + _PAUSE_S
        return batch.state == "intended" and batch.owner_lives and recent

    async def _submit(self, group: Sequence[Prepared]) -> dict[str, Outcome]:
        """
        Claim the free calls of *group* and submit them; return the outcomes of those that failed.

        Must be awaited to its end (`_uninterrupted`), so that an interruption leaves a record.
        """
        token = new_token()
        try:
            return await self._submit_now(token, group)
        except BaseException:
            # The engine is stopped in between: the next run looks in the provider's list.
            why = "interrupted while it was handed in"
            self._caller.context.book.turn_batch(token, "unsure", note=why)
            raise

    async def _submit_now(self, token: str, group: Sequence[Prepared]) -> dict[str, Outcome]:
        at, one, caller = self._now(), group[0], self._caller
        claimed = await caller.context.book.claim_async(
            [self._attempt(each, at) for each in group],
            caller.context.limits,
            allow_unpriced=caller.context.unpriced,
            token=token,
            api=one.request.api,
            asked=one.endpoint.identity,
        )
        by_key = {each.key: each for each in group}
        outcomes: dict[str, Outcome] = {
            key: failure(error, by_key[key], at) for key, error in claimed.refused.items()
        }
        if not claimed.items:
            return outcomes
        submission = Submission(
            caller=caller,
            token=token,
            group=[by_key[key] for key in claimed.items],
            items=claimed.items,
            sleep=self._sleep,
            pause=min(self._poll, _PAUSE_S),
        )
        handed = await submission.hand_in()
        if handed.doubt is not None:
            self._doubts[token] = handed.doubt
        failed = {key: failure(error, by_key[key], at) for key, error in handed.failed.items()}
        return {**outcomes, **failed}

    def _attempt(self, each: Prepared, at: float) -> Attempt:
        request = each.request
        return Attempt(
            key=each.key,
            run=self._run,
            provider=request.provider,
            model=request.model,
            backend=each.endpoint.backend,
            started_at=at,
            # The full price, of which a batch costs a part: a limit holds either way.
            worst_usd=each.worst,
            prompt=request.prompt.name,
            prompt_version=request.prompt.version,
        )

    async def _follow(self, batch: Batch, wanted: Mapping[str, Prepared]) -> dict[str, Outcome]:
        """Collect a batch; where it is unknown whether the provider has it, search for it first."""
        mine = {key: wanted[key] for key in batch.items if key in wanted}
        if batch.state == "handed_in" and batch.provider_id:
            return await self._collecting(batch, batch.provider_id, mine).outcomes()
        search = BatchSearch(
            caller=self._caller,
            batch=batch,
            one=next(iter(mine.values())),
            collecting=lambda name: self._collecting(batch, name, mine),
        )
        try:
            found = await search.found()
        except CallError as error:
            return _list_unreadable(batch, mine, error)
        if found is not None:
            future = self._caller.context.book.turn_batch(
                batch.id, "handed_in", provider_id=found.provider_id, note="found at the provider"
            )
            await asyncio.wrap_future(future)
            return await found.outcomes()
        wait = batch.created_at + self._grace - self._now()
        if wait > 0.0:
            await self._sleep(min(wait, self._poll))
            return {}
        return await self._give_up(batch, mine)

    async def _give_up(self, batch: Batch, mine: Mapping[str, Prepared]) -> dict[str, Outcome]:
        """
        Give up a batch that the provider does not have.

        If this run submitted it, its calls become failures that say why; otherwise they are
        submitted again. An error status that the list confirms has cost nothing.
        """
        doubt = self._doubts.pop(batch.id, None)
        free = doubt is not None and doubt.status is not None and is_free(doubt)
        note = f"{batch.provider} has no such batch in its list"
        gone = await asyncio.to_thread(
            self._caller.context.book.abandon_batch, batch.id, "lost", note, found=None, free=free
        )
        if doubt is None:
            if gone:
                self.notes.append(f"{note}: its {gone} calls count at their worst case")
            return {}
        made = failure if free else undecided
        line = f"{doubt}; {note}: run this again"
        error = type(doubt)(line, provider=batch.provider, status=doubt.status)
        return {key: made(error, each, batch.created_at) for key, each in mine.items()}

    def _collecting(
        self, batch: Batch, provider_id: str, mine: Mapping[str, Prepared]
    ) -> Collecting:
        return Collecting(
            caller=self._caller,
            batch=batch,
            provider_id=provider_id,
            mine=mine,
            poll=self._poll,
            sleep=self._sleep,
            passes=self._passes,
        )


def refuse_waiting(caller: Caller, missing: Sequence[Prepared]) -> None:
    """
    Refuse to send calls that are in a batch already.

    Raises:
        UsageError: Some of *missing* are, and would be paid for twice.
    """
    held = {
        (key, batch.asked)
        for batch in caller.context.book.batches([each.key for each in missing])
        for key in batch.items
    }
    twice = {each.key for each in missing if (each.key, each.endpoint.identity) in held}
    if twice:
        raise UsageError(
            f"{len(twice)} of these calls are in a batch that was not collected yet: "
            "run this with batch=True, or they would be paid for twice"
        )


def _list_unreadable(
    batch: Batch, mine: Mapping[str, Prepared], error: CallError
) -> dict[str, Outcome]:
    """Return failures that say that it is unknown whether the provider has the batch."""
    line = (
        f"it is unknown whether {batch.provider} took this batch, for its list cannot be read "
        f"({error}): run this again, or give it up with `llmlab batch forget {batch.id}`"
    )
    unsure = type(error)(line, provider=batch.provider, status=error.status)
    return {key: undecided(unsure, each, batch.created_at) for key, each in mine.items()}


async def _uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Await *work* to its end; an interruption is raised only after that."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _always() -> bool:
    return True
