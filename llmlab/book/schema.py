"""
Create a book's tables, or migrate an older book.

In: a connection. Out: a connection whose `user_version` is `VERSION`, or `BookError`.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files

from llmlab.book.chain import adopt
from llmlab.errors import BookError

APPLICATION_ID = 0x4C4C4D42
"""`LLMB`, as `PRAGMA application_id`: tells a book from any other SQLite file."""


def _migrations() -> dict[int, str]:
    folder = files("llmlab.book").joinpath("migrations")
    return {
        int(each.name[:4]): each.read_text("utf-8")
        for each in folder.iterdir()
        if each.name.endswith(".sql")
    }


MIGRATIONS: Mapping[int, str] = _migrations()
"""
Migrations from version n - 1 to version n, by n: `migrations/000N_what.sql`. A new book runs
`schema.sql`, which is version 1, and then all of them, in one transaction.
"""
VERSION = max(MIGRATIONS)

_STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {2: adopt}
"""Migration steps in Python, run after the script of that version."""


def statements(script: str) -> Iterator[str]:
    """Split a script into statements; triggers are kept whole."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def prepare(
    connection: sqlite3.Connection,
    *,
    version: int = VERSION,
    migrations: Mapping[int, str] = MIGRATIONS,
) -> None:
    """Create the tables of a new book, migrate an old one, refuse a foreign or a newer one."""
    if _checked_version(connection, version) == version:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _upgrade(connection, version, migrations)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def look(connection: sqlite3.Connection) -> int:
    """Return a book's version, 0 for an empty file; refuse a foreign or a newer one."""
    return _checked_version(connection, VERSION)


def _upgrade(connection: sqlite3.Connection, version: int, migrations: Mapping[int, str]) -> None:
    # Checked again inside the transaction: another kernel may have migrated it.
    found = _checked_version(connection, version)
    if found == 0:
        _run(connection, files("llmlab.book").joinpath("schema.sql").read_text("utf-8"))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        found = 1
    for step in range(found + 1, version + 1):
        _run(connection, migrations[step])
        if step in _STEPS:
            _STEPS[step](connection)
    connection.execute(f"PRAGMA user_version = {version}")


def _run(connection: sqlite3.Connection, script: str) -> None:
    for statement in statements(script):
        connection.execute(statement)


def _checked_version(connection: sqlite3.Connection, version: int) -> int:
    # Two queries, yet consistent: both change only once and together, from 0.
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID and found == 0:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables == 0:
            return 0
        application, found = connection.execute(
            "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version"
        ).fetchone()
    if application != APPLICATION_ID:
        raise BookError("it is a SQLite database but not a book; nothing was overwritten")
    if found < 1:
        raise BookError(f"it is damaged: its book version is {found}; restore a copy")
    if found > version:
        raise BookError(
            f"it was written by a newer llmlab (book version {found}, this one reads up to "
            f"{version}): upgrade llmlab, or choose another path"
        )
    return int(found)
