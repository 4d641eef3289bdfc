"""A request that is ready to be sent, and the upper bound of its cost."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from llmlab.catalogue import Model
from llmlab.providers.adapter import Adapter
from llmlab.providers.tiers import bound_of
from llmlab.records import HttpCall, Piece, Request
from llmlab.wire import Endpoint

if TYPE_CHECKING:
    from llmlab.pricing import Prices

OnPiece: TypeAlias = Callable[[Piece], None]

FREE: Final = Decimal(0)

_FRAME_TOKENS: Final = 64
"""Tokens that a provider's message frame adds to the words, rounded up."""

_TURN_TOKENS: Final = 16
"""Tokens that the frame of an earlier message adds to its words, rounded up."""

_SCHEMA_TOKENS: Final = 1024
"""Tokens of the hidden instructions that a schema or tools add, rounded up."""

_BYTES_PER_TOKEN: Final = 3
"""Bytes of a request body to a token, for the rate limit; the reply's usage corrects it."""


class Prepared(Struct, frozen=True, kw_only=True, gc=False):
    """A request that is ready to be sent: checked, written, with its key and its worst case."""

    request: Request
    model: Model
    adapter: Adapter
    endpoint: Endpoint
    call: HttpCall
    key: str
    worst: Decimal | None
    """Worst case of one attempt, in dollars; None where the price is unknown."""
    dropped: tuple[str, ...] = ()
    tokens: float = 0.0
    """Tokens it counts as in the provider's rate window until the reply reports its usage."""

    @property
    def gate(self) -> str:
        """Name of the gate: stand-ins share a small one, for one embedded model answers for all."""
        endpoint = self.endpoint
        return endpoint.provider if endpoint.backend == "live" else endpoint.backend


def worst_of(
    request: Request,
    call: HttpCall,
    endpoint: Endpoint,
    prices: "Prices",
    model: Model,
    *,
    at: float,
    counted: bool,
) -> Decimal | None:
    """
    Upper bound of the cost, in dollars; stand-ins and the embedded model cost nothing.

    None where the price is unknown, and for server-side search: how much it reads is the
    provider's choice, so there is no bound. An extra field that buys more has none, either, nor a
    PDF whose pages are not counted, for a model whose window is unknown.
    """
    if endpoint.backend != "live":
        return FREE
    if request.parameters.search is not None or _may_be_dear(request.parameters.extra):
        return None
    most = most_input(request, call, model, counted=counted)
    if most is None:
        return None
    asked = request.parameters
    tier, region = bound_of(request.provider, asked.tier, endpoint.base_url)
    return prices.worst(
        request.provider, request.model, most, asked.max_tokens, at, tier=tier, region=region
    )


_DEAR: Final = frozenset(
    {"n", "best_of", "num_choices", "tools", "plugins", "models", "route", "web_search_options"}
    | {"search_parameters", "inference_geo", "modalities", "mcp_servers", "container"}
    | {"prompt_cache_options", "cache_control", "prediction", "background"}
)
"""Extra fields that can make a call dearer than its tokens in and out, or than its model."""


def _may_be_dear(extra: Mapping[str, object] | None) -> bool:
    return bool(extra) and not _DEAR.isdisjoint(extra or ())


def most_input(request: Request, call: HttpCall, model: Model, *, counted: bool) -> int | None:
    """
    Upper bound of the tokens that the provider can charge for the prompt.

    Exact where the vendor publishes the vocabulary and *counted* is set; elsewhere the bytes of
    the body, for a token is at least one byte. Estimates are not used: one that is too low would
    let a limit be passed. Images and PDFs have bounds of their own (`tokens.images`), in the place
    of their bytes; None where there is none.
    """
    structured = request.parameters.schema is not None or bool(request.parameters.tools)
    extra = _FRAME_TOKENS + (_SCHEMA_TOKENS if structured else 0)
    if request.prompt.attachments:
        files = _most_of_files(request, model)
        if files is None:
            return None
        extra += files
    if counted and not structured:
        words = _counted(request)
        if words is not None:
            return words + extra
    return _bytes_of_words(request, call) + extra


def _most_of_files(request: Request, model: Model) -> int | None:
    from llmlab.tokens.images import most_tokens_of

    return most_tokens_of(request.prompt.attachments, request.name, window=model.context)


def _bytes_of_words(request: Request, call: HttpCall) -> int:
    """Return the bytes of the body without those of its images and PDFs, which are base64."""
    size = len(call.asked or call.body)
    if not request.prompt.attachments:
        return size
    return size - sum(-(-len(each.data) // 3) * 4 for each in request.prompt.attachments)


def _counted(request: Request) -> int | None:
    from llmlab.tokens import count
    from llmlab.tokens.families import family_of

    if not family_of(request.name).published:
        return None
    prompt = request.prompt
    parts = [count(text, request.name) for text in prompt.texts if text]
    if any(part.how != "exact" for part in parts):
        return None
    return sum(each.tokens for each in parts) + _TURN_TOKENS * len(prompt.turns)


def window_tokens(request: Request, call: HttpCall) -> float:
    """Estimate what the call takes of the provider's tokens a minute: prompt and output limit."""
    words = _bytes_of_words(request, call) / _BYTES_PER_TOKEN
    return words + file_tokens(request) + request.parameters.max_tokens


def file_tokens(request: Request) -> int:
    """Estimate the tokens of the images and PDFs of a prompt."""
    if not request.prompt.attachments:
        return 0
    from llmlab.tokens.images import tokens_of

    return tokens_of(request.prompt.attachments, request.name)
