"""In: `Usage`, a model and a time. Out: exact dollars and their basis, or None."""

from llmlab.pricing.price import Price, Rates, Tier, cost_of, worst_of
from llmlab.pricing.prices import Cost, Prices

__all__ = ["Cost", "Price", "Prices", "Rates", "Tier", "cost_of", "worst_of"]
