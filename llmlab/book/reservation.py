"""
The reservation: record an attempt and reserve its worst case, unless that could pass a limit.

In: an attempt and the limits. Out: its id and its row, or the error that nothing was begun for.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from llmlab.book.days import local_day
from llmlab.book.elsewhere import Elsewhere, Others
from llmlab.book.entries import Attempt, Limits, Once
from llmlab.book.ledger import RESERVED, DayAccount, check
from llmlab.book.money import scopes, worst_pico
from llmlab.book.transaction import Open, Transaction
from llmlab.errors import BookError, LimitError


class Begin:
    """Record an attempt and reserve its worst case, unless that could exceed a limit."""

    __slots__ = ("_allow_unpriced", "_entry", "_limits", "_number", "_once", "_row", "_unpriced")
    undo_if_unwanted: Final = True

    def __init__(
        self,
        attempt: Attempt,
        limits: Limits,
        *,
        allow_unpriced: bool,
        holder: int = 0,
        once: Once = "no",
    ) -> None:
        worst = worst_pico(attempt.worst_usd)
        self._once = once
        self._limits = limits
        self._number = attempt.number
        self._allow_unpriced = allow_unpriced
        self._unpriced = worst is None
        try:
            payers = scopes(attempt.started_at, attempt.run)
        except (ValueError, OverflowError) as error:
            raise BookError(f"started_at is {attempt.started_at!r}: give Unix seconds") from error
        self._entry = Open(attempt.key, worst or 0, payers, holder)
        self._row = (
            attempt.key, attempt.run, attempt.provider, attempt.model, attempt.backend,
            attempt.number, attempt.started_at + 0.0, worst, attempt.prompt, attempt.prompt_version,
        )  # fmt: skip

    def scopes(self, _known: Mapping[int, Open], /) -> Sequence[str]:
        """Return the accounts that would pay."""
        return self._entry.scopes

    def apply(self, transaction: Transaction, /) -> int:
        """Check the limits, reserve, record; return the attempt's id."""
        transaction.check_open()
        entry = self._entry
        if self._once != "no" and (others := transaction.others()).write:
            self._leave_to(others, transaction)
        if self._limits.any:
            if self._unpriced and not self._allow_unpriced:
                raise LimitError(
                    f"{self._row[2]}/{self._row[3]} has no price, so no spending limit can hold; "
                    "nothing was sent: give it a price, allow unpriced models, or lift the limit"
                )
            earlier = transaction.earlier(entry.key) if self._number > 1 else 0
            day_account = None if self._limits.zone is None else self._day_account(transaction)
            check(transaction.ledger, self._limits, entry.scopes, entry.worst, earlier,
                  day_account=day_account)  # fmt: skip
        ticket = transaction.add_attempt(self._row, entry)
        transaction.ledger.add(entry.scopes, RESERVED, entry.worst)
        return ticket

    def _day_account(self, transaction: Transaction) -> DayAccount:
        zone, at = self._limits.zone, self._row[6]
        assert zone is not None  # noqa: S101 - only then it is asked for
        return partial(transaction.day_account, local_day(at, zone))

    def _leave_to(self, others: Others, transaction: Transaction) -> None:
        """Raise `Elsewhere` where another kernel has this key under way, or has answered it."""
        attempt = others.attempt(self._entry.key)
        answered = (attempt or self._once == "ever") and transaction.is_answered(self._entry.key)
        if answered and self._once == "ever":
            raise Elsewhere(None)
        # Where there is an answer already, the other attempt's answer will not be stored.
        if attempt is not None and not answered:
            raise Elsewhere(attempt)
