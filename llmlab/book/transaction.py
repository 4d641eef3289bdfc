"""
Gather the rows of a group of calls, and write them with as few statements as can be.

In: attempts, outcomes and answers, one by one. Out: multi-row INSERTs in one transaction.

Each SQLite statement gives up Python's global lock and must win it back from a busy event loop, so
what counts is the number of statements, not of rows.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec import Struct

from llmlab.book.chain import Chain, end_of
from llmlab.book.days import LocalDay, outside
from llmlab.book.elsewhere import Others
from llmlab.book.ledger import Ledger
from llmlab.book.money import scopes
from llmlab.book.rows import Row, insert_rows
from llmlab.errors import BookError

T = TypeVar("T")

_ATTEMPTS = "INSERT INTO attempts VALUES "
_OUTCOMES = "INSERT INTO outcomes VALUES "
_ANSWERS = "INSERT OR IGNORE INTO answers VALUES "
_SUPERSEDE = "INSERT INTO superseded SELECT * FROM outcomes WHERE attempt = ?"
_FACTS = (
    "UPDATE outcomes SET status = ?, settled_at = ?, cost_pico = ?, charge_pico = ?, billed = ?, "
    "input_tokens = ?, cached_tokens = ?, output_tokens = ?, reasoning_tokens = ?, latency_s = ?, "
    "http_status = ?, request_id = ?, error = ?, sequence = ?, link = ? WHERE attempt = ?"
)


class Open(Struct, frozen=True, gc=False):
    """An attempt under way: what it reserved, and from which accounts."""

    key: str
    worst: int
    scopes: tuple[str, ...]
    holder: int = 0
    """The handle of this process that began it."""
    unknown: bool = False
    """Already counted at its worst price, because its owner was thought dead."""


@dataclass(slots=True)
class BookState:
    """
    What a writer remembers between two transactions, so that it need not ask the file again.

    `accounts`, `last_id` and `chain` hold only while nobody else writes; `forget` drops them.
    """

    open: dict[int, Open] = field(default_factory=dict)
    """The attempts this book has under way."""
    earlier: dict[str, int] = field(default_factory=dict)
    """Picodollars that failed attempts of a call have cost, by key."""
    accounts: dict[str, list[int]] = field(default_factory=dict)
    last_id: int | None = None
    chain: Chain | None = None
    """The end of the chain."""
    data_version: int | None = None
    outside: dict[str, int] = field(default_factory=dict)
    """Picodollars of the UTC days of a zone's day that are not of it and can never change, by
    that day's name; at least so many."""
    others: Others = field(default_factory=Others)
    """What other kernels have under way."""

    def refresh(self, cursor: sqlite3.Cursor) -> None:
        """Forget what another connection may have changed; call it inside the transaction."""
        (version,) = cursor.execute("PRAGMA data_version").fetchone()
        if version != self.data_version:
            self.forget()
            self.data_version = version
            self.others.stale = True

    def forget(self) -> None:
        """Ask the file again next time."""
        self.accounts.clear()
        self.last_id = self.chain = None
        self.data_version = None

    def learn(self, transaction: "Transaction") -> None:
        """Take over what a committed transaction has done."""
        self.open.update(transaction.opened)
        for attempt in transaction.closed:
            self.open.pop(attempt, None)
        for key, charge in transaction.charged:
            if charge:
                self.earlier[key] = self.earlier.get(key, 0) + charge
            else:
                self.earlier.pop(key, None)


class Transaction:
    """What one group of writes is about to do; nothing is visible before `flush` and COMMIT."""

    __slots__ = (
        "_answers", "_attempts", "_facts", "_memory", "_outcomes", "_trust", "charged", "closed",
        "connection", "ended", "ledger", "now", "opened", "owner",
    )  # fmt: skip

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        owner: int,
        now: float,
        memory: "BookState",
        trust: bool,
    ) -> None:
        self.connection = connection
        self.owner = owner
        self.now = float(now)
        self.ended: BookError | None = None
        """Why nothing may begin any more, where that is so."""
        self.ledger = Ledger(connection, memory.accounts)
        self.opened: dict[int, Open] = {}
        self.closed: list[int] = []
        self.charged: list[tuple[str, int]] = []
        self._memory = memory
        self._trust = trust
        self._attempts: list[Row] = []
        self._outcomes: list[Row] = []
        self._facts: list[Row] = []
        self._answers: list[Row] = []

    def check_open(self) -> None:
        """Raise `BookError` when nothing may begin any more: before a limit says anything."""
        if self.ended is not None:
            raise self.ended

    def add_attempt(self, row: Row, entry: Open) -> int:
        """
        Queue an attempt's row, all but id and owner; return its id.

        Raises:
            BookError: Nothing may begin any more; nothing was changed.
        """
        self.check_open()
        memory = self._memory
        if memory.last_id is None:
            (found,) = self.connection.execute("SELECT max(id) FROM attempts").fetchone()
            memory.last_id = int(found or 0)
        memory.last_id += 1
        self._attempts.append((memory.last_id, self.owner, *row))
        self.opened[memory.last_id] = entry
        return memory.last_id

    def add_outcome(self, attempt: int, row: Row) -> None:
        """Queue what became of an attempt."""
        self._outcomes.append((attempt, *row))
        self.closed.append(attempt)

    def replace_unknown(self, attempt: int, row: Row) -> None:
        """Queue the facts in the place of `unknown`: the one change that the schema allows."""
        self._facts.append((attempt, *row))
        self.closed.append(attempt)

    def add_answer(self, key: str, attempt: int, answer: bytes) -> None:
        """Queue an answer; the first one to a key stays."""
        self._answers.append((key, attempt, self.now, answer))

    def day_account(self, day: LocalDay, most: int) -> Sequence[int]:
        """
        Return settled, unknown and reserved picodollars of a zone's day.

        The attempts are read only where the sums of the UTC days alone would pass *most*; until
        then they may count what is not of *day*.
        """
        accounts = [self.ledger.account(scope) for scope in day.scopes]
        settled, unknown, reserved = map(sum, zip(*accounts, strict=True))
        known = self._memory.outside.get(day.name, 0)
        if settled + unknown + reserved - known <= most:
            return settled - known, unknown, reserved
        other, self._memory.outside[day.name] = outside(self.connection, day, set(self.closed))
        return settled - other[0], unknown - other[1], reserved - other[2]

    def earlier(self, key: str) -> int:
        """Return what earlier attempts of the call under way have cost, in picodollars."""
        return self._memory.earlier.get(key, 0)

    def held(self, holder: int) -> list[int]:
        """Return what a handle of this process has under way, as far as is remembered."""
        return [attempt for attempt, entry in self._memory.open.items() if entry.holder == holder]

    def others(self) -> Others:
        """Return what other kernels have under way now."""
        others = self._memory.others
        if others.stale:
            others.refresh(self.connection, self.owner)
        return others

    def is_answered(self, key: str) -> bool:
        """Say whether the book has an answer to *key* that is committed."""
        sql = "SELECT 1 FROM answers WHERE key = ?"
        return self.connection.execute(sql, (key,)).fetchone() is not None

    def find(self, attempt: int) -> Open | None:
        """Return an attempt that is under way or unknown; None when it is not."""
        remembered = self._memory.open.get(attempt) if self._trust else None
        return remembered or self.read_open(attempt)

    def read_open(self, attempt: int) -> Open | None:
        """Return the same by the file alone, whatever is remembered."""
        row = self.connection.execute(
            "SELECT key, coalesce(worst_pico, 0), started_at, run, coalesce(status, 'sent') "
            "FROM attempts LEFT JOIN outcomes ON attempt = id WHERE id = ?",
            (attempt,),
        ).fetchone()
        if row is None or row[4] not in {"sent", "unknown"}:
            return None
        key, worst, started_at, run, status = row
        return Open(key, worst, scopes(started_at, run), unknown=status == "unknown")

    def flush(self, cursor: sqlite3.Cursor) -> None:
        """Send the queued rows, chained, and the changed sums to SQLite."""
        chain: Chain | None = None
        if self._attempts or self._outcomes or self._facts:
            chain = self._memory.chain = self._memory.chain or end_of(self.connection)
            insert_rows(cursor, _ATTEMPTS, chain.extend(self._attempts))
            # Answers first: whether one was the first to its key is part of its outcome's link.
            self._insert_outcomes(cursor, chain, self._insert_answers(cursor))
        self.ledger.flush(cursor, chain)

    def _insert_outcomes(
        self, cursor: sqlite3.Cursor, chain: Chain, answers: Mapping[int, bytes]
    ) -> None:
        insert_rows(cursor, _OUTCOMES, chain.extend(self._outcomes, answers))
        for attempt, *facts in chain.extend(self._facts, answers):
            cursor.execute(_SUPERSEDE, (attempt,))
            cursor.execute(_FACTS, (*facts, attempt))

    def _insert_answers(self, cursor: sqlite3.Cursor) -> Mapping[int, bytes]:
        """Insert the answers; return those that were the first to their keys, by attempt."""
        rows = self._answers
        whole = insert_rows(cursor, _ANSWERS, rows) == len(rows)
        return {row[1]: row[3] for row in rows if whole or self._is_first(row)}

    def _is_first(self, row: Row) -> bool:
        sql = "SELECT attempt FROM answers WHERE key = ?"
        found = self.connection.execute(sql, row[:1]).fetchone()
        return bool(found[0] == row[1])


def transact(
    connection: sqlite3.Connection,
    action: Callable[[Transaction], T],
    *,
    owner: int,
    now: float,
    memory: BookState,
    trust: bool = True,
) -> T:
    """
    Begin, do, flush and commit; on any error roll back, so that nothing has happened.

    Args:
        connection: Where no transaction is under way.
        action: What to do.
        owner: Who writes attempts.
        now: Unix time of the transaction.
        memory: Brought up to date before and after.
        trust: Whether remembered attempts need not be looked up.
    """
    cursor = connection.cursor()  # one for all: each statement on the connection makes its own
    cursor.execute("BEGIN IMMEDIATE")
    try:
        memory.refresh(cursor)
        transaction = Transaction(connection, owner=owner, now=now, memory=memory, trust=trust)
        result = action(transaction)
        transaction.flush(cursor)
        cursor.execute("COMMIT")
    except BaseException:
        memory.forget()
        raise
    finally:
        if connection.in_transaction:
            cursor.execute("ROLLBACK")
    memory.learn(transaction)
    return result
