"""
The jobs of the writer: each is one item of a group, with one waiter.

In: an attempt, a settlement or any small write. Out: rows and sums in a `Transaction`, or the error
of that one job; the others of its group go on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

from llmlab.book.entries import Settlement
from llmlab.book.ledger import RESERVED, SETTLED, UNKNOWN
from llmlab.book.money import cost_pico
from llmlab.book.transaction import Open, Transaction
from llmlab.errors import BookError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Job(Protocol[T_co]):
    """One write: `apply` may raise a `LabError`, but only before it has changed anything."""

    @property
    def undo_if_unwanted(self) -> bool:
        """Whether the job must be undone when its waiter was cancelled."""
        ...

    def scopes(self, known: Mapping[int, Open], /) -> Sequence[str]:
        """Return the accounts it will change, so that a group reads them in one query."""
        ...

    def apply(self, transaction: Transaction, /) -> T_co:
        """Run the job inside the transaction of its group."""
        ...


class Finish:
    """Store the outcome of an attempt, its answer and its cost; free its reservation."""

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
        """Settle the cost, write the outcome, store the answer."""
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


# A row is chained as SQLite returns it: with integers for booleans, floats in REAL columns, NULL
# for NaN and no negative zero.


def _real(value: float | None) -> float | None:
    return None if value is None or value != value else value + 0.0  # noqa: PLR0124 - NaN


def _storable(text: str | None) -> str | None:
    # A provider's text may hold half a surrogate pair, which SQLite refuses; escape it rather
    # than lose the record of a paid call.
    return text if not text or text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class Release:
    """Take back an attempt that was certainly never sent: it costs nothing."""

    __slots__ = ("_attempt",)
    undo_if_unwanted: Final = False

    def __init__(self, attempt: int) -> None:
        self._attempt = attempt

    def scopes(self, known: Mapping[int, Open], /) -> Sequence[str]:
        """Return the accounts that pay."""
        entry = known.get(self._attempt)
        return entry.scopes if entry else ()

    def apply(self, transaction: Transaction, /) -> None:
        """Free the reservation and mark the attempt released."""
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
        """Return nothing: accounts are read when needed."""
        return ()

    def apply(self, transaction: Transaction, /) -> T:
        """Run the function."""
        return self._action(transaction)


def settle(transaction: Transaction, entry: Open, cost: int | None) -> int:
    """Move a reservation to `settled` at *cost*, or to `unknown`; return the picodollars."""
    source = UNKNOWN if entry.unknown else RESERVED
    target, charge = (UNKNOWN, entry.worst) if cost is None else (SETTLED, cost)
    if entry.worst or charge:
        transaction.ledger.move(entry.scopes, source, entry.worst, target, charge)
    return charge


def add_outcome(
    transaction: Transaction, attempt: int, entry: Open, row: tuple[object, ...]
) -> None:
    """Write an outcome; it replaces `unknown` where the attempt had been given up."""
    if entry.unknown:
        transaction.replace_unknown(attempt, row)
    else:
        transaction.add_outcome(attempt, row)


def take_back(transaction: Transaction, attempt: int, entry: Open) -> None:
    """Mark an attempt released: it was certainly never sent, or not accepted, and costs nothing."""
    settle(transaction, entry, 0)
    row = ("released", transaction.now, 0, 0, 0, *(None,) * 7, "")
    add_outcome(transaction, attempt, entry, row)


def give_up(transaction: Transaction, attempt: int, entry: Open, why: str) -> None:
    """Mark an attempt unknown: it may have been sent, so its worst case counts."""
    charge = settle(transaction, entry, None)
    row = ("unknown", transaction.now, None, charge, None, *(None,) * 7, why)
    transaction.add_outcome(attempt, row)


def let_go(transaction: Transaction, holder: int) -> None:
    """Give up the attempts of a handle that is closed."""
    for attempt in transaction.held(holder):
        # Another kernel may have given it up already, so read the file.
        entry = transaction.read_open(attempt)
        if entry is not None and not entry.unknown:
            give_up(transaction, attempt, entry, "the book was closed while this was under way")


class NotUnderWay(BookError):
    """An attempt was settled before, or never begun."""


def not_open(attempt: int) -> NotUnderWay:
    """Return the error for an attempt that is not under way."""
    return NotUnderWay(f"attempt {attempt} is not under way: it was settled before, or never begun")


def job_error(error: Exception) -> BookError:
    """Return the error for a job whose values the book cannot hold."""
    return BookError(f"the book cannot hold this: {error}")
