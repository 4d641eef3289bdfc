"""A request that is ready to be sent, and how dear it can become."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from llmlab.catalogue import Model
from llmlab.providers.adapter import Adapter
from llmlab.records import HttpCall, Piece, Request
from llmlab.wire import Endpoint

if TYPE_CHECKING:
    from llmlab.pricing import Prices

OnPiece: TypeAlias = Callable[[Piece], None]

FREE: Final = Decimal(0)

_FRAME_TOKENS: Final = 64
"""Tokens that a provider's message frame adds to the words, generously."""

_SCHEMA_TOKENS: Final = 1024
"""Tokens of the hidden instructions that go with a schema, generously."""

_BYTES_PER_TOKEN: Final = 3
"""Of a request body, for the rate limit; the reply's usage corrects it."""


class Prepared(Struct, frozen=True, kw_only=True, gc=False):
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
    tokens: float = 0.0
    """Tokens it counts with in the provider's window until the reply says how many it used."""

    @property
    def gate(self) -> str:
        """Name the gate: stand-ins share a small one, for one embedded model answers for all."""
        endpoint = self.endpoint
        return endpoint.provider if endpoint.backend == "live" else endpoint.backend


def worst_of(
    request: Request,
    call: HttpCall,
    endpoint: Endpoint,
    prices: "Prices",
    *,
    at: float,
    counted: bool,
) -> Decimal | None:
    """
    Value the dearest answer; stand-ins and the embedded model cost nothing.

    None where the price is unknown, and for server-side search: how much it reads is the
    provider's choice, so there is no bound.
    """
    if endpoint.backend != "live":
        return FREE
    if request.parameters.search is not None:
        return None
    most = most_input(request, call, counted=counted)
    return prices.worst(request.provider, request.model, most, request.parameters.max_tokens, at)


def most_input(request: Request, call: HttpCall, *, counted: bool) -> int:
    """
    Bound the tokens that the provider can charge for the prompt.

    Exact where the vendor publishes the vocabulary and *counted* asks for it; elsewhere the
    bytes of the body, for a token is at least one byte. Estimates are not used: one that is
    too low would let a limit be passed.
    """
    extra = _FRAME_TOKENS + (_SCHEMA_TOKENS if request.parameters.schema else 0)
    if counted and request.parameters.schema is None:
        words = _counted(request)
        if words is not None:
            return words + extra
    return len(call.body) + extra


def _counted(request: Request) -> int | None:
    from llmlab.tokens import count
    from llmlab.tokens.families import family_of

    if not family_of(request.name).published:
        return None
    prompt = request.prompt
    parts = [count(text, request.name) for text in (prompt.system, prompt.user) if text]
    return sum(each.tokens for each in parts) if all(p.how == "exact" for p in parts) else None


def window_tokens(request: Request, call: HttpCall) -> float:
    """Estimate what the call takes of the provider's tokens a minute: prompt and output limit."""
    return len(call.body) / _BYTES_PER_TOKEN + request.parameters.max_tokens
