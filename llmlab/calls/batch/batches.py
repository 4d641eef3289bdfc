"""
A plan through the providers' batch endpoints: claim, submit, wait, collect.

    claim in the book ─ hand in ─ write the provider's name down ─ look ─ fetch ─ settle

Nothing is handed in twice: a batch is in the book, with its attempts and under a name of its own,
before the provider hears of it, and it holds its calls from then on. After a restart, or in another
kernel, the same plan finds it there; where nobody knows whether the provider took it, it is looked
for in the provider's own list before anything is bought again.
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
"""Seconds between two looks at a batch, which takes minutes to hours."""
GRACE_S: Final = 60.0
"""Seconds after which a batch that was handed in is taken to be in the provider's list."""

_ROUNDS: Final = 6
"""How often what is free is handed in and what is held is followed, before the rest is rows."""
_PAUSE_S: Final = 1.0


class Batches:
    """Sends what a provider takes in batches; `outcomes` is all there is to call."""

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
        """Why nobody knows whether the provider has a batch of this run, by the batch's id."""
        self.notes: list[str] = []
        """What the user should know beside the rows."""

    async def outcomes(self, missing: Iterable[Prepared]) -> dict[str, Outcome]:
        """
        Return the outcome of each of *missing* that can go by batch, by key.

        What is in a batch already is collected, not sent again. Cancelled or stopped, it leaves
        the batches where they are; calling it again goes on.
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
                outcomes.update(await _to_its_end(self._hand_in(group)))
            if not free:
                followed = await asyncio.gather(*[self._follow(each, left) for each in held])
                for each in followed:
                    outcomes.update(each)
        error = Unavailable("its batch could not be handed in; run this again", retryable=False)
        left = await self._left(wanted, outcomes)
        return {
            **outcomes,
            **{key: failure(error, each, self._now()) for key, each in left.items()},
        }

    async def _left(
        self, wanted: Mapping[str, Prepared], outcomes: dict[str, Outcome]
    ) -> dict[str, Prepared]:
        """Return what is still wanted; what was answered meanwhile is an outcome."""
        left = {key: each for key, each in wanted.items() if key not in outcomes}
        stored = await asyncio.to_thread(self._caller.book.answers, list(left))
        outcomes.update({key: recall(blob) for key, blob in stored.items()})
        return {key: each for key, each in left.items() if key not in stored}

    async def _held(self, left: Mapping[str, Prepared]) -> list[Batch]:
        """
        Return the batches in the book that hold something of *left*, at the same address.

        What another living kernel hands in just now is waited for.
        """
        while True:
            held = await asyncio.to_thread(self._holding, left)
            if not any(self._is_handed_in_now(each) for each in held) or not await self._passes():
                return held
            await self._sleep(min(self._poll, _PAUSE_S))

    def _holding(self, left: Mapping[str, Prepared]) -> list[Batch]:
        book = self._caller.book
        book.recover()
        return [
            batch
            for batch in book.batches(list(left))
            if any(left[key].endpoint.identity == batch.asked for key in batch.items if key in left)
        ]

    def _is_handed_in_now(self, batch: Batch) -> bool:
        recent = self._now() < batch.created_at + HAND_IN_S + _PAUSE_S
        return batch.state == "intended" and batch.owner_lives and recent

    async def _hand_in(self, group: Sequence[Prepared]) -> dict[str, Outcome]:
        """
        Claim what is free of *group* and hand it in; return what came to nothing at once.

        Awaited to its end: once begun it goes on to its record, whoever is interrupted.
        """
        token = new_token()
        try:
            return await self._handed_in(token, group)
        except BaseException:
            # The engine is stopped in between: the next run looks in the provider's list.
            why = "interrupted while it was handed in"
            self._caller.book.turn_batch(token, "unsure", note=why)
            raise

    async def _handed_in(self, token: str, group: Sequence[Prepared]) -> dict[str, Outcome]:
        at, one, caller = self._now(), group[0], self._caller
        claimed = await caller.book.claim_async(
            [self._attempt(each, at) for each in group],
            caller.limits,
            allow_unpriced=caller.unpriced,
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
        """Collect a batch; find out first whether the provider has it, where that is not known."""
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
            return _out_of_sight(batch, mine, error)
        if found is not None:
            future = self._caller.book.turn_batch(
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
        Let the calls of a batch go that the provider does not have.

        Where this run has handed it in, they are rows that say why; others are handed in anew. An
        error status that the list bears out has cost nothing.
        """
        doubt = self._doubts.pop(batch.id, None)
        free = doubt is not None and doubt.status is not None and is_free(doubt)
        note = f"{batch.provider} has no such batch in its list"
        gone = await asyncio.to_thread(
            self._caller.book.abandon_batch, batch.id, "lost", note, found=None, free=free
        )
        if doubt is None:
            if gone:
                self.notes.append(f"{note}: its {gone} calls count at their worst price")
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
    Refuse to send what is in a batch already.

    Raises:
        UsageError: It would be paid for twice.
    """
    held = {
        (key, batch.asked)
        for batch in caller.book.batches([each.key for each in missing])
        for key in batch.items
    }
    twice = {each.key for each in missing if (each.key, each.endpoint.identity) in held}
    if twice:
        raise UsageError(
            f"{len(twice)} of these calls are in a batch that was not collected yet: "
            "run this with batch=True, or they would be paid for twice"
        )


def _out_of_sight(
    batch: Batch, mine: Mapping[str, Prepared], error: CallError
) -> dict[str, Outcome]:
    """Return rows that say that nobody knows yet whether the provider has the batch."""
    line = (
        f"nobody knows whether {batch.provider} took this batch, for its list cannot be read "
        f"({error}): run this again, or give it up with `llmlab batch forget {batch.id}`"
    )
    unsure = type(error)(line, provider=batch.provider, status=error.status)
    return {key: undecided(unsure, each, batch.created_at) for key, each in mine.items()}


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await *work*; an interruption waits until it has ended, for it hands something in."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _always() -> bool:
    return True
