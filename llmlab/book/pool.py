"""
Lend SQLite connections to whoever reads, from any thread.

In: a path. Out: a connection for the length of a `with`. A file lends as many as there are readers
at once (WAL: they see what is committed and wait for nobody); memory has one, the writer's.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from llmlab.errors import BookError


class FilePool:
    """Connections to a file, made as needed and kept for the next reader."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._idle: deque[sqlite3.Connection] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection."""
        return self._lend()

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._check_open()
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._connect()
        try:
            yield connection
        finally:
            with self._lock:
                if self._closed:
                    connection.close()
                else:
                    self._idle.append(connection)

    def _check_open(self) -> None:
        if self._closed:
            raise BookError("the book is closed: open it again")

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()


class MemoryPool:
    """The writer's own connection, lent while the writer is not in a transaction."""

    def __init__(self, connection: sqlite3.Connection, gate: threading.Lock) -> None:
        self._connection = connection
        self._gate = gate
        self._closed = False

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend the connection."""
        return self._lend()

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        with self._gate:
            if self._closed:
                raise BookError("the book is closed: open it again")
            yield self._connection

    def close(self) -> None:
        """Lend no more."""
        with self._gate:
            self._closed = True
