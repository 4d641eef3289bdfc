"""What a call through a gateway cost: as the gateway states it, or by a price."""

from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from llmlab.catalogue import Model
from llmlab.records import Answer, Request

if TYPE_CHECKING:
    from llmlab.pricing import Cost, Prices

Bill: TypeAlias = tuple[Decimal | None, Decimal | None, str]
"""Dollars as billed, dollars of the call, and what these rest on."""


_OVERRIDE: Final = "override"
"""How the basis of a price of the user's own begins."""


def cost_through(answer: Answer, request: Request, prices: "Prices", at: float) -> "Cost | None":
    """
    Return the cost of an answer of a gateway by the price table.

    A price of the user's own for the name that was asked, a deployment's say, comes before that of
    the model that answered.
    """
    asked = prices.cost(answer.usage, request.provider, request.model, at)
    if asked is not None and asked.basis.startswith(_OVERRIDE):
        return asked
    name = answer.model or request.model
    return prices.cost(answer.usage, request.provider, name, at) or asked


def bill_of(billed: Decimal, usd: Decimal | None, basis: str, model: Model) -> Bill:
    """
    Return the bill of an answer that states one: beside a price, or in its place.

    Which provider a gateway chose, and so its price, only the gateway knows: its word comes before
    the price table, and after a price of the user's own. A gateway whose row says that it states
    an estimate (`states_cost = false`) has billed nothing that is known.
    """
    if not model.dialect.states_cost:
        return None, usd, basis
    if usd is None or (model.speaks and not basis.startswith(_OVERRIDE)):
        return billed, billed, f"as {model.provider} states it"
    return billed, usd, basis
