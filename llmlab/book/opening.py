"""
From a path to an open, checked and registered database.

In: a path and a clock. Out: `Opened`, all that an open book needs and must close again.
"""

import os
import sqlite3
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

from llmlab.book.files import (
    code_of,
    connect,
    name_of,
    not_a_database,
    refuse_second_name,
    set_up_writer,
)
from llmlab.book.opened import Opened, in_transaction
from llmlab.book.owners import OwnerLock, folder_of, living
from llmlab.book.recovery import recover, register
from llmlab.book.schema import look, prepare
from llmlab.book.transaction import Transaction
from llmlab.errors import BookError
from llmlab.secrets import private

T = TypeVar("T")

_PAUSE_S: Final = 0.02
_SMALLEST: Final = 512
"""Bytes of SQLite's smallest file: one that is shorter it takes for empty, and writes over."""


def real_path(path: Path | str) -> Path:
    """Return where a book really lies, symbolic links followed."""
    return Path(path).expanduser().resolve()


def open_file(path: Path, *, clock: Callable[[], float], durable: bool, timeout: float) -> Opened:
    """Open, check, create or migrate, register as an owner, recover what the dead left."""
    _make(path)
    refuse_second_name(path)
    _look_first(path, timeout=timeout)
    _close_to_others(path)
    return _open(path, partial(connect, path), clock=clock, durable=durable, timeout=timeout)


def open_memory(content: bytes | None, *, clock: Callable[[], float], timeout: float) -> Opened:
    """Open a book in memory; `content` is that of another one, which it goes on from."""

    def connect_memory(*, timeout: float) -> sqlite3.Connection:
        connection = connect(None, timeout=timeout)
        if content is not None:
            connection.deserialize(content)
        return connection

    return _open(None, connect_memory, clock=clock, durable=False, timeout=timeout)


def _open(
    path: Path | None,
    connecting: Callable[..., sqlite3.Connection],
    *,
    clock: Callable[[], float],
    durable: bool,
    timeout: float,
) -> Opened:
    connection = connecting(timeout=timeout)
    try:
        _set_up(connection, path, durable=durable, timeout=timeout)
        return _register(connection, path, clock, durable=durable, timeout=timeout)
    except BaseException:
        connection.close()
        raise


def _make(path: Path) -> None:
    """Make the file of a new book for its owner alone; unless the old one is still in use."""
    private.make_folder(path.parent)
    try:
        # Nobody can have a new file open, so it may be closed here without SQLite.
        os.close(private.create(path))
    except FileExistsError:
        return
    if living(folder_of(path)):
        path.unlink()
        raise BookError(
            f"book {path}: the file is gone, but another kernel still has it open: close that "
            "kernel, which saves what it holds beside it, and put that file in its place"
        )


def _look_first(path: Path, *, timeout: float) -> None:
    """Refuse what is no book on a connection that cannot write."""
    if 0 < path.stat().st_size < _SMALLEST:
        raise not_a_database(path)
    connection = connect(path, timeout=timeout, mode="ro")
    try:
        _named(path, lambda: look(connection))
    except sqlite3.OperationalError as error:
        # A journal that must be rolled back first is no reason: a writer will say what is wrong.
        if code_of(error) not in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}:
            raise
    finally:
        connection.close()


def _close_to_others(path: Path) -> None:
    """Take an older book from all but its owner, and say so: once, for then it is closed."""
    beside = [path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm", "-journal")]
    places = [path, *beside, folder_of(path)]
    if path.parent.name == private.HOME:
        places.append(path.parent)
    try:
        if [each for each in places if private.close_to_others(each)]:
            warnings.warn(
                f"book {path}: others on this machine could read it; now only its owner can",
                stacklevel=2,
            )
    except OSError as error:
        warnings.warn(
            f"book {path}: others on this machine can read it, and it cannot be closed to them: "
            f"{error.strerror}",
            stacklevel=2,
        )


def _set_up(
    connection: sqlite3.Connection, path: Path | None, *, durable: bool, timeout: float
) -> None:
    def set_up() -> None:
        prepare(connection)
        set_up_writer(connection, durable=durable)

    _named(path, lambda: retry_while_locked(set_up, timeout))


def _named(path: Path | None, action: Callable[[], T]) -> T:
    try:
        return action()
    except BookError as error:
        raise BookError(f"book {name_of(path)}: {error}") from error


def retry_while_locked(action: Callable[[], T], timeout: float) -> T:
    """Do `action` again while the file is locked: SQLite does not wait where WAL is switched on."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            locked = code_of(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            if not locked or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_S)


def _register(
    connection: sqlite3.Connection,
    path: Path | None,
    clock: Callable[[], float],
    *,
    durable: bool,
    timeout: float,
) -> Opened:
    folder = None if path is None else folder_of(path)
    lock = None if folder is None else OwnerLock.take(folder)
    token = uuid4().hex if lock is None else lock.token

    def enter(transaction: Transaction) -> int:
        transaction.owner = register(transaction, token)
        recover(transaction, folder)
        return transaction.owner

    try:
        owner = in_transaction(connection, 0, clock(), enter)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return Opened(
        path, connection, lock=lock, owner=owner, clock=clock, durable=durable, timeout=timeout
    )
