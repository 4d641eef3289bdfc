"""
Dollars as integers: one unit of the ledger is a picodollar (10**-12 dollars).

A price of $0.01 per million tokens is 10,000 picodollars a token, so sums are exact where floats
drift. A signed 64-bit integer holds 9.2 million dollars.
"""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache
from time import gmtime

from llmlab.errors import UsageError

_DIGITS = Context(prec=60)
_MOST = 10**18
_DAY_SECONDS = 86_400
TOTAL = "total"


def to_pico(amount: Decimal, *, rounding: str = ROUND_HALF_EVEN, what: str = "amount") -> int:
    """Return dollars in picodollars; `UsageError` unless 0 to 1,000,000."""
    if not isinstance(amount, Decimal):
        raise UsageError(f"{what} is {amount!r}: give dollars as a Decimal, such as Decimal('0.5')")
    try:
        pico = int(amount.scaleb(12, _DIGITS).to_integral_value(rounding, _DIGITS))
    except (ValueError, OverflowError, InvalidOperation) as error:  # NaN, infinity
        raise UsageError(f"{what} is {amount}: give dollars, or None for unknown") from error
    if not 0 <= pico <= _MOST:
        raise UsageError(f"{what} is {amount} dollars: the book holds 0 to 1,000,000")
    return pico


def worst_pico(amount: Decimal | None) -> int | None:
    """Return a worst case in picodollars, rounded up: a reservation is never too small."""
    return None if amount is None else to_pico(amount, rounding=ROUND_CEILING, what="worst_usd")


def cost_pico(amount: Decimal | None) -> int | None:
    """Return a cost in picodollars, rounded to nearest."""
    return None if amount is None else to_pico(amount, what="cost_usd")


def to_usd(pico: int) -> Decimal:
    """Return picodollars in dollars, exactly."""
    return Decimal(pico).scaleb(-12, _DIGITS)


def show(pico: int) -> str:
    """Format picodollars as dollars: at least two decimals, no trailing zeros beyond."""
    whole, _, part = f"{to_usd(pico):f}".partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"


@lru_cache(maxsize=64)
def day_scope(day_number: int) -> str:
    """Return the scope of a UTC day, counted from 1970-01-01: `day:2026-11-22`."""
    moment = gmtime(day_number * _DAY_SECONDS)
    return f"day:{moment.tm_year:04d}-{moment.tm_mon:02d}-{moment.tm_mday:02d}"


@lru_cache(maxsize=256)
def _scopes(day_number: int, run: str | None) -> tuple[str, ...]:
    day = day_scope(day_number)
    return (TOTAL, day) if run is None else (TOTAL, day, f"run:{run}")


def scopes(started_at: float, run: str | None) -> tuple[str, ...]:
    """Return the scopes an attempt counts on: the total, its UTC day, its run if any."""
    return _scopes(int(started_at // _DAY_SECONDS), run)
