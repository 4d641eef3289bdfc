"""
Open the file of a book so that nothing foreign, newer or damaged is ever written to.

In: a path (or None for memory). Out: ready SQLite connections, or `BookError` with the way out.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from llmlab.errors import BookError

T = TypeVar("T")

_MAGIC = b"SQLite format 3\x00"
_CHECKPOINT_PAGES = 16_000
"""64 MB of journal: a commit then folds it itself, and waits. `Checkpointer` comes before."""

_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space and run again; what was stored is safe",
    sqlite3.SQLITE_BUSY: "another program keeps it locked: close that program or its transaction",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked: close that program or its transaction",
    sqlite3.SQLITE_READONLY: "it cannot be written: choose a folder you may write to",
    sqlite3.SQLITE_PERM: "it cannot be written: choose a folder you may write to",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: choose a folder that exists and may be written",
    sqlite3.SQLITE_NOTADB: "it is not a book, or damaged: nothing was overwritten; move it away",
    sqlite3.SQLITE_CORRUPT: "it is damaged: nothing was overwritten; restore a copy",
    sqlite3.SQLITE_IOERR: "the disk refuses to read or write: check its space, quota and health",
    sqlite3.SQLITE_TOOBIG: "a value is larger than SQLite can hold",
}


def book_error(path: Path | None, error: Exception) -> BookError:
    """Say in one line what SQLite or the system said, and what to do about it."""
    code = getattr(error, "sqlite_errorcode", None)
    cause = _CAUSES.get(code & 0xFF) if isinstance(code, int) else None
    detail = f"{cause} ({error})" if cause else str(error)
    return BookError(f"book {name_of(path)}: {detail}")


def name_of(path: Path | None) -> str:
    """Name a book for people."""
    return "in memory" if path is None else str(path)


def guard(path: Path | None, action: Callable[[], T]) -> T:
    """Do `action`; what SQLite or the system refuses becomes `BookError`."""
    try:
        return action()
    except (sqlite3.Error, OSError) as error:
        raise book_error(path, error) from error


def check_header(path: Path) -> None:
    """Refuse a file that is not SQLite, before SQLite itself has touched it."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    if start and start != _MAGIC:
        raise BookError(
            f"book {path}: the file is not a database; nothing was overwritten: "
            "choose another path or move it away"
        )


def connect(path: Path | None, *, timeout: float) -> sqlite3.Connection:
    """
    Open a connection in which every transaction is begun and ended by hand.

    Args:
        path: The file, or None for a private database in memory.
        timeout: Seconds to wait for a lock that another program holds.
    """
    return sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def set_up_writer(connection: sqlite3.Connection, *, durable: bool) -> None:
    """Choose the journal: WAL, so that readers and other kernels do not wait for a writer."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def connect_reader(path: Path, *, timeout: float) -> sqlite3.Connection:
    """Open a connection that SQLite itself keeps from writing."""
    connection = connect(path, timeout=timeout)
    connection.execute("PRAGMA query_only = 1")
    return connection
