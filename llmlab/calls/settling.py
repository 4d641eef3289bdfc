"""Settlements: what an attempt cost, whether it was answered or failed."""

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from llmlab.book import Settlement
from llmlab.calls.gateway_bill import bill_of, cost_through
from llmlab.calls.identity import pack
from llmlab.calls.prepared import FREE, Prepared, file_tokens
from llmlab.calls.uncounted import counted
from llmlab.errors import CallError
from llmlab.providers.believed import MOST_USD
from llmlab.providers.tiers import odd_tier, region_of, served_at
from llmlab.records import Answer, Request, Usage

if TYPE_CHECKING:
    from llmlab.pricing import Cost, Prices

_OK: Final = 200
_BYTES_PER_TOKEN: Final = 4
_GATEWAY_TIMEOUT: Final = frozenset({504, 524})
"""Gateway timeouts while the model was generating: what was charged is unknown."""


class Timing(Struct, frozen=True, kw_only=True, gc=False):
    """How long an answer took, in seconds, and the attempts before it; see `Answer`."""

    latency: float | None
    ttfb: float | None
    ttft: float | None = None
    queued: float = 0.0
    attempts: int = 1
    unsure: int = 0
    unsure_usd: Decimal | None = None


def valued(
    answer: Answer, prepared: Prepared, prices: "Prices", at: float, timing: Timing
) -> Answer:
    """Return *answer* with its provider, model, timing and cost."""
    request = prepared.request
    answer = placed(counted(answer, request, prepared.model), prepared)
    cost = cost_of(answer, request, prices, at, speaks=prepared.model.speaks)
    stand_in = prepared.endpoint.backend == "stand-in"
    usd, basis = (None, "") if cost is None else (cost.usd, cost.basis)
    billed = answer.billed
    if billed is not None:
        billed, usd, basis = bill_of(billed, usd, basis, prepared.model)
    return replace(
        answer,
        requested=request.name,
        provider=request.provider,
        backend=prepared.endpoint.backend,
        cost=usd,
        billed=billed,
        price_basis=f"simulated: {basis}" if stand_in and basis else basis,
        latency=timing.latency,
        ttfb=timing.ttfb,
        ttft=timing.ttft,
        queued=timing.queued,
        attempts=timing.attempts,
        unsure=timing.unsure,
        unsure_usd=timing.unsure_usd,
        started_at=at,
        sent=prepared.call.sent,
        warnings=_warnings(answer, prepared),
    )


def cost_of(
    answer: Answer, request: Request, prices: "Prices", at: float, *, speaks: str
) -> "Cost | None":
    """Return the cost by the model that answered, or else by the one that was asked."""
    if speaks:
        return cost_through(answer, request, prices, at)
    name = answer.model or request.model
    return prices.cost(answer.usage, request.provider, name, at) or prices.cost(
        answer.usage, request.provider, request.model, at
    )


def _warnings(answer: Answer, prepared: Prepared) -> tuple[str, ...]:
    served, asked = answer.usage.service_tier, prepared.request.parameters.tier
    odd = odd_tier(served, asked) if served or asked else ""
    warnings = answer.warnings
    if prepared.dropped:
        warnings += tuple(f"{name} was left out: the model refuses it" for name in prepared.dropped)
    return (*warnings, odd) if odd else warnings


def placed(answer: Answer, prepared: Prepared) -> Answer:
    """Add the region that the address stands for, where the provider charges for that."""
    region = region_of(prepared.request.provider, prepared.endpoint.base_url)
    return replace(answer, usage=replace(answer.usage, region=region)) if region else answer


def won(answer: Answer) -> Settlement:
    """Settle an answer at what the provider charged, or at what its usage costs."""
    usage = answer.usage
    paid = answer.billed if answer.billed is not None else answer.cost
    if paid is not None and paid > MOST_USD:
        paid = None  # more than the book can hold, by a price of the user's: the worst case counts
    return Settlement(
        status="ok",
        answer=pack(answer),
        cost_usd=paid if answer.backend == "live" else FREE,
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


def is_free(error: CallError) -> bool:
    """Say whether the provider certainly charged nothing for a failed attempt."""
    if error.usage is not None:
        return False  # a reply that says what it used
    return not error.maybe_charged and error.status not in _GATEWAY_TIMEOUT


def stated(
    error: CallError, prepared: Prepared, prices: "Prices", at: float, *, batch: bool = False
) -> Decimal | None:
    """Return the dollars of a refusal that says what it used; None where it does not."""
    usage, request = error.usage, prepared.request
    if prepared.endpoint.backend != "live" or not isinstance(usage, Usage):
        return None
    if isinstance(error.billed, Decimal) and prepared.model.dialect.states_cost:
        return error.billed
    region = region_of(request.provider, prepared.endpoint.base_url) or usage.region
    usage = replace(usage, region=region)
    cost = prices.cost(usage, request.provider, request.model, at, batch=batch)
    return None if cost is None else cost.usd


def lost(
    error: CallError,
    *,
    latency: float,
    usage: Usage | None = None,
    paid: Decimal | None = None,
) -> Settlement:
    """
    Settle a failure: at what it states, at nothing, or as unknown at its worst price.

    *usage* is what a stream had reported before it broke; it is kept, but it is no bill: the
    provider may have written more than it could send. *paid* is `stated`.
    """
    usage = error.usage if isinstance(error.usage, Usage) else usage
    free = paid is None and is_free(error)
    return Settlement(
        status="error",
        answer=None,
        cost_usd=FREE if free else paid,
        input_tokens=usage.input if usage else None,
        cached_tokens=usage.cached if usage else None,
        output_tokens=usage.output if usage else None,
        reasoning_tokens=usage.reasoning if usage else None,
        latency_s=latency,
        error=f"{error.kind}: {error}",
        http_status=error.status,
        request_id=error.request_id,
        billed=False if free else True if paid is not None else None,
    )


def loss(
    prepared: Prepared, prices: "Prices", at: float, *, text: str, usage: Usage
) -> Decimal | None:
    """
    Estimate the dollars that the part of a broken stream cost; None where no price is known.

    Counts that the provider had not sent yet are estimated at four bytes a token, from the
    prompt and the text that arrived. The book counts the worst case all the same.
    """
    request = prepared.request
    asked = request.prompt.words
    known = replace(
        usage,
        input=usage.input if usage.input is not None else _estimate(asked) + file_tokens(request),
        output=max(usage.output or 0, _estimate(text)),
        estimated=True,
        service_tier=served_at(None, request.parameters.tier),
        region=region_of(request.provider, prepared.endpoint.base_url),
    )
    cost = prices.cost(known, request.provider, request.model, at)
    return None if cost is None else cost.usd


def _estimate(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)
