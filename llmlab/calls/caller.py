"""
One call, from a request to its outcome.

    check ─ book ─ breaker ─ permits ─ rate limit ─ reserve + record ─ send ─ decode ─ settle

Whatever is wrong with the request itself is found by `prepare`, before anything is sent.
Retries happen inside one deadline, outside the permits (`Trial`).
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import structs

from llmlab.calls.identity import key_of, recall
from llmlab.calls.means import Means
from llmlab.calls.prepared import OnPiece, Prepared, window_tokens, worst_of
from llmlab.calls.trial import Trial
from llmlab.catalogue import Model
from llmlab.catalogue.parameters import check
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Outcome, Parameters, Request
from llmlab.wire import Endpoint

if TYPE_CHECKING:
    pass

__all__ = ["Caller", "OnPiece", "Prepared"]

Accepted: TypeAlias = tuple[Parameters, tuple[str, ...], Parameters, Model]
"""Parameters as they go out, the names of those left out; and what they were made from."""

_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(Means):
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
    ) -> Outcome:
        """
        Send until it is answered, cannot be, or *deadline* seconds are over.

        The deadline starts when the first attempt does: standing in llmlab's own queue
        is reported as `queued` and is not the provider's time.

        Raises:
            LimitError: Sending could pass a spending limit.
            BookError: The book takes nothing, not even after a while.
        """
        trial = Trial(self, prepared, run=run, deadline=deadline, on_piece=on_piece)
        return await trial.outcome()
