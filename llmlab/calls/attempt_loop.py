"""The attempts of one call: pass the gate, reserve, send, settle; wait and try again."""

import asyncio
from concurrent.futures import Future
from decimal import Decimal
from typing import Final

from llmlab.book import Attempt, Elsewhere, Once, Settlement
from llmlab.calls.context import CallContext
from llmlab.calls.deadline import Deadline
from llmlab.calls.elsewhere import answer_from
from llmlab.calls.prepared import FREE, OnPiece, Prepared
from llmlab.calls.retry import next_wait, until_probe
from llmlab.calls.sending import Sending
from llmlab.calls.settlement_waiter import ReservationPending, may_fit_later
from llmlab.calls.settling import Timing, is_free, loss, lost, valued, won
from llmlab.calls.unsure import Unsure
from llmlab.errors import BookError, BreakerOpen, CallError, LimitError, Throttled, TimedOut
from llmlab.providers.adapter import Decoder
from llmlab.records import Answer, Failure, Outcome, Usage
from llmlab.wire.gate import Gate
from llmlab.wire.limiter import Start

_SAVING_AGAIN: Final = (0.1, 0.5, 2.0)
"""Seconds between tries to write an answer that was paid for: a lock or a full disk may pass."""


class AttemptLoop:
    """The attempts of one call; what they have in common is kept here while they last."""

    def __init__(
        self,
        context: CallContext,
        prepared: Prepared,
        *,
        run: str | None,
        deadline: float,
        on_piece: OnPiece | None,
        once: Once = "now",
        strict: bool = False,
    ) -> None:
        self._context = context
        self._prepared = prepared
        self._run = run
        self._deadline = deadline
        self._on_piece = on_piece
        self._once = once
        self._strict = strict
        self._gate: Gate = context.gates[prepared.gate]
        self.number = 0
        self._queued = 0.0
        self._started_at = 0.0
        self._begun = 0.0
        self._ends: float | None = None
        self._limit = Deadline()
        self._short_since: float | None = None
        self._last: CallError | None = None
        self._sending: Sending | None = None
        self._charged = FREE
        self._unsure = Unsure()
        self._pending: Future[None] | None = None

    # ---- attempt, wait, attempt again

    async def outcome(self) -> Outcome:
        """Try until it is answered, cannot be, or the deadline is over."""
        try:
            outcome = await self._tried()
        except asyncio.CancelledError:
            if not self._limit.end():
                raise
            if self._pending is not None:
                # Shielded: a wait that is cancelled would take the settlement out of the queue.
                await asyncio.shield(asyncio.wrap_future(self._pending))
            return self.failure(self._late())
        except LimitError as error:
            self._limit.end()
            if self._run is None or not self.number:
                raise
            return self._out_of_money(error)
        except BaseException:
            self._limit.end()
            raise
        self._limit.end()
        return outcome

    async def _tried(self) -> Outcome:
        while True:
            try:
                return await self._attempt()
            except (ReservationPending, Elsewhere) as held:
                answer = await self._held_up(held)
                if answer is not None:
                    return answer
                continue
            except BreakerOpen as error:
                wait = self._until_probe(error)
                if wait is None:
                    return self.failure(self._last or error)
            except CallError as error:
                self._last = error
                wait, why = self._wait(error)
                if wait is None:
                    return self.failure(error, why)
            await self._context.sleep(wait)

    def failure(self, error: CallError, why: str = "") -> Failure:
        """Keep what a table can show of *error*; *why* says why it was not tried again."""
        decoder = self._decoder
        partial = error.partial or (decoder.text if decoder is not None else "")
        partial = self._prepared.endpoint.scrubber.text(partial)
        return Failure(
            kind=error.kind,
            message=f"{str(error).rstrip('.')}; not tried again: {why}" if why else str(error),
            status=error.status,
            request_id=error.request_id,
            partial=partial,
            attempts=self.number,
            started_at=self._started_at,
            latency=self._context.clock() - self._begun if self._begun else None,
            queued=self._queued,
            backend=self._prepared.endpoint.backend,
            cost=self._loss(partial) if self._unsure.last else FREE,
            unsure=self._unsure.before,
            unsure_usd=self._unsure.usd(self._prepared.worst),
        )

    def _out_of_money(self, error: LimitError) -> Failure:
        """Keep what is known of the attempts that were made before the limit was reached."""
        return Failure(
            kind="LimitError",
            message=str(error),
            attempts=self.number,
            started_at=self._started_at,
            queued=self._queued,
            backend=self._prepared.endpoint.backend,
            cost=None if self._unsure.last else FREE,
            unsure=self._unsure.before,
            unsure_usd=self._unsure.usd(self._prepared.worst),
        )

    def _late(self) -> TimedOut:
        last = f"; before that: {self._last}" if self._last is not None else ""
        provider = self._prepared.request.provider
        tries = "1 attempt" if self.number == 1 else f"{self.number} attempts"
        return TimedOut(
            f"{provider}: no answer within {self._deadline:g} s and {tries}{last}",
            provider=provider,
        )

    def _left(self) -> float:
        """Seconds until the deadline, which begins with the first attempt."""
        return self._deadline if self._ends is None else self._ends - self._context.clock()

    def _wait(self, error: CallError) -> tuple[float | None, str]:
        """Seconds until the next attempt; None and why when there is none."""
        context, decoder = self._context, self._decoder
        if self.number >= context.attempts:
            return None, ""
        if self._on_piece is not None and decoder is not None and decoder.text:
            return None, "its first words are shown already"
        return next_wait(
            error,
            failed=self.number,
            left=self._left(),
            jitter=context.jitter(),
            retries=self._gate.retries,
        )

    def _until_probe(self, error: BreakerOpen) -> float | None:
        """Wait for an open breaker in a run, and between attempts; a single question fails fast."""
        if self._run is None and self.number == 0:
            return None
        return until_probe(error, self._gate.breaker, left=self._left(), deadline=self._deadline)

    async def _held_up(self, held: ReservationPending | Elsewhere) -> Answer | None:
        """Wait for money, or for another kernel's answer; return that."""
        if isinstance(held, Elsewhere):
            return await self._from(held)
        await self._stand_in_line(held)
        return None

    async def _stand_in_line(self, short: ReservationPending) -> None:
        """Wait for a settlement, at most as long as the deadline."""
        began = self._context.clock()
        if self._short_since is None:
            self._short_since = began
        if began - self._short_since >= self._deadline:
            raise short.error
        await self._context.settlements.wait()
        self._queued += self._context.clock() - began

    async def _from(self, found: Elsewhere) -> Answer | None:
        """Wait for another kernel's answer, at most as long as the deadline; then ask here."""
        began = self._context.clock()
        answer, ended = await answer_from(
            self._context, self._prepared.key, found, within=self._deadline
        )
        self._queued += self._context.clock() - began
        if not ended:
            self._once = "no"
        return answer

    # ---- one attempt

    async def _attempt(self) -> Answer:
        """Pass the gate, record the attempt, send it and settle it."""
        clock = self._context.clock
        if self._run is None:
            self._check_held()
        arrived = clock()
        async with self._gate.passed(self._prepared.tokens) as start:
            self._queued += clock() - arrived
            ticket = await self._begin(start)
            self._begun = clock()
            if self._ends is None:
                self._ends = self._begun + self._deadline
                self._limit.begin(self._deadline)
            try:
                answer = await self._answer(start)
            except CallError as error:
                self._gate.failed(error)
                await self._finish(ticket, self._lost(error))
                raise
            except BaseException:
                # Cancelled or broken: nobody knows what the provider did, so the book keeps
                # the worst price. The future is left to the book's own thread.
                self._pending = self._context.book.finish(ticket, self._gave_up())
                raise
            # It is there and paid for: from here on only the book takes time, and little of it.
            self._limit.end()
            self._gate.breaker.succeeded()
            await self._finish(ticket, won(answer))
            return answer

    def _check_held(self) -> None:
        """
        Fail a single question at once that its provider would let start only too late.

        What a 429 asks for counts always; the pace that replies' headers set only where the
        caller gave a deadline, for to wait for that is llmlab's own queue.
        """
        limiter = self._gate.limiter
        held = limiter.held(self._prepared.tokens) if self._strict else limiter.asked_to_wait
        if held > self._left():
            provider = self._prepared.request.provider
            raise Throttled(
                f"{provider} asked to wait {held:.0f} s more; the deadline is {self._deadline:g} s",
                provider=provider,
                retryable=False,
                retry_after=held,
            )

    async def _begin(self, start: Start) -> int:
        """Write the attempt down and reserve its worst price."""
        context, gate = self._context, self._gate
        self.number += 1
        self._started_at = context.now()
        attempt = self._record()
        try:
            ticket = await context.book.begin_async(
                attempt, context.limits, allow_unpriced=context.unpriced, once=self._once
            )
        except BaseException as error:
            self.number -= 1
            gate.limiter.give_back(start)
            gate.breaker.left()
            if isinstance(error, LimitError) and may_fit_later(
                context.book, context.limits, attempt, earlier=self._charged
            ):
                raise ReservationPending(error) from None
            raise
        self._short_since = self._sending = None
        if self.number == 1:
            gate.retries.earn()
        return ticket

    async def _answer(self, start: Start) -> Answer:
        self._sending = sending = Sending(
            self._context, self._prepared, self._gate, on_piece=self._on_piece
        )
        answer, latency, ttfb, ttft = await sending.answer(start)
        timing = Timing(
            latency=latency,
            ttfb=ttfb,
            ttft=ttft,
            queued=self._queued,
            attempts=self.number,
            unsure=self._unsure.so_far,
            unsure_usd=self._unsure.usd(self._prepared.worst, count=self._unsure.so_far),
        )
        answer = valued(answer, self._prepared, self._context.prices, self._started_at, timing)
        usage = answer.usage
        if usage.input is not None and usage.output is not None:
            self._gate.limiter.correct(start, usage.input + usage.output)
        return answer

    @property
    def _decoder(self) -> Decoder | None:
        """What the stream of the last attempt brought, if it was one."""
        return None if self._sending is None else self._sending.decoder

    # ---- the book

    async def _finish(self, ticket: int, settled: Settlement) -> None:
        """Write what became of the attempt; money was paid, so a full disk is tried again."""
        if self._prepared.endpoint.idempotency:
            self._context.groups.settled(self._prepared, settled, self._context.book)
        for pause in _SAVING_AGAIN:
            try:
                await self._context.book.finish_async(ticket, settled)
            except BookError:
                await self._context.sleep(pause)
            else:
                self._context.settlements.moved()
                return
        await self._context.book.finish_async(ticket, settled)

    def _gave_up(self) -> Settlement:
        """Settle an attempt that was cancelled; the deadline counts against the provider."""
        if self._limit.cut:
            error = TimedOut(f"cut by the deadline of {self._deadline:g} s")
            self._gate.failed(error)
        else:
            error = TimedOut("cancelled while under way")
            self._gate.breaker.left()
        self._context.settlements.moved()
        return self._lost(error)

    def _lost(self, error: CallError) -> Settlement:
        decoder = self._decoder
        if decoder is not None and decoder.text:
            # The error came inside the stream: the words before it were written, and are billed.
            error.maybe_charged = True
        free = is_free(error)
        self._unsure.failed(free=free)
        if not free:
            self._charged += self._prepared.worst or FREE
        usage = decoder.usage if decoder is not None else None
        return lost(error, latency=self._context.clock() - self._begun, usage=usage)

    def _loss(self, partial: str) -> Decimal | None:
        """Value the part of a stream that came; None where nothing came."""
        decoder = self._decoder
        usage = Usage() if decoder is None else decoder.usage
        if not partial and usage.output is None:
            return None
        return loss(
            self._prepared, self._context.prices, self._started_at, text=partial, usage=usage
        )

    def _record(self) -> Attempt:
        prepared, request = self._prepared, self._prepared.request
        return Attempt(
            key=prepared.key,
            run=self._run,
            provider=request.provider,
            model=request.model,
            backend=prepared.endpoint.backend,
            number=self.number,
            started_at=self._started_at,
            worst_usd=prepared.worst,
            prompt=request.prompt.name,
            prompt_version=request.prompt.version,
        )
