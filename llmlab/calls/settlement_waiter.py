"""Wait for money that is set aside for calls under way, when it may come back."""

import asyncio
from decimal import Decimal
from typing import Final

from llmlab.book import Attempt, Book, Limits
from llmlab.book.money import scopes
from llmlab.errors import LimitError

_POLL_S: Final = 0.05
"""Seconds between two looks: another kernel's settlements ring no bell here."""


class ReservationPending(Exception):
    """The limit has room once calls under way have settled; `error` says what it lacks now."""

    def __init__(self, error: LimitError) -> None:
        super().__init__(str(error))
        self.error = error


class SettlementWaiter:
    """The line of those who wait for a settlement; the first one looks, the others stand still."""

    def __init__(self, *, poll: float = _POLL_S) -> None:
        self._poll = poll
        self._line = asyncio.Lock()
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Wake the first in line: a call has settled."""
        self._moved.set()

    async def wait(self) -> None:
        """Stand in line until a call has settled here, or may have elsewhere."""
        async with self._line:
            self._moved.clear()
            try:
                async with asyncio.timeout(self._poll):
                    await self._moved.wait()
            except TimeoutError:
                return


def may_fit_later(book: Book, limits: Limits, attempt: Attempt, *, earlier: Decimal) -> bool:
    """
    Say whether *attempt* would fit if every call under way cost nothing.

    Args:
        book: Whose sums count.
        limits: Which refused it.
        attempt: What was refused.
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
