"""
The audit chain, a hash chain: each row's link is a hash of the link before and the row.

In: rows as SQLite returns them. Out: the same with their place and their link. Whoever kept a
link can verify that all rows before it are unchanged.

A link is the SHA-256 of the link before, the row's values and place in MessagePack (so floats in
REAL columns, integers for booleans) and, for an outcome, the answer that was stored with it, at
the same time and under the attempt's key.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from msgspec import msgpack

from llmlab.book.rows import Row
from llmlab.errors import UsageError

KEPT: Final = 16
"""Bytes of a link that a row keeps. With 8, an attacker could find two rows that collide."""
FIRST: Final = sha256(b"llmlab chain 1").digest()
"""The link before the first entry."""

_WITH_ANSWER: Final = b"\xc3"
_NO_ANSWERS: Final[Mapping[int, bytes]] = {}
_fresh: Final = sha256().copy
_encode: Final = msgpack.Encoder().encode
_CHUNK: Final = 500

ANSWERED: Final = """
    SELECT w.attempt, w.stored_at, w.answer FROM answers AS w
    JOIN attempts AS a ON a.key = w.key AND a.id = w.attempt WHERE a.id
"""
"""Answers that were stored with an outcome; a condition on the attempt's id follows."""


class Chain:
    """
    The end of a chain, to which entries are added.

    Args:
        entries: The number of entries.
        link: The last entry's link; `FIRST` in an empty chain.
    """

    __slots__ = ("entries", "link")

    def __init__(self, entries: int = 0, link: bytes = FIRST) -> None:
        self.entries = entries
        self.link = link

    def extend(
        self, rows: Iterable[Row], answers: Mapping[int, bytes] = _NO_ANSWERS
    ) -> list[list[Any]]:
        """
        Add rows; return them with their places and truncated links.

        Args:
            rows: As they are in the file, the attempt's id first.
            answers: The answers that were stored with them, by attempt.
        """
        entries, link, found = self.entries, self.link, []
        for row in rows:
            entries += 1
            placed = [*row, entries]
            hashed = _fresh()  # a copy: a new one by name costs a third more
            answer = answers.get(row[0])
            if answer is None:
                hashed.update(link + _encode(placed))
            else:
                hashed.update(link + _encode(placed) + _WITH_ANSWER)
                hashed.update(answer)
            link = hashed.digest()
            placed.append(link[:KEPT])
            found.append(placed)
        self.entries, self.link = entries, link
        return found


def end_of(connection: sqlite3.Connection) -> Chain:
    """Return the end of the chain in the file."""
    row = connection.execute("SELECT entries, link FROM ledger WHERE scope = 'total'").fetchone()
    return Chain() if row is None or row[0] is None else Chain(*row)


def link_of(head: str) -> bytes:
    """
    Parse a head of a chain: 64 hex digits.

    Raises:
        UsageError: It is not one.
    """
    try:
        found = bytes.fromhex(head)
    except ValueError:
        found = b""
    if len(found) != len(FIRST):
        raise UsageError(f"{head!r} is not the head of an audit chain: give its 64 hex digits")
    return found


# ---- a book of version 1


def adopt(connection: sqlite3.Connection) -> None:
    """Chain the rows of a book of version 1: 500 attempts at a time, then their outcomes."""
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_are_final'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    _adopt_rows(connection)
    for _, sql in triggers:
        connection.execute(sql)


def _adopt_rows(connection: sqlite3.Connection) -> None:
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM attempts").fetchone()
    chain = Chain()
    for first in range(1, last + 1, _CHUNK):
        between = (first, first + _CHUNK - 1)
        for table, column in (("attempts", "id"), ("outcomes", "attempt")):
            where = f"{column} BETWEEN ? AND ? ORDER BY {column}"
            sql = f"SELECT * FROM {table} WHERE {where}"  # noqa: S608 - both from above
            rows = connection.execute(sql, between).fetchall()
            answers = _answers(connection, between) if table == "outcomes" else {}
            chained = chain.extend([row[:-2] for row in rows], answers)
            connection.executemany(
                f"UPDATE {table} SET sequence = ?, link = ? WHERE {column} = ?",  # noqa: S608
                [(*row[-2:], row[0]) for row in chained],
            )
    connection.execute(
        "INSERT INTO ledger VALUES ('total', 0, 0, 0, ?, ?) ON CONFLICT (scope) DO UPDATE "
        "SET entries = excluded.entries, link = excluded.link",
        (chain.entries, chain.link),
    )


def _answers(connection: sqlite3.Connection, between: tuple[int, int]) -> Mapping[int, bytes]:
    rows = connection.execute(f"{ANSWERED} BETWEEN ? AND ?", between)
    return {attempt: answer for attempt, _, answer in rows}
