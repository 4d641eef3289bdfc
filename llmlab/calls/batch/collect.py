"""Wait for a batch, fetch its results and settle its calls, unless another kernel did."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from llmlab.book import Batch, NotUnderWay
from llmlab.calls.batch.requests import failure, send, undecided, way
from llmlab.calls.caller import Caller
from llmlab.calls.identity import recall
from llmlab.calls.prepared import Prepared
from llmlab.calls.settling import Timing, lost, stated, valued, won
from llmlab.errors import CallError, Refused, Unavailable
from llmlab.providers.batch.ways import UNREAD, BatchState, Result
from llmlab.records import Answer, Outcome

_NO_TIMES: Final = Timing(latency=None, ttfb=None)
"""A batch does not report how long a request took; waiting for it is not the model's time."""

_FAULTS: Final = 5
"""Polls that may fail in a row before the batch is left for a later run."""
_CHECK_S: Final = 1.0
"""Seconds between two checks, during a wait, whether the run was stopped."""
_GONE: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """One batch, by its provider's id, and the calls that are wanted of it."""

    caller: Caller
    batch: Batch
    provider_id: str
    mine: Mapping[str, Prepared]
    """The wanted calls of this batch, by key."""
    poll: float
    sleep: Callable[[float], Awaitable[object]]
    passes: Callable[[], Awaitable[bool]]

    async def outcomes(self) -> dict[str, Outcome]:
        """Wait until the batch has ended and settle it; empty when the run is stopped first."""
        try:
            results = await self.results()
        except CallError as error:
            return await self._poll_failed(error)
        if results is None:
            return {}
        return {key: await self._settle(key, each, results) for key, each in self.mine.items()}

    async def is_it(self) -> bool:
        """
        Return whether the provider's batch is this one, and has requests in it.

        Where the provider's list does not name the batch, its results tell; this waits for them.
        """
        one = self._one
        found, _ = way(one.request.provider, one.request.api)
        if found.named:
            call = found.state_call(self.provider_id, one.endpoint.base_url)
            return found.read_state(await send(self.caller, call, one)).size != 0
        results = await self.results()
        mine = {item.custom_id for item in self.batch.items.values()}
        return bool(results) and not mine.isdisjoint(results or {})

    async def results(self) -> dict[str, Result] | None:
        """Return all results by the requests' ids at the provider; None when stopped first."""
        state = await self._ended()
        if state is None:
            return None
        if state.trouble:
            why = f"the batch failed: {state.trouble}"
            refused = Refused(why, provider=self.batch.provider)
            return {item.custom_id: refused for item in self.batch.items.values()}
        one = self._one
        found, _ = way(one.request.provider, one.request.api)
        results: dict[str, Result] = {}
        parts, fetched = list(state.parts), set[str]()
        while parts:
            part = parts.pop(0)
            if part in fetched:
                continue  # a page that names itself as the next one
            fetched.add(part)
            call = found.results_call(self.provider_id, part, one.endpoint.base_url)
            read, more = found.read_results(await send(self.caller, call, one))
            results.update(read)
            parts.extend(more)
        return results

    @property
    def _one(self) -> Prepared:
        return next(iter(self.mine.values()))

    async def _ended(self) -> BatchState | None:
        """Poll until the batch has ended; retry polls that fail for a passing reason."""
        one = self._one
        found, _ = way(one.request.provider, one.request.api)
        call = found.state_call(self.provider_id, one.endpoint.base_url)
        failed = 0
        while await self.passes():
            try:
                state = found.read_state(await send(self.caller, call, one))
            except CallError as error:
                failed += 1
                if failed >= _FAULTS or not error.retryable:
                    raise
            else:
                failed = 0
                if state.ended:
                    return state
            await self._pause()
        return None

    async def _pause(self) -> None:
        left = self.poll
        while left > 0.0 and await self.passes():
            await self.sleep(min(left, _CHECK_S))
            left -= _CHECK_S

    async def _poll_failed(self, error: CallError) -> dict[str, Outcome]:
        """Give up a batch that the provider no longer has; leave other faults for a later run."""
        if error.status == _GONE:
            note = f"{self.batch.provider} has no batch {self.provider_id} any more"
            book = self.caller.context.book
            await asyncio.to_thread(
                book.abandon_batch, self.batch.id, "lost", note, found=self.provider_id
            )
            why = f"{note}: what it cost is not known; run this again to send its calls again"
            error = Unavailable(why, provider=self.batch.provider, status=_GONE, retryable=False)
        at = self.batch.created_at
        # The outcome of the batch is not known yet, whatever the error of this poll says.
        return {key: undecided(error, each, at) for key, each in self.mine.items()}

    async def _settle(self, key: str, prepared: Prepared, results: Mapping[str, Result]) -> Outcome:
        """Write down what became of a request: also of one whose kernel died meanwhile."""
        item, at, book = self.batch.items[key], self.batch.created_at, self.caller.context.book
        unread = results.get(UNREAD)
        if item.custom_id not in results and isinstance(unread, CallError):
            return undecided(unread, prepared, at)  # the next poll may be able to read it
        try:
            answer = self._read(prepared, results.get(item.custom_id))
        except CallError as error:
            paid = stated(error, prepared, self.caller.context.prices, at, batch=True)
            outcome: Outcome = failure(error, prepared, at)
            if paid is not None:
                outcome = structs.replace(outcome, cost=paid)
            settled = lost(error, latency=0.0, paid=paid)
        else:
            outcome, settled = answer, won(answer)
        try:
            await book.finish_async(item.attempt, settled)
        except NotUnderWay:
            stored = await asyncio.to_thread(book.answer, key)
            return outcome if stored is None else recall(stored)
        return outcome

    def _read(self, prepared: Prepared, result: Result | None) -> Answer:
        provider, at, prices = (
            prepared.request.provider,
            self.batch.created_at,
            self.caller.context.prices,
        )
        if result is None:
            line = "the batch has no result for this request; what it cost is not known"
            raise Unavailable(line, provider=provider, maybe_charged=True)
        if isinstance(result, CallError):
            raise result
        answer = prepared.adapter.read(result, prepared.request)
        answer = valued(answer, prepared, prices, at, _NO_TIMES)
        model = answer.model or prepared.request.model
        cost = prices.cost(answer.usage, provider, model, at, batch=True) or prices.cost(
            answer.usage, provider, prepared.request.model, at, batch=True
        )
        if cost is None:
            return answer
        return structs.replace(answer, cost=cost.usd, price_basis=cost.basis)
