"""A price and the stretch of time in which it holds."""

from dataclasses import dataclass
from decimal import Decimal

from llmlab.pricing.price import Price, price_of

_RATES = ("input", "cached", "cache_write", "cache_write_1h", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One price and the Unix times `start <= at < end` for which it holds."""

    start: float
    end: float
    price: Price | None
    basis: str = ""


def always(price: Price | None, basis: str) -> Window:
    """Return a window without an end."""
    return Window(start=float("-inf"), end=float("inf"), price=price, basis=basis)


def free() -> Window:
    """Return the window of a model that runs on the user's own machine."""
    rates = dict.fromkeys(_RATES, Decimal(0))
    return always(price_of(rates, search=Decimal(0), source="local"), "local, free")
