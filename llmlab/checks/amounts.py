"""
Numbers that decide about money or waiting, held against what makes sense.

In: a number as a person may give it (a text of the environment, TOML's `nan`, a Decimal, a NumPy
scalar). Out: a plain int or float, or one line that says where it came from, what it is and what
is allowed. A limit that is NaN, negative or infinite would compare as no limit at all.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Final

from llmlab.errors import UsageError

_LONGEST: Final = 60
"""Characters of a value that a line shows; a number can have a million digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The numbers that make sense somewhere, both ends included."""

    low: float
    high: float
    unit: str = ""
    whole: bool = False

    def __str__(self) -> str:
        """Say it as the end of a sentence: `a whole number from 1 to 100`."""
        kind = "a whole number" if self.whole else "a number"
        unit = f" of {self.unit}" if self.unit else ""
        return f"{kind}{unit} from {self.low:,g} to {self.high:,.12g}"

    def read(self, value: object, name: str, *, error: type[UsageError] = UsageError) -> float:
        """
        Return *value* as a plain number: an int where only whole numbers make sense.

        Args:
            value: An int, float, Decimal, Fraction, NumPy scalar, or a text of one.
            name: What it is, and where it was said: `environment: budget.day`.
            error: The kind of error.

        Raises:
            UsageError: It is none, or outside; one line with the name, the value and what is
                allowed.
        """
        kind = int if self.whole else float
        if type(value) is kind and self.low <= value <= self.high:
            return value  # nearly always, and a deadline may be said with each call
        exact = _exact(value)
        fits = exact is not None and self.low <= exact <= self.high
        if exact is None or not fits or (self.whole and exact.denominator != 1):
            raise error(f"{name} is {_shown(value)}; it must be {self}")
        # A text or a Decimal of 0.1 is the float that prints as 0.1.
        return kind(exact)


DOLLARS: Final = Allowed(low=0, high=1e9, unit="dollars")
SECONDS: Final = Allowed(low=0.001, high=86_400, unit="seconds")
REPEATS: Final = Allowed(low=1, high=1_000_000, whole=True)
NUMBERED: Final = Allowed(low=0, high=2**63 - 1, whole=True)
"""Which of several repeats is meant."""


def _exact(value: object) -> Fraction | None:
    """Return the number that *value* says, exactly; None when it says none, or none that ends."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if not isinstance(value, Real | Decimal | str) or (isinstance(value, str) and "_" in value):
        return None
    # By its text: a NumPy float32 of 0.1 prints as 0.1 and means it.
    try:
        number = float(str(value))
    except ValueError:
        return None
    return Fraction(str(number)) if math.isfinite(number) else None


def _shown(value: object) -> str:
    """Write *value* in one short line, whatever it is."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python writes
        return "a number of thousands of digits"
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
