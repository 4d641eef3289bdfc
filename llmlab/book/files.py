"""
Open the file of a book; a foreign, newer or damaged file is never written to.

In: a path (or None for memory). Out: SQLite connections, or `BookError` with what to do.

On POSIX, closing any descriptor of a file drops all locks that the process holds on it, SQLite's
too. So nothing here, and nothing anywhere in llmlab, opens a file that may be a live book except
SQLite itself. Source: SQLite, "How To Corrupt An SQLite Database File", section 2.2.
"""

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

from llmlab.errors import BookError

T = TypeVar("T")

Mode: TypeAlias = Literal["rw", "ro", "immutable"]
"""How SQLite opens an existing file; `immutable` reads no journal."""

_CHECKPOINT_PAGES = 16_000
"""64 MB of journal, at which a commit runs the checkpoint itself; `Checkpointer` comes before."""

_READ_ONLY: Final = "it cannot be written: choose a folder you may write to"
_LOCKED: Final = "another program keeps it locked: close that program or its transaction"
_NO_FOLDER: Final = "it cannot be opened: choose a folder that exists and may be written"
_NOT_A_DATABASE: Final = (
    "the file is not a database; nothing was overwritten: choose another path or move it away"
)
_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space and run again; what was stored is safe",
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _NO_FOLDER,
    sqlite3.SQLITE_NOTADB: _NOT_A_DATABASE,
    sqlite3.SQLITE_CORRUPT: "it is damaged: nothing was overwritten; restore a copy",
    sqlite3.SQLITE_IOERR: "the disk fails to read or write: check its space, quota and health",
    sqlite3.SQLITE_TOOBIG: "a value is larger than SQLite can hold",
}
_SYSTEM_CAUSES = {
    errno.EACCES: _NO_FOLDER,
    errno.EPERM: _NO_FOLDER,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _CAUSES[sqlite3.SQLITE_FULL],
}


def code_of(error: Exception) -> int | None:
    """Return SQLite's primary error code; None for an error of Python's."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def book_error(path: Path | None, error: Exception) -> BookError:
    """Return an error of SQLite or the system as one line that says what to do."""
    cause = _CAUSES.get(code_of(error) or 0)
    if isinstance(error, OSError):
        cause = _SYSTEM_CAUSES.get(error.errno or 0)
    elif isinstance(error, UnicodeDecodeError) or "decode to UTF-8" in str(error):
        cause = _CAUSES[sqlite3.SQLITE_CORRUPT]
    # Text that could not be decoded is part of a prompt or answer: leave it out.
    said = " ".join(str(error).partition(" with text ")[0].split())
    if isinstance(error, UnicodeDecodeError):
        said = error.reason
    detail = f"{cause} ({said})" if cause else said
    return BookError(f"book {name_of(path)}: {detail}")


def not_a_database(path: Path) -> BookError:
    """Return the error for a file that is not a database."""
    return BookError(f"book {path}: {_NOT_A_DATABASE}")


def name_of(path: Path | None) -> str:
    """Return a book's name for messages."""
    return "in memory" if path is None else str(path)


def guard(path: Path | None, action: Callable[[], T]) -> T:
    """Do `action`; errors of SQLite or the system become `BookError`."""
    try:
        return action()
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise book_error(path, error) from error


class Moved(Exception):
    """The file at the path is no longer the one that is open."""


Identity: TypeAlias = tuple[int, int]
"""Identity of a file, whatever its name: device and inode."""


def identity_of(path: Path | str) -> Identity | None:
    """Return the identity of the file at `path`, or None where there is none; it is not opened."""
    try:
        found = os.stat(path)  # noqa: PTH116 - once a group of writes: Path.stat costs twice that
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def refuse_second_name(path: Path) -> None:
    """Refuse a file with hard links: SQLite names the journal after the name it was given."""
    try:
        names = path.stat().st_nlink
    except OSError:
        return  # opening the file reports what is wrong
    if names > 1:
        raise BookError(
            f"book {path}: the file has {names} names (hard links), and two journals would destroy "
            "it: remove the other names, or use a symbolic link"
        )


def connect(path: Path | None, *, timeout: float, mode: Mode = "rw") -> sqlite3.Connection:
    """
    Open a connection without implicit transactions; never create a file.

    Args:
        path: The file, or None for a private database in memory.
        timeout: Seconds to wait for a lock that another program holds.
        mode: How a file is opened.
    """
    how = "mode=ro&immutable=1" if mode == "immutable" else f"mode={mode}"
    return sqlite3.connect(
        ":memory:" if path is None else f"{path.as_uri()}?{how}",
        uri=path is not None,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def set_up_writer(connection: sqlite3.Connection, *, durable: bool) -> None:
    """Set the journal mode: WAL, so that readers and other kernels do not wait for a writer."""
    connection.execute("PRAGMA journal_mode = WAL")
    set_durable(connection, durable=durable)
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def set_durable(connection: sqlite3.Connection, *, durable: bool) -> None:
    """Set whether a commit waits for the disk."""
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")


def connect_again(
    path: Path, identity: Identity, *, timeout: float, reads: bool = False
) -> sqlite3.Connection:
    """
    Open another connection to a file that is open already.

    Raises:
        Moved: Another file is at the path now: its journal would be mixed up with this one's.
    """
    if identity_of(path) != identity:
        raise Moved
    return (connect_reader if reads else connect)(path, timeout=timeout)


def connect_reader(path: Path, *, timeout: float, mode: Mode = "rw") -> sqlite3.Connection:
    """Open a read-only connection, enforced by SQLite."""
    connection = connect(path, timeout=timeout, mode=mode)
    connection.execute("PRAGMA query_only = 1")
    return connection


def closed() -> BookError:
    """Return the error of a book that was closed."""
    return BookError("the book is closed: open it again")
