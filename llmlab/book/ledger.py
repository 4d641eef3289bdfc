"""
The ledger: sums of dollars by scope, and the check of spending limits.

In: reservations and charges of a group of calls. Out: changed ledger rows, written once per group.

The rows are read inside a `BEGIN IMMEDIATE` transaction, which only one process can hold, so two
kernels can never both spend the last cent.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

from llmlab.book.chain import Chain
from llmlab.book.entries import Limits
from llmlab.book.money import TOTAL, show
from llmlab.book.rows import Row, insert_rows
from llmlab.errors import LimitError

SETTLED, UNKNOWN, RESERVED = 0, 1, 2
_LIMITED = ("total", "day", "run")

_INSERT = "INSERT INTO ledger VALUES "
_UPDATE = (
    " ON CONFLICT (scope) DO UPDATE SET settled_pico = excluded.settled_pico, "
    "unknown_pico = excluded.unknown_pico, reserved_pico = excluded.reserved_pico, "
    "entries = coalesce(excluded.entries, entries), link = coalesce(excluded.link, link)"
)


class Ledger:
    """
    The ledger rows of one transaction: `[settled, unknown, reserved]` by scope.

    Args:
        connection: Inside a `BEGIN IMMEDIATE` transaction.
        accounts: Rows known to be as in the file; they are updated.
    """

    def __init__(self, connection: sqlite3.Connection, accounts: dict[str, list[int]]) -> None:
        self._connection = connection
        self._accounts = accounts
        self._payers: dict[Sequence[str], list[list[int]]] = {}
        self._changed: set[Sequence[str]] = set()

    def load(self, scopes: Sequence[str]) -> None:
        """Read the accounts that are not loaded yet, in one query."""
        absent = [scope for scope in scopes if scope not in self._accounts]
        if absent:
            self._accounts.update((scope, [0, 0, 0]) for scope in absent)
            for scope, *account in self._connection.execute(_select(len(absent)), absent):
                self._accounts[scope] = account

    def account(self, scope: str) -> list[int]:
        """Return settled, unknown and reserved picodollars of `scope` in this transaction."""
        if scope not in self._accounts:
            self.load((scope,))
        return self._accounts[scope]

    def accounts(self, scopes: tuple[str, ...]) -> list[list[int]]:
        """Return the accounts of several scopes."""
        found = self._payers.get(scopes)
        if found is None:
            found = self._payers[scopes] = [self.account(scope) for scope in scopes]
        return found

    def add(self, scopes: tuple[str, ...], column: int, pico: int) -> None:
        """Add to one column of several accounts; `pico` may be negative."""
        if pico:
            for account in self.accounts(scopes):
                account[column] += pico
            self._changed.add(scopes)

    def move(
        self, scopes: tuple[str, ...], source: int, worst: int, target: int, pico: int
    ) -> None:
        """Subtract `worst` from one column of several accounts and add `pico` to another."""
        for account in self.accounts(scopes):
            account[source] -= worst
            account[target] += pico
        self._changed.add(scopes)

    def flush(self, cursor: sqlite3.Cursor, chain: Chain | None) -> None:
        """Write the changed accounts, and the end of the chain if it grew."""
        changed = {scope for scopes in self._changed for scope in scopes}
        rows: list[Row] = []
        if chain is not None:
            rows.append((TOTAL, *self.account(TOTAL), chain.entries, chain.link))
            changed.discard(TOTAL)
        rows += [(scope, *self._accounts[scope], None, None) for scope in changed]
        insert_rows(cursor, _INSERT, rows, tail=_UPDATE)


@lru_cache(maxsize=64)
def _select(count: int) -> str:
    marks = ", ".join("?" * count)
    return (
        "SELECT scope, settled_pico, unknown_pico, reserved_pico "  # noqa: S608 - only marks
        f"FROM ledger WHERE scope IN ({marks})"
    )


DayAccount: TypeAlias = Callable[[int], Sequence[int]]
"""Returns settled, unknown and reserved picodollars of a zone's day; as long as the sum is at most
its argument, it may be too high."""


def check(
    ledger: Ledger,
    limits: Limits,
    scopes: tuple[str, ...],
    worst: int,
    earlier: int,
    *,
    day_account: DayAccount | None = None,
) -> None:
    """
    Raise `LimitError` when a call that may cost `worst` could exceed a limit.

    Args:
        ledger: The sums of this transaction.
        limits: The spending limits.
        scopes: The accounts it counts on: total, day and, if any, run.
        worst: The most this attempt can cost, in picodollars.
        earlier: What earlier attempts of the same call have cost, in picodollars.
        day_account: Returns the account of the day, in place of the UTC day's, with a zone.
    """
    call, run, day, total = limits.picos
    if call is not None and earlier + worst > call:
        raise _refusal("call", call, (earlier, 0, 0), worst)
    payers = zip(_LIMITED, (total, day, run), ledger.accounts(scopes), strict=False)
    for name, limit, held in payers:
        if limit is None:
            continue
        of_zone = day_account if name == "day" else None
        account: Sequence[int] = held if of_zone is None else of_zone(limit - worst)
        if account[0] + account[1] + account[2] + worst > limit:
            raise _refusal(name, limit, account, worst)


def _refusal(name: str, limit: int, account: Sequence[int], worst: int) -> LimitError:
    settled, unknown, reserved = account
    doubt = f" ({show(unknown)} of it at worst case, outcome unknown)" if unknown else ""
    return LimitError(
        f"{name} limit {show(limit)}: {show(settled + unknown)} is spent{doubt}, {show(reserved)} "
        f"reserved, and this call could cost {show(worst)}; nothing was sent: raise "
        f"budget[{name!r}], or lower max_tokens"
    )
