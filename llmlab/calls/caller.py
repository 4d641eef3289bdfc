"""
One call, from a request to its outcome.

    check ─ book ─ breaker ─ permits ─ rate limit ─ reserve + record ─ send ─ decode ─ settle

Whatever is wrong with the request itself is found by `prepare`, before anything is sent.
Retries happen inside one deadline, outside the permits (`AttemptLoop`).
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import structs

from llmlab.book import Once
from llmlab.calls.attempt_loop import AttemptLoop
from llmlab.calls.context import CallContext
from llmlab.calls.identity import key_of, recall
from llmlab.calls.prepared import OnPiece, Prepared, window_tokens, worst_of
from llmlab.catalogue import Model
from llmlab.catalogue.parameters import check
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Failure, Outcome, Parameters, Piece, Request
from llmlab.wire import Endpoint

if TYPE_CHECKING:
    pass

__all__ = ["Caller", "OnPiece", "Prepared"]

Accepted: TypeAlias = tuple[Parameters, tuple[str, ...], Parameters, Model]
"""Parameters as they go out, the names of those left out; and what they were made from."""

_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(CallContext):
    """Prepares calls and makes them."""

    accepted: dict[tuple[int, int, str], Accepted] = field(default_factory=dict, repr=False)
    """Parameters that were found good for a model, by who they are."""

    def prepare(self, request: Request, model: Model, endpoint: Endpoint) -> Prepared:
        """
        Check *request* against what the model accepts and put it into the provider's words.

        Raises:
            BadParameter: The model refuses a parameter and dropping it was not allowed.
        """
        parameters, dropped = self._accepted(request, model)
        if parameters is not request.parameters:
            request = structs.replace(request, parameters=parameters)
        adapter = adapter_of(request.provider, request.api, speaks=model.speaks)
        call = adapter.write(request, model, endpoint.base_url)
        # The same words are the same question, whether the answer comes in pieces or whole.
        same = call
        if request.stream:
            same = adapter.write(structs.replace(request, stream=False), model, endpoint.base_url)
        path = same.url.removeprefix(endpoint.base_url)
        counted = self.limits.any
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
            worst=worst_of(request, call, endpoint, self.prices, at=self.now(), counted=counted),
            dropped=dropped,
            tokens=window_tokens(request, call),
        )

    def _accepted(self, request: Request, model: Model) -> tuple[Parameters, tuple[str, ...]]:
        """Hold parameters against a model's rules, once for all calls that share both."""
        asked, name = request.parameters, (id(request.parameters), id(model), request.api)
        found = self.accepted.get(name)
        if found is None:
            checked = check(asked, model, request.api, drop=self.drop)
            if len(self.accepted) >= _REMEMBERED:
                self.accepted.clear()
            # Parameters and model are kept with it: their ids mean them for as long as they live.
            found = (self._windowed(checked.parameters, model), checked.dropped, asked, model)
            self.accepted[name] = found
        return found[0], found[1]

    def _windowed(self, parameters: Parameters, model: Model) -> Parameters:
        """
        Set Ollama's window from the budget: left alone, it is a matter of the graphics card.

        One size for all calls, for a call with another would load the model anew.
        """
        if model.provider != "ollama" or parameters.context is not None:
            return parameters
        return replace(parameters, context=min(self.window, model.context or self.window))

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
        reuse: bool = False,
        strict: bool = False,
        twin: int = 0,
    ) -> Outcome:
        """
        Send until it is answered, cannot be, or *deadline* seconds are over.

        The deadline starts when the first attempt does: standing in llmlab's own queue
        is reported as `queued` and is not the provider's time.

        What is asked already, by whoever shares the book, is not sent a second time: its answer
        is this one's too, as one of the book. With *reuse* an earlier answer of the book will do.
        A *twin*, the second equal cell of one plan (1) or a later one, is a sample of its own.

        A single question fails at once where the provider asked for a longer wait than *deadline*:
        by a 429, or, if *strict*, by the headers of its replies.

        Raises:
            LimitError: Sending could pass a spending limit.
            BookError: The book takes nothing, not even after a while.
        """
        came = self.clock()
        name = f"{prepared.key}#{twin}" if twin else prepared.key
        while not self.book.flights.take(name):
            shared = await self._from_another(name, prepared, came, deadline, strict=strict)
            if shared is not None:
                return _told(shared, on_piece)
        outcome: Outcome | None = None
        try:
            if reuse and not twin and (run is None or self.book.flights.several_runs):
                outcome = self.known(prepared)
            if outcome is None:
                once: Once = "no" if twin else "ever" if reuse else "now"
                trial = AttemptLoop(
                    self, prepared, run=run, deadline=deadline, on_piece=on_piece, once=once,
                    strict=strict,
                )  # fmt: skip
                outcome = await trial.outcome()
        finally:
            self.book.flights.land(name, outcome)
        return _told(outcome, on_piece)

    async def _from_another(
        self, name: str, prepared: Prepared, came: float, deadline: float, *, strict: bool
    ) -> Outcome | None:
        """
        Wait for whoever asks the same just now; None where this caller must try itself.

        A failure is shared only by who has waited for as long as its own *deadline*.
        """
        within = deadline if strict else None
        try:
            landed: Outcome | None = await self.book.flights.landed(name, within=within)
        except TimeoutError:
            return _not_in_time(prepared, deadline)
        if isinstance(landed, Answer):
            return structs.replace(landed, from_book=True)
        if landed is not None and self.clock() - came >= deadline:
            return structs.replace(landed, attempts=0, cost=None)
        return None


def _not_in_time(prepared: Prepared, deadline: float) -> Failure:
    """Say that the same question, which somebody else asked, was not answered in time."""
    provider = prepared.request.provider
    return Failure(
        kind="TimedOut",
        message=f"{provider}: no answer within {deadline:g} s; the same question is under way",
        attempts=0,
        backend=prepared.endpoint.backend,
    )


def _told(outcome: Outcome, on_piece: OnPiece | None) -> Outcome:
    """Hand an answer of the book to who waits for pieces: it is one."""
    if on_piece is not None and isinstance(outcome, Answer) and outcome.from_book:
        on_piece(Piece(text=outcome.text, reasoning=outcome.reasoning))
    return outcome
