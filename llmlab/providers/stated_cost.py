"""What a provider or gateway says in `usage` that a call cost."""

from decimal import Context, Decimal
from typing import Any, Final, Protocol

from llmlab.providers.response_builder import ResponseBuilder

_TICKS: Final = Decimal(10) ** 10
"""xAI's `cost_in_usd_ticks` to the dollar (docs.x.ai, "Cost tracking")."""
_EXACT: Final = Context(prec=60)
"""A context of its own: a notebook that sets `getcontext().prec = 6` must not round a bill."""


class StatesCost(Protocol):
    """A usage that may state dollars: as OpenRouter's does, or in xAI's ticks."""

    cost_in_usd_ticks: int | None
    cost: Any
    cost_details: Any
    is_byok: Any


def stated_cost(said: StatesCost, builder: ResponseBuilder) -> Decimal | None:
    """
    Return the dollars that a usage states, None where it states none.

    They are xAI's ticks, or `usage.cost`: None, with a warning, where that is no number.

    Where the caller's own key at the provider behind the gateway was used (`is_byok`), `cost` is
    the gateway's fee, and what that provider charges stands in `cost_details`.
    """
    if said.cost_in_usd_ticks is not None:
        return _of_ticks(said.cost_in_usd_ticks)
    cost, details = said.cost, said.cost_details
    if cost is None:
        return None
    if said.is_byok is True and isinstance(details, dict):
        upstream = _dollars(details.get("upstream_inference_cost"))
        own = _dollars(cost)
        return None if own is None else own + (upstream or 0)
    found = _dollars(cost)
    if found is None:
        builder.warn(f"usage.cost is {str(cost)[:40]!r}, no number of dollars: it is not counted")
    return found


def _dollars(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(repr(value))  # as written: 0.1 is a tenth


def _of_ticks(ticks: int) -> Decimal:
    return _EXACT.divide(Decimal(ticks), _TICKS)
