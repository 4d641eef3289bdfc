"""
Connection pools for readers, usable from any thread.

In: a function of a connection. Out: its result. A file has as many connections as readers at once
(WAL: they see what is committed and never wait); memory has one, the writer's.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from llmlab.book.files import closed, code_of

T = TypeVar("T")


class FilePool:
    """
    Connections to a file, made as needed and kept for the next reader.

    Args:
        connect: Opens a connection for reading.
        keep: Whether a connection may be used again.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], *, keep: bool = True) -> None:
        self._connect = connect
        self._keep = keep
        self._idle: deque[sqlite3.Connection] = deque()
        self._lent: set[sqlite3.Connection] = set()
        self._moved = threading.Condition()
        self._paused = False
        self._closed = False

    def read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `action`; repeat it when a fork interrupted it."""
        try:
            with self._lend() as connection:
                return action(connection)
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_INTERRUPT:
                raise
        with self._lend() as connection:
            return action(connection)

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        with self._moved:
            self._moved.wait_for(lambda: self._closed or not self._paused)
            if self._closed:
                raise closed()
            connection = self._idle.pop() if self._idle else self._connect()
            self._lent.add(connection)
        try:
            yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: sqlite3.Connection) -> None:
        with self._moved:
            self._lent.discard(connection)
            if self._closed or not self._keep:
                connection.close()
            else:
                self._idle.append(connection)
            self._moved.notify_all()

    def pause(self, patience: float) -> bool:
        """
        Close every connection until `resume`; readers under way may end first.

        Args:
            patience: Seconds until they are interrupted, and as many again to end.

        Returns:
            Whether all are closed.
        """
        with self._moved:
            self._paused = True
            if not self._moved.wait_for(lambda: not self._lent, patience):
                for connection in self._lent:
                    connection.interrupt()
                self._moved.wait_for(lambda: not self._lent, patience)
            self._close_idle()
            return not self._lent

    def resume(self) -> None:
        """Allow reading again."""
        with self._moved:
            self._paused = False
            self._moved.notify_all()

    def close(self) -> None:
        """Close idle connections now, and others when they are given back."""
        with self._moved:
            self._closed = True
            self._close_idle()
            self._moved.notify_all()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


class MemoryPool:
    """The writer's own connection, for reading while the writer is not in a transaction."""

    def __init__(self, connection: sqlite3.Connection, gate: threading.Lock) -> None:
        self._connection = connection
        self._gate = gate
        self._closed = False

    def read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Return the result of `action`."""
        with self._gate:
            if self._closed:
                raise closed()
            return action(self._connection)

    def pause(self, patience: float) -> bool:
        """Do nothing: memory has no file, and a fork holds the writer's gate."""
        del patience
        return True

    def resume(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Refuse further reads."""
        with self._gate:
            self._closed = True
