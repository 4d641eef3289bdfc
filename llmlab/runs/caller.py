"""
One call, from a request to its outcome.

    check ─ book ─ breaker ─ permits ─ rate limit ─ reserve + record ─ send ─ decode ─ settle

Whatever is wrong with the request itself is found by `prepare`, before anything is sent.
Retries happen inside one deadline, outside the permits.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmlab.book import Attempt, Book, Limits, Settled
from llmlab.catalogue import Model
from llmlab.catalogue.parameters import check
from llmlab.errors import CallError, TimedOut
from llmlab.providers.adapter import Adapter, Decoder
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Failure, HttpCall, Outcome, Piece, Request
from llmlab.runs.identity import key_of, pack, recall
from llmlab.wire import Endpoint, Flow, Gates, Session
from llmlab.wire.retry import wait_of

if TYPE_CHECKING:
    from llmlab.pricing import Prices

OnPiece = Callable[[Piece], None]

_FREE: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request that is ready to be sent: checked, written, named and valued."""

    request: Request
    model: Model
    adapter: Adapter
    endpoint: Endpoint
    call: HttpCall
    key: str
    worst: Decimal | None
    """Dollars at most for one attempt; None when nobody knows the price."""
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """All that a call needs from outside, so that a test can hand in its own."""

    book: Book
    session: Session
    gates: Gates
    prices: "Prices"
    limits: Limits
    attempts: int = 4
    drop: bool = False
    unpriced: bool = False
    clock: Callable[[], float] = time.perf_counter
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    jitter: Callable[[], float] = random.random

    def prepare(self, request: Request, model: Model, endpoint: Endpoint) -> Prepared:
        """
        Check *request* against what the model accepts and put it into the provider's words.

        Raises:
            BadParameter: The model refuses a parameter and dropping it was not allowed.
        """
        checked = check(request.parameters, model, request.api, drop=self.drop)
        request = replace(request, parameters=checked.parameters)
        adapter = adapter_of(request.provider, request.api)
        call = adapter.write(request, model, endpoint.base_url)
        # The same words are the same question, whether the answer comes in pieces or whole.
        whole = replace(request, stream=False)
        same = adapter.write(whole, model, endpoint.base_url) if request.stream else call
        path = same.url.removeprefix(endpoint.base_url)
        return Prepared(
            request=request,
            model=model,
            adapter=adapter,
            endpoint=endpoint,
            call=call,
            key=key_of(same, endpoint, path=path, repeat=request.repeat),
            worst=self._worst(request, endpoint),
            dropped=checked.dropped,
        )

    def known(self, prepared: Prepared) -> Answer | None:
        """Return the answer that the book has, marked as such."""
        stored = self.book.answer(prepared.key)
        return None if stored is None else recall(stored)

    async def outcome(
        self,
        prepared: Prepared,
        *,
        run: str | None = None,
        deadline: float = 30.0,
        on_piece: OnPiece | None = None,
    ) -> Outcome:
        """
        Send until it is answered, cannot be, or *deadline* seconds are over.

        The deadline starts when the first permit is granted: standing in llmlab's own queue
        is reported as `queued` and is not the provider's time.

        Raises:
            LimitError: Sending could pass a spending limit.
        """
        trial = _Trial(self, prepared, run=run, on_piece=on_piece)
        try:
            async with asyncio.timeout(None) as limit:
                return await trial.outcome(limit, deadline)
        except TimeoutError:
            late = TimedOut(
                f"no answer within {deadline:g} s and {trial.number} attempts",
                provider=prepared.request.provider,
            )
            return trial.failure(late)

    def _worst(self, request: Request, endpoint: Endpoint) -> Decimal | None:
        """Value the dearest answer; stand-ins and the embedded model cost nothing."""
        if endpoint.backend != "live":
            return _FREE
        prompt = request.prompt
        # A token is at least one byte, so bytes bound the count; the frame adds a few.
        most = len(f"{prompt.system or ''}{prompt.user}".encode()) + _FRAME_TOKENS
        return self.prices.worst(
            request.provider, request.model, most, request.parameters.max_tokens, self.now()
        )


_FRAME_TOKENS: Final = 64
"""Tokens that a provider's message frame adds to the words, generously."""


class _Trial:
    """The attempts of one call; what they have in common is kept here while they last."""

    def __init__(
        self, caller: Caller, prepared: Prepared, *, run: str | None, on_piece: OnPiece | None
    ) -> None:
        self._caller = caller
        self._prepared = prepared
        self._run = run
        self._on_piece = on_piece
        self._queued = 0.0
        self.number = 0
        self._started_at = 0.0
        self._begun = 0.0

    async def outcome(self, limit: asyncio.Timeout, deadline: float) -> Outcome:
        """Attempt, wait, attempt again; a failure that waiting cannot mend is returned."""
        while True:
            try:
                return await self._attempt(limit, deadline)
            except CallError as error:
                wait = self._wait(error)
                if wait is None:
                    return self.failure(error)
            await self._caller.sleep(wait)

    def failure(self, error: CallError) -> Failure:
        """Keep what a table can show of *error*."""
        return Failure(
            kind=error.kind,
            message=str(error),
            status=error.status,
            request_id=error.request_id,
            partial=error.partial,
            attempts=max(1, self.number),
            started_at=self._started_at,
            latency=self._caller.clock() - self._begun if self._begun else None,
            queued=self._queued,
            backend=self._prepared.endpoint.backend,
        )

    def _wait(self, error: CallError) -> float | None:
        if self.number >= self._caller.attempts:
            return None
        return wait_of(error, failed=self.number, jitter=self._caller.jitter())

    async def _attempt(self, limit: asyncio.Timeout, deadline: float) -> Answer:
        """Pass the gate, record the attempt, send it and settle it."""
        caller, arrived = self._caller, self._caller.clock()
        gate = caller.gates[_door(self._prepared.endpoint)]
        async with gate.passed():
            self._queued += caller.clock() - arrived
            if limit.when() is None:
                limit.reschedule(asyncio.get_running_loop().time() + deadline)
            self.number += 1
            self._started_at, self._begun = caller.now(), caller.clock()
            ticket = await caller.book.begin_async(
                self._record(), caller.limits, allow_unpriced=caller.unpriced
            )
            try:
                answer = self._valued(await self._send())
            except CallError as error:
                gate.breaker.note(error)
                await caller.book.finish_async(ticket, self._lost(error))
                raise
            except BaseException:
                # Cancelled or broken: nobody knows what the provider did, so the book keeps
                # the worst price. The future is left to the book's own thread.
                gate.breaker.left()
                caller.book.finish(ticket, self._lost(TimedOut("cancelled while under way")))
                raise
            gate.breaker.succeeded()
            await caller.book.finish_async(ticket, self._won(answer))
            return answer

    async def _send(self) -> Answer:
        if self._prepared.request.stream:
            return await self._stream()
        prepared, caller = self._prepared, self._caller
        exchange = await caller.session.send(prepared.call, prepared.endpoint)
        answer = prepared.adapter.read(exchange.reply, prepared.request, prepared.model)
        return replace(answer, latency=exchange.latency, ttfb=exchange.ttfb)

    async def _stream(self) -> Answer:
        prepared, clock = self._prepared, self._caller.clock
        start = clock()
        async with self._caller.session.open(prepared.call, prepared.endpoint) as flow:
            if flow.status != _OK or _is_json(flow):
                return prepared.adapter.read(await flow.whole(), prepared.request, prepared.model)
            decoder = prepared.adapter.stream(prepared.request, prepared.model, flow.headers)
            first = await self._drain(decoder, flow, start)
        answer = decoder.close()
        return replace(answer, latency=clock() - start, ttfb=flow.ttfb, ttft=first)

    async def _drain(self, decoder: Decoder, flow: Flow, start: float) -> float | None:
        """Feed the decoder to the end of *flow*; return the seconds to the first content."""
        first = None
        try:
            async for chunk in flow.chunks():
                for piece in decoder.feed(chunk):
                    if first is None and piece.text:
                        first = self._caller.clock() - start
                    if self._on_piece is not None:
                        self._on_piece(piece)
                if decoder.failed is not None:
                    break
        except CallError as error:
            if not decoder.ended:
                # The connection broke in mid-stream: what came is kept with the error.
                error.partial = decoder.text
                raise
        return first

    def _record(self) -> Attempt:
        request = self._prepared.request
        return Attempt(
            key=self._prepared.key,
            run=self._run,
            provider=request.provider,
            model=request.model,
            backend=self._prepared.endpoint.backend,
            number=self.number,
            started_at=self._started_at,
            worst_usd=self._prepared.worst,
            prompt=request.prompt.name,
            prompt_version=request.prompt.version,
        )

    def _valued(self, answer: Answer) -> Answer:
        """Add who asked, who answered, and what it cost."""
        prepared, request = self._prepared, self._prepared.request
        cost = self._caller.prices.cost(
            answer.usage, request.provider, answer.model or request.model, self._started_at
        ) or self._caller.prices.cost(
            answer.usage, request.provider, request.model, self._started_at
        )
        stand_in = prepared.endpoint.backend == "stand-in"
        basis = "" if cost is None else cost.basis
        dropped = tuple(f"{name} was left out: the model refuses it" for name in prepared.dropped)
        return replace(
            answer,
            requested=request.name,
            provider=request.provider,
            backend=prepared.endpoint.backend,
            cost=None if cost is None else cost.usd,
            price_basis=f"simulated: {basis}" if stand_in and basis else basis,
            queued=self._queued,
            attempts=self.number,
            started_at=self._started_at,
            warnings=answer.warnings + dropped,
        )

    def _won(self, answer: Answer) -> Settled:
        usage = answer.usage
        live = answer.backend == "live"
        paid = answer.billed if answer.billed is not None else answer.cost
        return Settled(
            status="ok",
            answer=pack(answer),
            cost_usd=paid if live else _FREE,
            input_tokens=usage.input,
            cached_tokens=usage.cached,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
            latency_s=answer.latency,
            error="",
            http_status=_OK,
            request_id=answer.request_id,
            billed=True,
        )

    def _lost(self, error: CallError) -> Settled:
        return Settled(
            status="error",
            answer=None,
            cost_usd=None if error.maybe_charged else _FREE,
            latency_s=self._caller.clock() - self._begun,
            error=f"{error.kind}: {error}",
            http_status=error.status,
            request_id=error.request_id,
            billed=None if error.maybe_charged else False,
        )


_OK: Final = 200


def _door(endpoint: Endpoint) -> str:
    """Stand-ins of all providers share one small door: one embedded model answers for all."""
    return endpoint.provider if endpoint.backend == "live" else endpoint.backend


def _is_json(flow: Flow) -> bool:
    """Say whether a reply to a streamed request is one document: the reply's type decides."""
    return flow.headers.get("content-type", "").startswith("application/json")
