"""Count of a call's failed attempts that may have been charged all the same."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(slots=True)
class Unsure:
    """Counts the attempts of one call whose cost is unknown."""

    so_far: int = 0
    last: bool = False
    """Whether the last failed attempt is one of them."""

    def failed(self, *, free: bool) -> None:
        """Count a failed attempt; *free* when it was certainly not charged."""
        self.last = not free
        self.so_far += not free

    @property
    def before(self) -> int:
        """Count without the last attempt, whose own cost is the failure's."""
        return self.so_far - self.last

    def usd(self, worst: Decimal | None, *, count: int | None = None) -> Decimal | None:
        """Return the upper bound of their cost in dollars: `before`, or *count*, times *worst*."""
        some = self.before if count is None else count
        return None if worst is None or not some else worst * some
