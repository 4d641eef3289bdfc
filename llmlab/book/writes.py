"""
What can be written in the book: each job is one item of a group, and answers to one waiter.

In: an attempt, a settlement or any small write. Out: rows and sums in a `Transaction`, or the error
of that one job; the others of its group go on.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from llmlab.book.days import local_day
from llmlab.book.elsewhere import Elsewhere, Others
from llmlab.book.entries import Attempt, Limits, Once, Settlement
from llmlab.book.ledger import RESERVED, SETTLED, UNKNOWN, DayAccount, check
from llmlab.book.money import cost_pico, scopes, worst_pico
from llmlab.book.transaction import Open, Transaction
from llmlab.errors import BookError, LimitError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Job(Protocol[T_co]):
    """One write: `apply` may raise a `LabError`, but only before it has changed anything."""

    @property
    def undo_if_unwanted(self) -> bool:
        """Say whether it must be taken back when its waiter was cancelled."""
        ...

    def scopes(self, known: Mapping[int, Open], /) -> Sequence[str]:
        """Name the accounts it will touch, so that a group reads them at once."""
        ...

    def apply(self, transaction: Transaction, /) -> T_co:
        """Do it, inside the transaction of its group."""
        ...


class Begin:
    """Write an attempt and reserve its worst case, if no limit could be passed."""

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
        """Check the limits, reserve, write; return the attempt's id."""
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
        """Raise `Elsewhere` where another kernel does this work, or has done it meanwhile."""
        attempt = others.attempt(self._entry.key)
        answered = (attempt or self._once == "ever") and transaction.is_answered(self._entry.key)
        if answered and self._once == "ever":
            raise Elsewhere(None)
        # Where there is an answer already, that of the other attempt will not be kept.
        if attempt is not None and not answered:
            raise Elsewhere(attempt)


class Finish:
    """Store what became of an attempt, its answer and its cost; free its reservation."""

    __slots__ = ("_attempt", "_cost", "_settled")
    undo_if_unwanted: Final = False

    def __init__(self, attempt: int, settled: Settlement) -> None:
        self._attempt = attempt
        self._settled = settled
        self._cost = cost_pico(settled.cost_usd)
        if self._cost is None and settled.billed is False:
            self._cost = 0

    def scopes(self, known: Mapping[int, Open], /) -> Sequence[str]:
        """Return the accounts that pay."""
        entry = known.get(self._attempt)
        return entry.scopes if entry else ()

    def apply(self, transaction: Transaction, /) -> None:
        """Move the money, write the outcome, keep the answer."""
        entry = transaction.find(self._attempt)
        if entry is None:
            raise not_open(self._attempt)
        settled, billed = self._settled, self._settled.billed
        charge = settle(transaction, entry, self._cost)
        row = (
            settled.status, transaction.now, self._cost, charge,
            billed if billed is None else +billed,
            settled.input_tokens, settled.cached_tokens, settled.output_tokens,
            settled.reasoning_tokens, _real(settled.latency_s), settled.http_status,
            _storable(settled.request_id), _storable(settled.error),
        )  # fmt: skip
        add_outcome(transaction, self._attempt, entry, row)
        if settled.answer is not None:
            transaction.add_answer(entry.key, self._attempt, settled.answer)
        transaction.charged.append((entry.key, charge if settled.status == "error" else 0))


# A row is chained as SQLite gives it back: with integers for booleans, floats in REAL columns, NULL
# for NaN and no zero below zero.


def _real(value: float | None) -> float | None:
    return None if value is None or value != value else value + 0.0  # noqa: PLR0124 - NaN


def _storable(text: str | None) -> str | None:
    # What a provider sent may hold half a surrogate pair, which SQLite refuses; losing the record
    # of a paid call for that would be worse than an escape.
    return text if not text or text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class Release:
    """Take an attempt back that was certainly never sent: it costs nothing."""

    __slots__ = ("_attempt",)
    undo_if_unwanted: Final = False

    def __init__(self, attempt: int) -> None:
        self._attempt = attempt

    def scopes(self, known: Mapping[int, Open], /) -> Sequence[str]:
        """Return the accounts that pay."""
        entry = known.get(self._attempt)
        return entry.scopes if entry else ()

    def apply(self, transaction: Transaction, /) -> None:
        """Free the reservation, write that nothing was sent."""
        entry = transaction.find(self._attempt)
        if entry is None:
            raise not_open(self._attempt)
        take_back(transaction, self._attempt, entry)


class Do(Generic[T]):
    """Any small write, as a function of the transaction."""

    __slots__ = ("_action",)
    undo_if_unwanted: Final = False

    def __init__(self, action: Callable[[Transaction], T]) -> None:
        self._action = action

    def scopes(self, _known: Mapping[int, Open], /) -> Sequence[str]:
        """Return nothing: what it touches is read when it is touched."""
        return ()

    def apply(self, transaction: Transaction, /) -> T:
        """Do it."""
        return self._action(transaction)


def settle(transaction: Transaction, entry: Open, cost: int | None) -> int:
    """Move an attempt's reservation to what it cost, or to `unknown`; return what is charged."""
    source = UNKNOWN if entry.unknown else RESERVED
    target, charge = (UNKNOWN, entry.worst) if cost is None else (SETTLED, cost)
    if entry.worst or charge:
        transaction.ledger.move(entry.scopes, source, entry.worst, target, charge)
    return charge


def add_outcome(
    transaction: Transaction, attempt: int, entry: Open, row: tuple[object, ...]
) -> None:
    """Write an outcome, in the place of `unknown` where the attempt had been given up."""
    if entry.unknown:
        transaction.replace_unknown(attempt, row)
    else:
        transaction.add_outcome(attempt, row)


def take_back(transaction: Transaction, attempt: int, entry: Open) -> None:
    """Mark an attempt released: it was certainly never sent, or never taken, and costs nothing."""
    settle(transaction, entry, 0)
    row = ("released", transaction.now, 0, 0, 0, *(None,) * 7, "")
    add_outcome(transaction, attempt, entry, row)


def give_up(transaction: Transaction, attempt: int, entry: Open, why: str) -> None:
    """Mark an attempt unknown: whether it was sent cannot be known, so its worst price counts."""
    charge = settle(transaction, entry, None)
    row = ("unknown", transaction.now, None, charge, None, *(None,) * 7, why)
    transaction.add_outcome(attempt, row)


def let_go(transaction: Transaction, holder: int) -> None:
    """Give up what a handle that is closed has under way."""
    for attempt in transaction.held(holder):
        # Another kernel may have given it up already, so the file is asked.
        entry = transaction.read_open(attempt)
        if entry is not None and not entry.unknown:
            give_up(transaction, attempt, entry, "the book was closed while this was under way")


class NotUnderWay(BookError):
    """An attempt was settled before, or never begun."""


def not_open(attempt: int) -> NotUnderWay:
    """Say that an attempt is not under way."""
    return NotUnderWay(f"attempt {attempt} is not under way: it was settled before, or never begun")


def job_error(error: Exception) -> BookError:
    """Say that one job's values do not fit the book."""
    return BookError(f"the book cannot hold this: {error}")
