"""
Batches in the book: claimed before they are submitted, waited for until each call is settled.

In: the attempts of a batch. Out: which of them may be sent; later, which batches are waited for.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from uuid import uuid4

from llmlab.book.entries import Attempt, Limits
from llmlab.book.reservation import Begin
from llmlab.book.rows import insert_rows
from llmlab.book.transaction import Open, Transaction
from llmlab.book.writes import give_up, take_back
from llmlab.errors import LimitError

End: TypeAlias = Literal["lost", "forgotten"]
State: TypeAlias = Literal["intended", "unsure", "handed_in", "lost", "forgotten"]
"""
State of a batch: `intended`: being submitted; `unsure`: the provider may or may not have it;
`handed_in`: submitted; `lost`: the provider does not have it; `forgotten`: given up by a person.
"""

_TOKEN: Final = 16
_CUSTOM: Final = 64
"""Longest id of a request at the provider, in characters: Anthropic takes no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """A request of a batch: its attempt, and its id at the provider."""

    attempt: int
    custom_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch, and those of its requests that are not settled yet."""

    id: str
    provider: str
    api: str
    asked: str
    """Identity of the endpoint, as in the cache key."""
    created_at: float
    state: State
    provider_id: str | None
    note: str
    owner_lives: bool
    """Whether the kernel that submits it still has the book open."""
    size: int
    """Number of requests in the batch."""
    items: Mapping[str, BatchItem]
    """The requests that are not settled yet, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The result of claiming the calls of a batch."""

    id: str
    items: Mapping[str, BatchItem] = field(default_factory=dict)
    """The requests that this kernel submits now, by key."""
    refused: Mapping[str, LimitError] = field(default_factory=dict)
    """The calls that a spending limit refused, by key."""
    taken: frozenset[str] = frozenset()
    """Keys that are in another batch, or were answered meanwhile."""


class BatchClaim:
    """Begin the attempts of a batch and record the batch, in one transaction."""

    __slots__ = ("_about", "_begins", "_id")
    undo_if_unwanted: Final = False

    def __init__(
        self,
        attempts: Sequence[Attempt],
        limits: Limits,
        *,
        allow_unpriced: bool,
        holder: int,
        token: str,
        api: str,
        asked: str,
    ) -> None:
        self._id = token
        self._about = (attempts[0].provider, api, asked)
        self._begins = {
            each.key: Begin(each, limits, allow_unpriced=allow_unpriced, holder=holder)
            for each in attempts
        }

    def scopes(self, known: Mapping[int, Open], /) -> Sequence[str]:
        """Return the accounts that would pay."""
        return list({scope: None for each in self._begins.values() for scope in each.scopes(known)})

    def apply(self, transaction: Transaction, /) -> Claimed:
        """Begin and claim the attempts that are free and within the limits."""
        transaction.check_open()
        taken = _taken(transaction.connection, list(self._begins))
        items: dict[str, BatchItem] = {}
        refused: dict[str, LimitError] = {}
        for key, begin in self._begins.items():
            if key in taken:
                continue
            try:
                attempt = begin.apply(transaction)
            except LimitError as error:
                refused[key] = error
            else:
                custom = f"{self._id}{key}"[:_CUSTOM]
                items[key] = BatchItem(attempt=attempt, custom_id=custom)
        if items:
            self._write(transaction, items)
        return Claimed(id=self._id, items=items, refused=refused, taken=frozenset(taken))

    def _write(self, transaction: Transaction, items: Mapping[str, BatchItem]) -> None:
        transaction.connection.execute(
            "INSERT INTO batches (id, provider, api, asked, owner, created_at, state) "
            "VALUES (?, ?, ?, ?, ?, ?, 'intended')",
            (self._id, *self._about, transaction.owner, transaction.now),
        )
        insert_rows(
            transaction.connection,
            "INSERT INTO batch_items (batch, key, attempt, custom_id) VALUES ",
            [(self._id, key, each.attempt, each.custom_id) for key, each in items.items()],
        )


def turn(
    transaction: Transaction, batch: str, state: State, provider_id: str | None, note: str
) -> None:
    """Set the state of a batch; one that was given up stays so."""
    transaction.connection.execute(
        "UPDATE batches SET state = ?, provider_id = coalesce(?, provider_id), note = ? "
        "WHERE id = ? AND state IN ('intended', 'unsure', 'handed_in')",
        (state, provider_id, note, batch),
    )


def new_token() -> str:
    """Return a new unique id for a batch."""
    return uuid4().hex[:_TOKEN]


def abandon(
    transaction: Transaction, batch: str, end: End, note: str, *, free: bool, found: str | None
) -> int:
    """
    Give a batch up: calls not settled yet count at their worst case, or at 0 when *free*.

    Nothing happens when the provider's id of it is not *found* any more: another kernel has
    changed it.
    """
    waiting = transaction.connection.execute(
        "SELECT i.attempt FROM waiting_items AS i JOIN batches AS b ON b.id = i.batch "
        "WHERE i.batch = ? AND b.provider_id IS ?",
        (batch, found),
    ).fetchall()
    for (attempt,) in waiting:
        entry = transaction.find(attempt)
        if entry is not None and free:
            take_back(transaction, attempt, entry)
        elif entry is not None and not entry.unknown:
            give_up(transaction, attempt, entry, note)
    if waiting:
        turn(transaction, batch, end, None, note)
    return len(waiting)


def provider_ids(connection: sqlite3.Connection) -> set[str]:
    """Return the providers' ids of every batch that was ever submitted, or found."""
    rows = connection.execute("SELECT provider_id FROM batches WHERE provider_id IS NOT NULL")
    return {name for (name,) in rows}


def batches(connection: sqlite3.Connection, keys: Iterable[str] | None = None) -> list[Batch]:
    """Return the batches with unsettled calls, oldest first; only those of *keys* if given."""
    items: dict[str, dict[str, BatchItem]] = {}
    for batch, key, attempt, custom_id in connection.execute("SELECT * FROM waiting_items"):
        items.setdefault(batch, {})[key] = BatchItem(attempt=attempt, custom_id=custom_id)
    wanted = None if keys is None else set(keys)
    return [
        _batch(row, items[row[0]])
        for row in connection.execute(_BATCHES)
        if row[0] in items and (wanted is None or not wanted.isdisjoint(items[row[0]]))
    ]


_BATCHES: Final = """
    SELECT b.id, b.provider, b.api, b.asked, b.created_at, b.state, b.provider_id, b.note,
           w.id IS NOT NULL AND w.ended_at IS NULL,
           (SELECT count(*) FROM batch_items WHERE batch = b.id)
    FROM batches AS b LEFT JOIN owners AS w ON w.id = b.owner
    ORDER BY b.created_at, b.id
"""


def _batch(row: tuple[object, ...], items: Mapping[str, BatchItem]) -> Batch:
    names = ("id", "provider", "api", "asked", "created_at", "state", "provider_id", "note")
    about = dict(zip(names, row, strict=False))
    lives, size = row[len(names) :]
    return Batch(**about, owner_lives=bool(lives), size=int(str(size)), items=items)  # type: ignore[arg-type]  # SQLite's types


def _taken(connection: sqlite3.Connection, keys: Sequence[str]) -> set[str]:
    """Return those of *keys* that are in a batch or have an answer."""
    found: set[str] = set()
    for start in range(0, len(keys), _MANY):
        part = keys[start : start + _MANY]
        marks = ", ".join("?" * len(part))
        sql = (
            f"SELECT key FROM waiting_items WHERE key IN ({marks}) "  # noqa: S608 - only marks
            f"UNION SELECT key FROM answers WHERE key IN ({marks})"
        )
        found.update(key for (key,) in connection.execute(sql, (*part, *part)))
    return found


_MANY: Final = 400
