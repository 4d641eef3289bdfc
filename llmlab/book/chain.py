"""
Chain what is written by hashes: each group of writes hangs on the one before.

In: rows as SQLite gives them back. Out: one row of `chain` a group: its entries, and its link, the
SHA-256 of the link before and the entries. Whoever kept a link can tell whether all that came
before it is still as it was.

An entry's digest is over the row's values in MessagePack, so floats in REAL columns, integers for
booleans; an answer's bytes follow the row that it came with.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec import msgpack

from llmlab.book.rows import Row
from llmlab.errors import UsageError

BEGUN: Final = b"B"
SETTLED: Final = b"S"
UNKNOWN: Final = b"U"
FACTS: Final = b"F"

DIGEST: Final = 16
"""Bytes kept of a SHA-256. With 8, who can choose a row could find two that look the same."""
ENTRY: Final = 1 + 8 + DIGEST
FIRST: Final = sha256(b"llmlab chain 1").digest()
"""The link before the first group."""

_encode: Final = msgpack.Encoder().encode
_CHUNK: Final = 500
_UNKNOWN_STATUS: Final = "unknown"

OUTCOMES: Final = """
    SELECT o.*, w.key, w.stored_at, w.answer FROM outcomes AS o
    LEFT JOIN attempts AS a ON a.id = o.attempt
    LEFT JOIN answers AS w ON w.key = a.key AND w.attempt = o.attempt
"""
"""Outcomes with the answer that came with them: three columns more, NULL where there is none."""


class Answered(NamedTuple):
    """An answer that was stored with an outcome."""

    key: str
    stored_at: float
    answer: bytes


class Head(NamedTuple):
    """The end of a chain."""

    sequence: int
    link: bytes


def link_of(head: str) -> bytes:
    """
    Read a link that was kept as text.

    Raises:
        UsageError: It is no link.
    """
    try:
        found = bytes.fromhex(head)
    except ValueError:
        found = b""
    if len(found) != len(FIRST):
        raise UsageError(f"{head!r} is no head of an audit chain: give its 64 hex digits")
    return found


def digest(row: Row, answered: Answered | None = None) -> bytes:
    """Return what stands for a row in the chain."""
    if answered is None:
        return sha256(_encode(row)).digest()[:DIGEST]
    hashed = sha256(_encode((*row, answered.key, answered.stored_at)))
    hashed.update(answered.answer)
    return hashed.digest()[:DIGEST]


def entry(kind: bytes, attempt: int, its: bytes) -> bytes:
    """Return one entry of a group."""
    return kind + attempt.to_bytes(8, "big") + its


def entries(
    attempts: Iterable[Row],
    outcomes: Iterable[Row],
    facts: Iterable[Row],
    answers: Mapping[int, Answered],
) -> bytes:
    """
    Return the entries of a group.

    Args:
        attempts: Whole rows, as they lie in the file.
        outcomes: The same; those of status `unknown` may be replaced later.
        facts: What replaced `unknown`.
        answers: The answers that were stored with outcomes or facts, by attempt.
    """
    found = [entry(BEGUN, row[0], digest(row)) for row in attempts]  # type: ignore[arg-type]
    for kind, rows in ((SETTLED, outcomes), (FACTS, facts)):
        for row in rows:
            attempt: int = row[0]  # type: ignore[assignment]
            its = digest(row, answers.get(attempt))
            found.append(entry(UNKNOWN if row[1] == _UNKNOWN_STATUS else kind, attempt, its))
    return b"".join(found)


def link(before: bytes, group: bytes) -> bytes:
    """Return the link of a group."""
    return sha256(before + group).digest()


def head(connection: sqlite3.Connection) -> Head:
    """Return the end of the chain."""
    row = connection.execute(
        "SELECT sequence, link FROM chain ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    return Head(0, FIRST) if row is None else Head(*row)


def extend(connection: sqlite3.Connection, end: Head, group: bytes) -> Head:
    """Add a group of entries; return the new end."""
    new = Head(end.sequence + 1, link(end.link, group))
    connection.execute("INSERT INTO chain VALUES (?, ?, ?)", (new.sequence, group, new.link))
    return new


def adopt(connection: sqlite3.Connection) -> None:
    """Chain what a book of version 1 holds, as it is found: the first groups."""
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM attempts").fetchone()
    end = head(connection)
    for first in range(1, last + 1, _CHUNK):
        between = (first, first + _CHUNK - 1)
        group = entries(
            connection.execute("SELECT * FROM attempts WHERE id BETWEEN ? AND ?", between),
            *_outcomes(connection, between),
        )
        if group:
            end = extend(connection, end, group)


def _outcomes(
    connection: sqlite3.Connection, between: Sequence[int]
) -> tuple[list[Row], list[Row], dict[int, Answered]]:
    rows = connection.execute(f"{OUTCOMES} WHERE o.attempt BETWEEN ? AND ?", between).fetchall()
    answers = {row[0]: Answered(*row[-3:]) for row in rows if row[-1] is not None}
    return [row[:-3] for row in rows], [], answers
