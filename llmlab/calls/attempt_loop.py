"""The attempts of one call: pass the gate, reserve, send, settle; wait and retry."""

import asyncio
from concurrent.futures import Future
from decimal import Decimal
from typing import Final

from msgspec import structs

from llmlab.book import Attempt, Elsewhere, Once, Settlement
from llmlab.calls.context import CallContext
from llmlab.calls.deadline import Deadline
from llmlab.calls.elsewhere import answer_from
from llmlab.calls.prepared import FREE, OnPiece, Prepared
from llmlab.calls.retry import next_wait, until_probe
from llmlab.calls.sending import Sending
from llmlab.calls.settlement_waiter import ReservationPending, may_fit_later
from llmlab.calls.settling import Timing, is_free, loss, lost, stated, valued, won
from llmlab.calls.unsure import Unsure
from llmlab.errors import BookError, BreakerOpen, CallError, LimitError, Throttled, TimedOut
from llmlab.providers.adapter import Decoder
from llmlab.records import Answer, Failure, Outcome, Usage
from llmlab.wire.endpoint import Line
from llmlab.wire.gate import Gate
from llmlab.wire.limiter import Start
from llmlab.wire.permits import is_crowded
from llmlab.wire.retry import LONGEST_DEMAND

_SAVE_RETRIES: Final = (0.1, 0.5, 2.0)
"""Seconds between tries to write an answer that was paid for: a lock or a full disk may pass."""


class AttemptLoop:
    """The attempts of one call, with the state that they share."""

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
        self.prepared = prepared
        self.run = run
        self._deadline = deadline
        self._on_piece = on_piece
        self._once = once
        self._strict = strict
        self._gate: Gate = context.gates[prepared.gate]
        self._model = prepared.request.model
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
        self._paid: Decimal | None = None
        self._turned_away = 0
        self._first_turned_away: float | None = None
        self._unsure = Unsure()
        self._pending: Future[None] | None = None

    # ---- attempt, wait, attempt again

    async def outcome(self) -> Outcome:
        """Retry until the call is answered, cannot be, or the deadline is over."""
        try:
            outcome = await self._tried()
        except asyncio.CancelledError:
            if not self._limit.end():
                raise
            if self._pending is not None:
                # Shielded: a wait that is cancelled would take the settlement out of the queue.
                await asyncio.shield(asyncio.wrap_future(self._pending))
            return self.failure(self._deadline_over())
        except LimitError as error:
            self._limit.end()
            if self.run is None or not self.number:
                raise
            return self._failed("LimitError", str(error), None)
        except BaseException:
            self._limit.end()
            raise
        self._limit.end()
        return outcome

    async def _tried(self) -> Outcome:
        line = self.prepared.endpoint.line
        while True:
            try:
                return await (self._attempt() if line is None else self._in_turn(line))
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
        """Return *error* as the row of a failed call; *why* says why it was not retried."""
        decoder = self._decoder
        partial = error.partial or (decoder.text if decoder is not None else "")
        partial = self.prepared.endpoint.scrubber.text(partial)
        message = f"{str(error).rstrip('.')}; not retried: {why}" if why else str(error)
        return structs.replace(
            self._failed(error.kind, message, self._loss(partial)),
            status=error.status,
            request_id=error.request_id,
            partial=partial,
            latency=self._context.clock() - self._begun if self._begun else None,
        )

    def _failed(self, kind: str, message: str, loss: Decimal | None) -> Failure:
        """Return a failure with what is known of the attempts made."""
        return Failure(
            kind=kind,
            message=message,
            attempts=self.number,
            started_at=self._started_at,
            queued=self._queued,
            backend=self.prepared.endpoint.backend,
            cost=loss if self._unsure.last else FREE,
            unsure=self._unsure.before,
            unsure_usd=self._unsure.usd(self.prepared.worst),
        )

    def _deadline_over(self) -> TimedOut:
        last = f"; before that: {self._last}" if self._last is not None else ""
        provider = self.prepared.request.provider
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
        if is_crowded(error):
            self._stand_outside()
        if self.number - self._turned_away >= context.attempts:
            return None, self._narrow(error)
        if self._on_piece is not None and decoder is not None and decoder.text:
            return None, "part of its answer was already shown"
        return next_wait(
            error,
            failed=self.number,
            left=self._left(),
            jitter=context.jitter(),
            retries=self._gate.retries,
        )

    def _stand_outside(self) -> None:
        """
        Begin anew, attempt and deadline, with a call of a run that was not let in.

        For as long as a wait may be that a provider names: another kernel may hold all the
        places for longer than four tries take.
        """
        if self.run is None or self._context.attempts == 1:
            return
        now = self._context.clock()
        if self._first_turned_away is None:
            self._first_turned_away = now
        if now - self._first_turned_away >= LONGEST_DEMAND or self._limit.cut:
            return
        self._turned_away += 1
        self._limit.end()
        self._limit, self._ends = Deadline(), None

    def _narrow(self, error: CallError) -> str:
        """Say how many calls a provider lets in at once, where that is what it refused."""
        width = self._gate.permits.widths.narrow.get(self._model, 0)
        if width <= 1 or not is_crowded(error):
            return ""  # a call that was refused alone says nothing of how many
        return f"it lets in about {width} at once"

    def _until_probe(self, error: BreakerOpen) -> float | None:
        """Wait for an open breaker in a run, and between attempts; a single question fails fast."""
        if self.run is None and self.number == 0:
            return None
        return until_probe(error, self._gate.breaker, left=self._left(), deadline=self._deadline)

    async def _held_up(self, held: ReservationPending | Elsewhere) -> Answer | None:
        """Wait for room under the limit, or for another kernel's answer; return that answer."""
        if isinstance(held, Elsewhere):
            return await self._from(held)
        await self._wait_for_settlement(held)
        return None

    async def _wait_for_settlement(self, short: ReservationPending) -> None:
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
            self._context, self.prepared.key, found, within=self._deadline
        )
        self._queued += self._context.clock() - began
        if not ended:
            self._once = "no"
        return answer

    # ---- one attempt

    async def _in_turn(self, line: Line) -> Answer:
        """Attempt it when a copy is free: the wait is llmlab's own, so no deadline runs."""
        prompt, at = self.prepared.request.prompt, self.prepared.endpoint.line_at
        arrived = self._context.clock()
        self._limit.hold()
        said = "\n\n".join([*(turn.text for turn in prompt.turns), prompt.user])
        async with line.take(f"{prompt.system or ''}\n{said}", at):
            waited = self._context.clock() - arrived
            self._queued += waited
            if self._ends is not None:
                self._ends += waited
                self._limit.begin(max(0.0, self._left()))
            return await self._attempt()

    async def _attempt(self) -> Answer:
        """Make one attempt: pass the gate, record it, send it and settle it."""
        clock = self._context.clock
        if self.run is None:
            self._check_held()
        arrived = clock()
        async with self._gate.passed(self.prepared.tokens, self._model) as start:
            self._queued += clock() - arrived
            ticket = await self._begin(start)
            self._begun = clock()
            if self._ends is None:
                self._ends = self._begun + self._deadline
                self._limit.begin(self._deadline)
            try:
                answer = await self._answer(start)
            except CallError as error:
                self._gate.failed(error, self._model)
                await self._finish(ticket, self._lost(error))
                raise
            except BaseException:
                # Cancelled or broken: the cost is unknown, so the book counts the worst case.
                # The book's own thread completes the future.
                self._pending = self._context.book.finish(ticket, self._cancelled())
                raise
            # The answer is complete and paid for: only writing it to the book is left.
            self._limit.end()
            self._gate.succeeded(self._model)
            await self._finish(ticket, won(answer))
            return answer

    def _check_held(self) -> None:
        """
        Fail a single question at once when the rate limit would start it after the deadline.

        A wait that a 429 asked for always counts. A wait from the rate headers of replies counts
        only where the caller gave a deadline: it is time in llmlab's own queue.
        """
        limiter = self._gate.limiter
        held = limiter.held(self.prepared.tokens) if self._strict else limiter.asked_to_wait
        if held > self._left():
            provider = self.prepared.request.provider
            raise Throttled(
                f"{provider} asked to wait {held:.0f} s more; the deadline is {self._deadline:g} s",
                provider=provider,
                retryable=False,
                retry_after=held,
            )

    async def _begin(self, start: Start) -> int:
        """Record the attempt in the book and reserve its worst case."""
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
            self._context, self.prepared, self._gate, on_piece=self._on_piece
        )
        answer, latency, ttfb, ttft = await sending.answer(start)
        timing = Timing(
            latency=latency,
            ttfb=ttfb,
            ttft=ttft,
            queued=self._queued,
            attempts=self.number,
            unsure=self._unsure.so_far,
            unsure_usd=self._unsure.usd(self.prepared.worst, count=self._unsure.so_far),
        )
        answer = valued(answer, self.prepared, self._context.prices, self._started_at, timing)
        usage = answer.usage
        if usage.input is not None and usage.output is not None:
            self._gate.limiter.correct(start, usage.input + usage.output)
        return answer

    @property
    def _decoder(self) -> Decoder | None:
        """The decoder of the last attempt's stream; None where the attempt was not streamed."""
        return None if self._sending is None else self._sending.decoder

    # ---- the book

    async def _finish(self, ticket: int, settled: Settlement) -> None:
        """Write the settlement; retry while the book fails, for the answer was paid for."""
        if self.prepared.endpoint.idempotency:
            self._context.groups.settled(self.prepared, settled, self._context.book)
        for pause in _SAVE_RETRIES:
            try:
                await self._context.book.finish_async(ticket, settled)
            except BookError:
                await self._context.sleep(pause)
            else:
                self._context.settlements.moved()
                return
        await self._context.book.finish_async(ticket, settled)

    def _cancelled(self) -> Settlement:
        """Settle an attempt that was cancelled; the deadline counts against the provider."""
        if self._limit.cut:
            error = TimedOut(f"cut by the deadline of {self._deadline:g} s")
            self._gate.failed(error, self._model)
        else:
            error = TimedOut("cancelled while under way")
            self._gate.breaker.left()
        self._context.settlements.moved()
        return self._lost(error)

    def _lost(self, error: CallError) -> Settlement:
        decoder = self._decoder
        if decoder is not None and decoder.text:
            # The error came inside the stream: the text before it was generated, and is billed.
            error.maybe_charged = True
        self._paid = stated(error, self.prepared, self._context.prices, self._started_at)
        free = is_free(error)
        self._unsure.failed(free=free)
        if not free:
            self._charged += self._paid or self.prepared.worst or FREE
        usage = decoder.usage if decoder is not None else None
        latency = self._context.clock() - self._begun
        return lost(error, latency=latency, usage=usage, paid=self._paid)

    def _loss(self, partial: str) -> Decimal | None:
        """Value what a reply states, or the part of a stream that came; None where nothing did."""
        if self._paid is not None:
            return self._paid
        decoder = self._decoder
        usage = Usage() if decoder is None else decoder.usage
        if not partial and usage.output is None:
            return None
        return loss(
            self.prepared, self._context.prices, self._started_at, text=partial, usage=usage
        )

    def _record(self) -> Attempt:
        prepared, request = self.prepared, self.prepared.request
        return Attempt(
            key=prepared.key,
            run=self.run,
            provider=request.provider,
            model=request.model,
            backend=prepared.endpoint.backend,
            number=self.number,
            started_at=self._started_at,
            worst_usd=prepared.worst,
            prompt=request.prompt.name,
            prompt_version=request.prompt.version,
        )
