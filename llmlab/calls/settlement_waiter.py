"""Wait until reservations of calls under way are settled, when that may free enough dollars."""

import asyncio
from decimal import Decimal
from typing import Final

from llmlab.book import Attempt, Book, Limits
from llmlab.book.money import scopes
from llmlab.errors import LimitError

_POLL_S: Final = 0.05
"""Seconds between two checks: settlements of another kernel give no signal here."""


class ReservationPending(Exception):
    """The limit may have room once calls under way are settled; `error` is the error of now."""

    def __init__(self, error: LimitError) -> None:
        super().__init__(str(error))
        self.error = error


class SettlementWaiter:
    """The queue of calls that wait for a settlement; only the first in it polls."""

    def __init__(self, *, poll: float = _POLL_S) -> None:
        self._poll = poll
        self._line = asyncio.Lock()
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Wake the first in the queue: a call was settled."""
        self._moved.set()

    async def wait(self) -> None:
        """Wait until a call was settled here, or may have been in another kernel."""
        async with self._line:
            self._moved.clear()
            try:
                async with asyncio.timeout(self._poll):
                    await self._moved.wait()
            except TimeoutError:
                return


def may_fit_later(book: Book, limits: Limits, attempt: Attempt, *, earlier: Decimal) -> bool:
    """
    Return whether *attempt* would fit the limits if every call under way cost nothing.

    Args:
        book: The book whose sums count.
        limits: The limits that refused it.
        attempt: The attempt that was refused.
        earlier: Dollars that earlier attempts of the same call have cost.
    """
    worst = attempt.worst_usd
    if worst is None or (limits.call is not None and earlier + worst > limits.call):
        return False
    total, day, *run = scopes(attempt.started_at, attempt.run)

    def spent_that_day() -> Decimal:
        if limits.zone is None:
            return book.spent(day)
        return book.day(limits.zone, attempt.started_at).spent

    return (
        (limits.total is None or book.spent(total) + worst <= limits.total)
        and (limits.day is None or spent_that_day() + worst <= limits.day)
        and (limits.run is None or not run or book.spent(run[0]) + worst <= limits.run)
    )
