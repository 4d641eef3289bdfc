"""
Connections of an open book: closed before a fork, reopened, moved when the file is lost.

In: a database that was checked and registered. Out: the connection for the next group of writes,
connections for reading, and the error that says why nothing more may begin.
"""

import sqlite3
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from llmlab.book.checkpoint import Checkpointer
from llmlab.book.files import (
    Identity,
    book_error,
    closed,
    connect,
    connect_again,
    guard,
    identity_of,
    set_up_writer,
)
from llmlab.book.owners import OwnerLock
from llmlab.book.pool import FilePool, MemoryPool
from llmlab.book.recovery import end_self
from llmlab.book.rescue import journal_of, lost, never_close, rescue, what_happened
from llmlab.book.transaction import BookState, Transaction, transact
from llmlab.errors import BookError

T = TypeVar("T")

_READERS_S: Final = 5.0
"""Seconds that readers may take to end before a fork interrupts them."""
_JOURNAL: Final = 8
"""Groups of writes between two checks of the journal file."""
_GROUP_S: Final = 30.0
"""Seconds that a fork waits for a group of writes."""


class Opened:
    """
    The connections of an open book, and its identity as an owner.

    Args:
        path: Its file; None for a book in memory.
        connection: The connection for writing.
        lock: Shows other processes that this owner lives.
        owner: The id under which attempts are written.
        clock: Returns Unix seconds.
        durable: Whether each group of writes waits for the disk.
        timeout: Seconds to wait for another program's lock.
    """

    def __init__(
        self,
        path: Path | None,
        connection: sqlite3.Connection,
        *,
        lock: OwnerLock | None,
        owner: int,
        clock: Callable[[], float],
        durable: bool,
        timeout: float,
    ) -> None:
        self.path = path
        self.lock = lock
        self.owner = owner
        self.clock = clock
        self.gate = threading.Lock()
        """Held during each group of writes, and during a fork."""
        self.ended: BookError | None = None
        """Why nothing more may begin; None while all is well."""
        self.identity = None if path is None else identity_of(path)
        """Identity of the file that was opened."""
        self._durable = durable
        self._timeout = timeout
        self._connection: sqlite3.Connection | None = connection
        self._groups = -1
        self._paused: list[Callable[[], None]] = []
        self._use(path)

    def _use(self, at: Path | None, *, journal: bool = True) -> None:
        """Read from, and checkpoint, the file `at` from now on."""
        self._at = at
        self._here: Identity | None = None
        self._watched: list[tuple[str, Identity]] = []
        self.pool: FilePool | MemoryPool
        self.checkpointer: Checkpointer | None = None
        if at is None:
            self.pool = MemoryPool(self.connection, self.gate)
            return
        self._here = identity_of(at)
        if self._here is None:
            raise BookError(f"book {at}: it was deleted while it was being opened")
        again = partial(connect_again, at, self._here, timeout=self._timeout)
        self.pool = FilePool(partial(again, reads=True))
        self._watched = _watched(at, journal_of(at)) if journal else _watched(at)
        if journal:
            self.checkpointer = Checkpointer(again)

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection for writing, unchecked."""
        if self._connection is None:
            raise closed()
        return self._connection

    def explain(self, error: Exception) -> BookError:
        """Return *error* as a `BookError` of one line."""
        return book_error(self.path, error)

    def wrote(self, writes: int) -> None:
        """Count commits, so that checkpoints are run in time."""
        if self.checkpointer is not None:
            self.checkpointer.wrote(writes)

    # ---- writing: `gate` is held

    def ready(self) -> sqlite3.Connection:
        """
        Return the connection for the next group of writes.

        When the file was moved or deleted, its content is saved first, and the connection is to the
        saved copy; then `ended` says why nothing more may begin.
        """
        at = self._at
        if at is None:
            return self.connection
        if self._connection is None:
            return self._connect_again(at)
        # The journal only now and then: it is lost only where another program broke our locks.
        self._groups += 1
        for name, identity in self._watched[: 2 if self._groups % _JOURNAL == 0 else 1]:
            if identity_of(name) != identity:
                self._rescue(at)
                break
        return self._connection

    def _rescue(self, at: Path) -> None:
        what = what_happened(at, same=identity_of(at) == self._here)
        old, pool, checkpointer = self.connection, self.pool, self.checkpointer
        saved = rescue(old, at, self.clock())
        self.ended = lost(at, what, saved.at)
        self._connection = saved.connection
        self._use(saved.at, journal=False)
        never_close(old)
        pool.close()
        if checkpointer is not None:
            checkpointer.stop()

    def _connect_again(self, at: Path) -> sqlite3.Connection:
        if identity_of(at) != self._here:
            self.ended = BookError(
                f"book {at}: it {what_happened(at, same=False)} while this process forked, so "
                "nothing more is sent: put the file back, and restart the kernel"
            )
            raise self.ended
        connection = connect(at, timeout=self._timeout)
        if self.checkpointer is not None:
            set_up_writer(connection, durable=self._durable)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._watched = _watched(at, journal_of(at))
        self._connection = connection
        return connection

    def set_durable(self) -> None:
        """Make each group of writes wait for the disk from now on."""
        with self.gate:
            self._durable = True
            self.ready().execute("PRAGMA synchronous = FULL")

    # ---- a fork

    def pause(self) -> bool:
        """
        Close every connection until `resume`, so that a forked child inherits none.

        SQLite keeps track of locks in the process's memory: a child that inherits an open
        connection would assume locks that only the parent holds.

        Returns:
            Whether all are closed; False where a write or a read did not end in time.
        """
        steps: list[tuple[Callable[[], bool], Callable[[], None]]] = [
            (lambda: self.gate.acquire(timeout=_GROUP_S), self.gate.release),
            (lambda: self.pool.pause(_READERS_S), self.pool.resume),
        ]
        if self.checkpointer is not None:
            folding = self.checkpointer
            steps.append((lambda: folding.pause(_GROUP_S), folding.resume))
        for pause, resume in steps:
            if not pause():
                return False
            self._paused.append(resume)
        if self._at is not None and self._connection is not None:
            self._connection.close()
            self._connection = None
        return True

    def resume(self) -> None:
        """Go on after a fork; the next group of writes reconnects."""
        while self._paused:
            self._paused.pop()()

    # ---- the end

    def close(self) -> None:
        """Give up the attempts under way and close all; BookError if that cannot be written."""
        before = self.ended
        try:
            with self.gate:
                guard(self.path, self._give_up)
        finally:
            if self.checkpointer is not None:
                self.checkpointer.stop()
            # The pool first: the last connection to close runs the checkpoint.
            self.pool.close()
            if self._connection is not None:
                self._connection.close()
            if self.lock is not None:
                self.lock.release()
        if self.ended is not before:
            warnings.warn(str(self.ended), stacklevel=4)

    def _give_up(self) -> None:
        in_transaction(self.ready(), self.owner, self.clock(), end_self)


def _watched(*paths: Path) -> list[tuple[str, Identity]]:
    """Return the files that must not change, as text: they are checked often."""
    found = [(str(path), identity_of(path)) for path in paths]
    return [(name, identity) for name, identity in found if identity is not None]


def in_transaction(
    connection: sqlite3.Connection, owner: int, now: float, action: Callable[[Transaction], T]
) -> T:
    """Run `action` in a transaction of its own."""
    return transact(connection, action, owner=owner, now=now, memory=BookState())
