"""
From a path to an open, checked and registered database.

In: a path and a clock. Out: `Opened`, all that a `Book` needs and must close again.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from llmlab.book.checkpoint import Checkpointer
from llmlab.book.files import (
    book_error,
    check_header,
    connect,
    connect_reader,
    guard,
    name_of,
    set_up_writer,
)
from llmlab.book.owners import OwnerLock, folder_of
from llmlab.book.pool import FilePool, MemoryPool
from llmlab.book.recovery import end_self, recover, register
from llmlab.book.schema import prepare
from llmlab.book.transaction import Memory, Transaction, transaction_on
from llmlab.errors import BookError

T = TypeVar("T")

_PAUSE_S = 0.02


@dataclass(slots=True)
class Opened:
    """An open book's connection for writing, its readers, and who it is."""

    path: Path | None
    connection: sqlite3.Connection
    pool: FilePool | MemoryPool
    gate: threading.Lock
    lock: OwnerLock | None
    owner: int
    checkpointer: Checkpointer | None = None
    """Keeps the journal small; a book in memory has none."""

    @property
    def owners(self) -> Path | None:
        """The folder of lock files; None in memory, where there are no others."""
        return None if self.path is None else folder_of(self.path)

    def explain(self, error: Exception) -> BookError:
        """Say in one line what went wrong with this book."""
        return book_error(self.path, error)

    def close(self, now: float) -> None:
        """Give up what is under way, let go of everything; BookError if it cannot be written."""
        if self.checkpointer is not None:
            self.checkpointer.stop()
        try:
            guard(self.path, lambda: in_transaction(self.connection, self.owner, now, end_self))
        finally:
            # The pool first: the last connection to close folds the journal into the file.
            self.pool.close()
            self.connection.close()
            if self.lock is not None:
                self.lock.release()


def open_file(
    path: Path | None, *, clock: Callable[[], float], durable: bool, timeout: float
) -> Opened:
    """Open, check, create or migrate, register as an owner, recover what the dead left."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_header(path)
    connection = connect(path, timeout=timeout)
    try:
        _set_up(connection, path, durable=durable, timeout=timeout)
        return _register(connection, path, clock(), timeout=timeout)
    except BaseException:
        connection.close()
        raise


def _set_up(
    connection: sqlite3.Connection, path: Path | None, *, durable: bool, timeout: float
) -> None:
    def set_up() -> None:
        prepare(connection)
        set_up_writer(connection, durable=durable)

    try:
        retry_while_locked(set_up, timeout)
    except BookError as error:
        raise BookError(f"book {name_of(path)}: {error}") from error


def retry_while_locked(action: Callable[[], T], timeout: float) -> T:
    """Do `action` again while the file is locked: SQLite does not wait where WAL is switched on."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            locked = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            if not locked or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_S)


def _register(
    connection: sqlite3.Connection, path: Path | None, now: float, *, timeout: float
) -> Opened:
    gate = threading.Lock()
    folder = None if path is None else folder_of(path)
    lock = None if folder is None else OwnerLock.take(folder)
    token = uuid4().hex if lock is None else lock.token

    def enter(transaction: Transaction) -> int:
        transaction.owner = register(transaction, token)
        recover(transaction, folder)
        return transaction.owner

    try:
        owner = in_transaction(connection, 0, now, enter)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    if path is None:
        return Opened(path, connection, MemoryPool(connection, gate), gate, lock, owner)
    pool = FilePool(partial(connect_reader, path, timeout=timeout))
    checkpointer = Checkpointer(partial(connect, path, timeout=timeout))
    return Opened(path, connection, pool, gate, lock, owner, checkpointer)


def in_transaction(
    connection: sqlite3.Connection, owner: int, now: float, action: Callable[[Transaction], T]
) -> T:
    """Do `action` in a transaction of its own."""
    with transaction_on(connection, owner=owner, now=now, memory=Memory()) as transaction:
        return action(transaction)
