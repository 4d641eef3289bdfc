"""
One call: from a request to its outcome.

    check ─ book ─ breaker ─ permits ─ rate limit ─ reserve + record ─ send ─ decode ─ settle

`prepare` finds what is wrong with the request itself, before anything is sent.
All retries share one deadline; no permit is held between them (`AttemptLoop`).
"""

from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from msgspec import structs

from llmlab.book import Once
from llmlab.calls.attempt_loop import AttemptLoop
from llmlab.calls.context import CallContext
from llmlab.calls.identity import key_of, recall
from llmlab.calls.prepared import OnPiece, Prepared, window_tokens, worst_of
from llmlab.catalogue import Model
from llmlab.catalogue.attaching import refuse_attachments
from llmlab.catalogue.parameters import check
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Failure, Outcome, Parameters, Piece, Request
from llmlab.wire import Endpoint

__all__ = ["Caller", "OnPiece", "Prepared"]

Accepted: TypeAlias = tuple[Parameters, tuple[str, ...], Parameters, Model]
"""Parameters as sent, names of those left out; and the parameters and model they are from."""

_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Prepares calls and makes them."""

    context: CallContext
    accepted: dict[tuple[int, int, str], Accepted] = field(default_factory=dict, repr=False)
    """Cache of parameters checked for a model, by the `id` of both and the API."""

    def prepare(self, request: Request, model: Model, endpoint: Endpoint) -> Prepared:
        """
        Check *request* against what the model accepts and write it in the provider's format.

        Raises:
            BadParameter: The model refuses a parameter and dropping it was not allowed.
            AttachmentError: It takes no such image or PDF.
        """
        refuse_attachments(request.prompt, model)
        parameters, dropped = self._accepted(request, model)
        if parameters is not request.parameters:
            request = structs.replace(request, parameters=parameters)
        adapter = adapter_of(
            request.provider, request.api, speaks=model.speaks, dialect=model.dialect
        )
        call = adapter.write(request, model, endpoint.base_url)
        # The cache key is that of the unstreamed request: streaming does not change the question.
        same = call
        if request.stream:
            same = adapter.write(structs.replace(request, stream=False), model, endpoint.base_url)
        path = same.url.removeprefix(endpoint.base_url)
        prices, at, counted = self.context.prices, self.context.now(), self.context.limits.any
        return Prepared(
            request=request,
            model=model,
            adapter=adapter,
            endpoint=endpoint,
            call=call,
            key=key_of(
                same,
                endpoint,
                path=path,
                repeat=request.repeat,
                occurrence=request.occurrence,
            ),
            worst=worst_of(request, call, endpoint, prices, model, at=at, counted=counted),
            dropped=dropped,
            tokens=window_tokens(request, call),
        )

    def _accepted(self, request: Request, model: Model) -> tuple[Parameters, tuple[str, ...]]:
        """Check parameters against a model's rules, once for all calls that share both."""
        asked, name = request.parameters, (id(request.parameters), id(model), request.api)
        found = self.accepted.get(name)
        if found is None:
            checked = check(asked, model, request.api, drop=self.context.drop)
            if len(self.accepted) >= _REMEMBERED:
                self.accepted.clear()
            # Both objects are kept too: an id is unique only while its object lives.
            found = (self._windowed(checked.parameters, model), checked.dropped, asked, model)
            self.accepted[name] = found
        return found[0], found[1]

    def _windowed(self, parameters: Parameters, model: Model) -> Parameters:
        """
        Set Ollama's context window from the setting: its default depends on the graphics card.

        All calls have the same size, for another size makes Ollama load the model again.
        """
        if model.provider != "ollama" or parameters.context is not None:
            return parameters
        window = self.context.window
        return replace(parameters, context=min(window, model.context or window))

    def known(self, prepared: Prepared) -> Answer | None:
        """Return the answer that the book has, marked as such."""
        stored = self.context.book.answer(prepared.key)
        return None if stored is None else recall(stored)

    # A coroutine is returned, not awaited: that saves each call a frame.

    def outcome(
        self,
        prepared: Prepared,
        *,
        run: str | None = None,
        deadline: float = 30.0,
        on_piece: OnPiece | None = None,
        reuse: bool = False,
        strict: bool = False,
        twin: int = 0,
    ) -> Coroutine[Any, Any, Outcome]:
        """
        Send, with retries, until it is answered, cannot be, or *deadline* seconds are over.

        The deadline starts with the first attempt: waiting in llmlab's own queue is reported as
        `queued` and is not the provider's time. A question that is already under way, in any kernel
        that shares the book, is not sent again: both get its answer.

        Args:
            prepared: The call.
            run: The run that it belongs to; None for a single question.
            deadline: Seconds.
            on_piece: Takes the pieces of a streamed answer.
            reuse: Whether an earlier answer of the book is taken too.
            strict: Whether a single question also fails at once where rate headers of replies, and
                not only a 429, ask for a longer wait than *deadline*.
            twin: Number of equal cells of the plan before this one, a sample of its own.

        Raises:
            LimitError: Sending could pass a spending limit.
            BookError: The book cannot be written, also after retries.
        """
        once: Once = "no" if twin else "ever" if reuse else "now"
        attempts = AttemptLoop(
            self.context, prepared, run=run, deadline=deadline, on_piece=on_piece, once=once,
            strict=strict,
        )  # fmt: skip
        name = f"{prepared.key}#{twin}" if twin else prepared.key
        within = deadline if strict else None
        return self._in_flight(name, attempts, deadline, within, on_piece, look=once == "ever")

    async def _in_flight(
        self,
        name: str,
        attempts: AttemptLoop,
        deadline: float,
        within: float | None,
        on_piece: OnPiece | None,
        *,
        look: bool,
    ) -> Outcome:
        """Send, unless another has *name* in flight or, with *look*, the book has an answer."""
        prepared, flights = attempts.prepared, self.context.book.flights
        if not flights.take(name):
            shared = await self._from_another(name, prepared, deadline, within)
            if shared is not None:
                return _pass_on(shared, on_piece)
        outcome: Outcome | None = None
        try:
            if look and (attempts.run is None or flights.several_runs):
                outcome = self.known(prepared)
            if outcome is None:
                outcome = await attempts.outcome()
        finally:
            flights.land(name, outcome)  # whatever came is told to all who wait
        return outcome if on_piece is None else _pass_on(outcome, on_piece)

    async def _from_another(
        self, name: str, prepared: Prepared, deadline: float, within: float | None
    ) -> Outcome | None:
        """
        Wait for whoever asks the same just now; None once it is this caller's turn to ask.

        At most *within* seconds. Its failure is shared only where this caller has waited for its
        own *deadline*.
        """
        came, flights = self.context.clock(), self.context.book.flights
        while True:
            try:
                landed: Outcome | None = await flights.landed(name, within=within)
            except TimeoutError:
                return _not_in_time(prepared, deadline)
            if isinstance(landed, Answer):
                return structs.replace(landed, from_book=True)
            if landed is not None and self.context.clock() - came >= deadline:
                return structs.replace(landed, attempts=0, cost=None)
            if flights.take(name):
                return None


def _not_in_time(prepared: Prepared, deadline: float) -> Failure:
    """Return the failure of a call whose question, sent by another caller, took too long."""
    provider = prepared.request.provider
    return Failure(
        kind="TimedOut",
        message=f"{provider}: no answer within {deadline:g} s; the same question is under way",
        attempts=0,
        backend=prepared.endpoint.backend,
    )


def _pass_on(outcome: Outcome, on_piece: OnPiece | None) -> Outcome:
    """Pass an answer of the book to *on_piece* as one piece."""
    if on_piece is not None and isinstance(outcome, Answer) and outcome.from_book:
        on_piece(Piece(text=outcome.text, reasoning=outcome.reasoning))
    return outcome
