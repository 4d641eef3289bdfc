"""
Gather the rows of a group of calls, and write them with as few statements as can be.

In: attempts, outcomes and answers, one by one. Out: multi-row INSERTs in one transaction.

Each SQLite statement gives up Python's global lock and must win it back from a busy event loop, so
what counts is the number of statements, not of rows.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from llmlab.book.elsewhere import Others
from llmlab.book.ledger import Ledger
from llmlab.book.money import scopes
from llmlab.book.rows import Row, insert_rows

_ATTEMPTS = "INSERT INTO attempts VALUES "
_OUTCOMES = "INSERT INTO outcomes VALUES "
_ANSWERS = "INSERT OR IGNORE INTO answers VALUES "
_FACTS = (
    "UPDATE outcomes SET status = ?, settled_at = ?, cost_pico = ?, charge_pico = ?, billed = ?, "
    "input_tokens = ?, cached_tokens = ?, output_tokens = ?, reasoning_tokens = ?, latency_s = ?, "
    "http_status = ?, request_id = ?, error = ? WHERE attempt = ?"
)


@dataclass(frozen=True, slots=True)
class Open:
    """An attempt under way: what it reserved, and from which accounts."""

    key: str
    worst: int
    scopes: tuple[str, ...]
    unknown: bool = False
    """Already counted at its worst price, because its owner was thought dead."""


@dataclass(slots=True)
class Memory:
    """
    What a writer remembers between two transactions, so that it need not ask the file again.

    `accounts` and `last_id` hold only while nobody else writes; `forget` drops them.
    """

    open: dict[int, Open] = field(default_factory=dict)
    """The attempts this book has under way."""
    earlier: dict[str, int] = field(default_factory=dict)
    """Picodollars that failed attempts of a call have cost, by key."""
    accounts: dict[str, list[int]] = field(default_factory=dict)
    last_id: int | None = None
    data_version: int | None = None
    others: Others = field(default_factory=Others)
    """What other kernels have under way."""

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Forget what another connection may have changed; call it inside the transaction."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self.data_version:
            self.forget()
            self.data_version = version
            self.others.stale = True

    def forget(self) -> None:
        """Ask the file again next time."""
        self.accounts.clear()
        self.last_id = None
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

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        owner: int,
        now: float,
        memory: "Memory",
        trust: bool,
    ) -> None:
        self.connection = connection
        self.owner = owner
        self.now = now
        self.ledger = Ledger(connection, memory.accounts)
        self.opened: dict[int, Open] = {}
        self.closed: list[int] = []
        self.charged: list[tuple[str, int]] = []
        self._memory = memory
        self._trust = trust
        self._attempts: list[Row] = []
        self._outcomes: list[Row] = []
        self._answers: list[Row] = []

    def add_attempt(self, row: Row, entry: Open) -> int:
        """Queue an attempt's row, all but id and owner; return its id."""
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
        """Put the facts in the place of `unknown`: the one change that the schema allows."""
        self.connection.execute(_FACTS, (*row, attempt))
        self.closed.append(attempt)

    def add_answer(self, key: str, attempt: int, answer: bytes) -> None:
        """Queue an answer; the first one to a key stays."""
        self._answers.append((key, attempt, self.now, answer))

    def earlier(self, key: str) -> int:
        """Return what earlier attempts of the call under way have cost, in picodollars."""
        return self._memory.earlier.get(key, 0)

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
        return remembered or self._read_open(attempt)

    def _read_open(self, attempt: int) -> Open | None:
        row = self.connection.execute(
            "SELECT key, coalesce(worst_pico, 0), started_at, run, coalesce(status, 'sent') "
            "FROM attempts LEFT JOIN outcomes ON attempt = id WHERE id = ?",
            (attempt,),
        ).fetchone()
        if row is None or row[4] not in {"sent", "unknown"}:
            return None
        key, worst, started_at, run, status = row
        return Open(key, worst, scopes(started_at, run), unknown=status == "unknown")

    def flush(self) -> None:
        """Send the queued rows and the changed sums to SQLite."""
        insert_rows(self.connection, _ATTEMPTS, self._attempts)
        insert_rows(self.connection, _OUTCOMES, self._outcomes)
        insert_rows(self.connection, _ANSWERS, self._answers)
        self.ledger.flush()


@contextmanager
def transaction_on(
    connection: sqlite3.Connection, *, owner: int, now: float, memory: Memory, trust: bool = True
) -> Iterator[Transaction]:
    """
    Begin, hand out, flush and commit; on any error roll back, so that nothing has happened.

    Args:
        connection: Where no transaction is under way.
        owner: Who writes attempts.
        now: Unix time of the transaction.
        memory: Brought up to date before and after.
        trust: Whether remembered attempts need not be looked up.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        memory.refresh(connection)
        transaction = Transaction(connection, owner=owner, now=now, memory=memory, trust=trust)
        yield transaction
        transaction.flush()
        connection.execute("COMMIT")
    except BaseException:
        memory.forget()
        raise
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    memory.learn(transaction)
