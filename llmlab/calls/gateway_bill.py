"""What a call through a gateway cost: as the gateway states it, or by a price."""

from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from llmlab.catalogue import Model
from llmlab.records import Answer, Request, Usage

if TYPE_CHECKING:
    from llmlab.pricing import Cost, Prices

Bill: TypeAlias = tuple[Decimal | None, Decimal | None, str]
"""Dollars as billed, dollars of the call, and what these rest on."""


_OVERRIDE: Final = "override"
"""How the basis of a price of the user's own begins."""


def asked_price(usage: Usage, request: Request, prices: "Prices", at: float) -> "Cost | None":
    """Return the cost by the user's own price for the name that was asked: a deployment's, say."""
    cost = prices.cost(usage, request.provider, request.model, at)
    return cost if cost is not None and cost.basis.startswith(_OVERRIDE) else None


def bill_of(answer: Answer, model: Model, cost: "Cost | None") -> Bill:
    """
    Return the bill of an answer: a price of the user's own, what is stated, or the price table.

    Which provider a gateway chose, and so its price, only the gateway knows. A gateway whose row
    says that it states an estimate (`states_cost = false`) has billed nothing that is known.
    """
    usd, basis = (None, "") if cost is None else (cost.usd, cost.basis)
    if answer.billed is None:
        return None, usd, basis
    if model.speaks and not model.dialect.states_cost:
        return None, usd, basis
    if usd is None or (model.speaks and not basis.startswith(_OVERRIDE)):
        return answer.billed, answer.billed, f"as {answer.provider or model.provider} states it"
    return answer.billed, usd, basis
