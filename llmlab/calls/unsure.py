"""How many attempts of a call failed and may have been charged all the same."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(slots=True)
class Unsure:
    """Counts the attempts of one call that nobody knows the cost of."""

    so_far: int = 0
    last: bool = False
    """Whether the last attempt that failed is one of them."""

    def failed(self, *, free: bool) -> None:
        """Take note of an attempt that failed; *free* when it was certainly not charged."""
        self.last = not free
        self.so_far += not free

    @property
    def before(self) -> int:
        """Those before the last, whose own cost is the failure's."""
        return self.so_far - self.last

    def usd(self, worst: Decimal | None, *, count: int | None = None) -> Decimal | None:
        """Return the dollars at most of those *before*, or of *count*, at *worst* each."""
        some = self.before if count is None else count
        return None if worst is None or not some else worst * some
