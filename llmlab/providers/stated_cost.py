"""What a provider or gateway says in `usage` that a call cost."""

from decimal import Context, Decimal
from typing import Any, Final, Protocol

from llmlab.providers.response_builder import ResponseBuilder

_TICKS: Final = Decimal(10) ** 10
"""xAI's `cost_in_usd_ticks` to the dollar (docs.x.ai, "Cost tracking")."""
_EXACT: Final = Context(prec=60)
"""A context of its own: a notebook that sets `getcontext().prec = 6` must not round a bill."""


class StatesCost(Protocol):
    """A usage that may state dollars, as OpenRouter's does."""

    cost: Any
    cost_details: Any
    is_byok: Any


def stated_cost(said: StatesCost, builder: ResponseBuilder) -> Decimal | None:
    """
    Return the dollars of `usage.cost`; None, with a warning, where it is no number.

    Where the caller's own key at the provider behind the gateway was used (`is_byok`), `cost` is
    the gateway's fee, and what that provider charges stands in `cost_details`.
    """
    cost, details = said.cost, said.cost_details
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


def dollars(ticks: int | None) -> Decimal | None:
    """Return the dollars of *ticks*, which xAI counts ten billion to the dollar."""
    return None if ticks is None else _EXACT.divide(Decimal(ticks), _TICKS)
