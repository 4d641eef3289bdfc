"""
A plan through the providers' batch endpoints: submit, remember, wait, collect.

Every request is an attempt in the book before its batch is submitted, and the batch is in the
book before it is waited for: after a restart the same plan finds its batches and collects them.
Between submitting and remembering lies one write; a kernel that dies there has bought a batch
that nobody will collect, and its attempts count at their worst price.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from msgspec import structs

from llmlab.book import Attempt
from llmlab.calls.batch_book import Batch, remember, remembered
from llmlab.calls.caller import Caller
from llmlab.calls.prepared import FREE, Prepared
from llmlab.calls.settling import Timing, is_free, lost, valued, won
from llmlab.errors import CallError, LimitError, Refused, Unavailable
from llmlab.providers.batch import BatchState, BatchWay, Item, Result, way_of
from llmlab.records import Answer, Api, Failure, HttpCall, HttpReply, Outcome

POLL_S: Final = 30.0
"""Seconds between two looks at a batch, which takes minutes to hours."""

_NO_TIMES: Final = Timing(latency=None, ttfb=None)
"""A batch says nothing of how long a request took; waiting for it is not the model's time."""

_RETRIES: Final = 5
"""Looks that may fail in a row before the batch is left for another time."""


class Batches:
    """Sends what a provider takes in batches; `outcomes` is all there is to call."""

    def __init__(
        self,
        caller: Caller,
        *,
        run: str,
        poll: float = POLL_S,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._caller = caller
        self._run = run
        self._poll = poll
        self._sleep = sleep
        self._now = now

    async def outcomes(self, missing: Iterable[Prepared]) -> dict[str, Outcome]:
        """
        Return the outcome of each of *missing* that can go by batch, by key.

        What is in a batch already is collected, not sent again. Cancelled, it leaves the
        batches where they are; calling it again goes on.
        """
        wanted = {each.key: each for each in missing if can_batch(each)}
        going = self._going(wanted)
        under_way = {key for batch in going for key in batch.attempts}
        outcomes: dict[str, Outcome] = {}
        for group in _groups([each for key, each in wanted.items() if key not in under_way]):
            batch = await self._submit(group, outcomes)
            if batch is not None:
                going.append(batch)
        collected = await asyncio.gather(*[self._collect(each, wanted) for each in going])
        for each in collected:
            outcomes.update(each)
        return outcomes

    def _going(self, wanted: Mapping[str, Prepared]) -> list[Batch]:
        """Return the batches in the book that hold something of *wanted*, at the same address."""
        return [
            batch
            for batch in remembered(self._caller.book)
            if batch.open
            and any(
                key in wanted and wanted[key].endpoint.identity == batch.by
                for key in batch.attempts
            )
        ]

    async def _submit(
        self, group: Sequence[Prepared], outcomes: dict[str, Outcome]
    ) -> Batch | None:
        """Reserve, record, submit and remember; what cannot be is a failure in *outcomes*."""
        attempts: dict[str, int] = {}
        at = self._now()
        for each in group:
            try:
                attempts[each.key] = await self._begin(each, at)
            except LimitError as error:
                outcomes[each.key] = _failure(error, each, at)
        sent = [each for each in group if each.key in attempts]
        if not sent:
            return None
        try:
            batch_id = await self._hand_in(sent)
        except CallError as error:
            for each in sent:
                await self._caller.book.finish_async(attempts[each.key], lost(error, latency=0.0))
                outcomes[each.key] = _failure(error, each, at)
            return None
        request, endpoint = sent[0].request, sent[0].endpoint
        batch = Batch(id=batch_id, provider=request.provider, api=request.api,
                      by=endpoint.identity, at=at, attempts=attempts)  # fmt: skip
        await asyncio.to_thread(remember, self._caller.book, batch)
        return batch

    async def _begin(self, each: Prepared, at: float) -> int:
        request = each.request
        attempt = Attempt(
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
        return await self._caller.book.begin_async(
            attempt, self._caller.limits, allow_unpriced=self._caller.unpriced
        )

    async def _hand_in(self, group: Sequence[Prepared]) -> str:
        """Make the calls that submit; they are not repeated: a batch must not be there twice."""
        way, path = _way(group[0].request.provider, group[0].request.api)
        base = group[0].endpoint.base_url
        items = [Item(id=each.key, body=each.call.body) for each in group]
        replies = [await self._send(_like(way.first(items, path, base), group[0]), group[0])]
        first = way.read_id(replies)
        for call in way.rest(first, items, path, base):
            replies.append(await self._send(_like(call, group[0]), group[0]))
            way.read_id(replies)
        return way.read_id(replies)

    async def _collect(self, batch: Batch, wanted: Mapping[str, Prepared]) -> dict[str, Outcome]:
        """Wait until the batch has ended, settle its attempts, and close it in the book."""
        mine = [wanted[key] for key in batch.attempts if key in wanted]
        try:
            results = await self._results(batch, mine[0])
        except CallError as error:
            # It cannot be looked at now. It stays open in the book, for the next time.
            return {
                each.key: structs.replace(_failure(error, each, batch.at), cost=None)
                for each in mine
            }
        outcomes = {
            key: await self._settle(attempt, wanted[key], results.get(key), batch.at)
            for key, attempt in batch.attempts.items()
            if key in wanted
        }
        # What is left belongs to another plan, which will collect it when it is run again.
        left = {key: each for key, each in batch.attempts.items() if key not in wanted}
        settled = replace(batch, attempts=left, open=bool(left))
        await asyncio.to_thread(remember, self._caller.book, settled)
        return outcomes

    async def _results(self, batch: Batch, one: Prepared) -> dict[str, Result]:
        """Wait for the end, then fetch part after part."""
        way, _ = _way(batch.provider, batch.api)
        base = one.endpoint.base_url
        state = await self._ended(batch, one)
        results: dict[str, Result] = {}
        if state.trouble:
            refused = Refused(f"the batch failed: {state.trouble}", provider=batch.provider)
            return dict.fromkeys(batch.attempts, refused)
        parts = list(state.parts)
        while parts:
            call = way.results_call(batch.id, parts.pop(0), base)
            found, more = way.read_results(await self._send(_like(call, one), one))
            results.update(found)
            parts.extend(more)
        return results

    async def _ended(self, batch: Batch, one: Prepared) -> BatchState:
        """Look until the batch has ended; a look that fails in passing is tried again."""
        way, _ = _way(batch.provider, batch.api)
        call = _like(way.state_call(batch.id, one.endpoint.base_url), one)
        failed = 0
        while True:
            try:
                state = way.read_state(await self._send(call, one))
            except CallError as error:
                failed += 1
                if failed >= _RETRIES or not error.retryable:
                    raise
            else:
                failed = 0
                if state.ended:
                    return state
            await self._sleep(self._poll)

    async def _settle(
        self, attempt: int, prepared: Prepared, result: Result | None, at: float
    ) -> Outcome:
        """Write down what became of a request: also of one whose kernel died meanwhile."""
        try:
            answer = self._read(prepared, result, at)
        except CallError as error:
            await self._caller.book.finish_async(attempt, lost(error, latency=0.0))
            return _failure(error, prepared, at)
        await self._caller.book.finish_async(attempt, won(answer))
        return answer

    def _read(self, prepared: Prepared, result: Result | None, at: float) -> Answer:
        provider = prepared.request.provider
        if result is None:
            raise Unavailable("the batch has no result for this request", provider=provider)
        if isinstance(result, CallError):
            raise result
        answer = prepared.adapter.read(result, prepared.request)
        answer = valued(answer, prepared, self._caller.prices, at, _NO_TIMES)
        model = answer.model or prepared.request.model
        prices = self._caller.prices
        cost = prices.cost(answer.usage, provider, model, at, batch=True) or prices.cost(
            answer.usage, provider, prepared.request.model, at, batch=True
        )
        if cost is None:
            return answer
        return structs.replace(answer, cost=cost.usd, price_basis=cost.basis)

    async def _send(self, call: HttpCall, one: Prepared) -> HttpReply:
        exchange = await self._caller.session.send(call, one.endpoint)
        return exchange.reply


def can_batch(prepared: Prepared) -> bool:
    """Say whether a request can go by batch: to the provider itself, which sells it."""
    request = prepared.request
    return prepared.endpoint.backend == "live" and bool(way_of(request.provider, request.api))


def _groups(prepared: Sequence[Prepared]) -> list[list[Prepared]]:
    """Divide into batches: one provider, one API, one model, one set of headers each."""
    groups: dict[tuple[object, ...], list[Prepared]] = defaultdict(list)
    for each in prepared:
        request = each.request
        headers = tuple(sorted(each.call.headers.items()))
        groups[each.endpoint.identity, request.api, request.model, headers].append(each)
    return list(groups.values())


def _way(provider: str, api: Api) -> tuple[BatchWay, str]:
    found = way_of(provider, api)
    assert found is not None  # noqa: S101 - only what `can_batch` lets in comes here
    return found


def _like(call: HttpCall, one: Prepared) -> HttpCall:
    """Send the headers that a single request would have, such as the version of the API."""
    return structs.replace(call, headers={**one.call.headers, **call.headers})


def _failure(error: CallError | LimitError, prepared: Prepared, at: float) -> Failure:
    kind = error.kind if isinstance(error, CallError) else "LimitError"
    return Failure(
        kind=kind,
        message=str(error),
        status=error.status if isinstance(error, CallError) else None,
        request_id=error.request_id if isinstance(error, CallError) else None,
        attempts=1 if isinstance(error, CallError) else 0,
        started_at=at,
        backend=prepared.endpoint.backend,
        cost=FREE if isinstance(error, LimitError) or is_free(error) else None,
    )
