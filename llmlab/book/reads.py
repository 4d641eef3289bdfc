"""
All queries of the book, as functions of a connection.

In: keys, names, scopes. Out: bytes, records and sums.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

from llmlab.book.days import LocalDay, local_day, outside
from llmlab.book.entries import Account, RunItem, RunRecord, TemplateVersion
from llmlab.book.money import to_usd
from llmlab.book.stored import typed
from llmlab.errors import UsageError

_KEYS_IN_A_QUERY = 500
SPEND_COLUMNS = ("day", "provider", "model", "run", "backend", "prompt", "prompt_version")
_SPEND_SQL = """
    SELECT {columns},
        count(*) AS attempts, count(DISTINCT a.key) AS calls,
        coalesce(sum(o.status = 'ok'), 0), coalesce(sum(o.status = 'error'), 0),
        coalesce(sum(o.status = 'unknown'), 0),
        coalesce(sum(o.input_tokens), 0), coalesce(sum(o.cached_tokens), 0),
        coalesce(sum(o.output_tokens), 0), coalesce(sum(o.reasoning_tokens), 0),
        coalesce(sum(o.cost_pico), 0),
        coalesce(sum(o.charge_pico) FILTER (WHERE o.cost_pico IS NULL), 0),
        coalesce(sum(a.worst_pico) FILTER (WHERE o.attempt IS NULL), 0)
    FROM attempts AS a LEFT JOIN outcomes AS o ON o.attempt = a.id
    GROUP BY {columns} ORDER BY {columns}
"""
_SPEND_NAMES = (
    "attempts", "calls", "answered", "failed", "unknown", "input_tokens", "cached_tokens",
    "output_tokens", "reasoning_tokens",
)  # fmt: skip
_SPEND_MONEY = ("cost_usd", "unknown_usd", "reserved_usd")


def answer(connection: sqlite3.Connection, key: str, since: float | None) -> bytes | None:
    """Return the answer to `key`, stored at or after `since` where that is given."""
    row = connection.execute(
        "SELECT answer FROM answers WHERE key = ? AND stored_at >= ?", (key, since or 0.0)
    ).fetchone()
    return None if row is None else typed([row], tuple[bytes])[0][0]


def answers(
    connection: sqlite3.Connection, keys: Iterable[str], since: float | None
) -> dict[str, bytes]:
    """Return the answers to those of `keys` that have one, queried in chunks."""
    found: dict[str, bytes] = {}
    for chunk in _chunks(dict.fromkeys(keys)):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT key, answer FROM answers WHERE key IN ({marks}) AND stored_at >= ?"  # noqa: S608 - only marks
        rows = connection.execute(sql, (*chunk, since or 0.0))
        found.update(typed(rows, tuple[str, bytes]))
    return found


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    source = iter(keys)
    while chunk := list(islice(source, _KEYS_IN_A_QUERY)):
        yield chunk


def ended_attempts(connection: sqlite3.Connection) -> dict[str, int]:
    """
    Return how many attempts of each key have certainly ended: answered, or failed at a known cost.

    A key with one answer and nothing else is left out: its answer is found by the key. A 409 does
    not count: it says that an earlier request with this key is under way.
    """
    sql = """
        SELECT key, count(*) FROM attempts JOIN outcomes ON attempt = id
        WHERE (status = 'ok' OR (status = 'error' AND cost_pico IS NOT NULL))
        AND http_status IS NOT 409
        GROUP BY key HAVING count(*) > 1 OR min(status) = 'error'
    """
    return dict(connection.execute(sql).fetchall())


def token_at_work(connection: sqlite3.Connection, attempt: int) -> str | None:
    """Return the token of the owner that has *attempt* under way; None when it has ended."""
    row = connection.execute(
        "SELECT token FROM attempts JOIN owners ON owners.id = owner "
        "LEFT JOIN outcomes ON attempt = attempts.id WHERE attempts.id = ? AND attempt IS NULL",
        (attempt,),
    ).fetchone()
    return None if row is None else str(row[0])


def spend(
    connection: sqlite3.Connection, by: Sequence[str], zone: ZoneInfo | None = None
) -> list[dict[str, object]]:
    """Return spending by group: one dict per group, dollars as exact Decimals, days of *zone*."""
    strange = [name for name in by if name not in SPEND_COLUMNS]
    if strange or not by:
        raise UsageError(f"spend(by=...) takes {', '.join(SPEND_COLUMNS)}; not {strange or 'none'}")
    day = "date(a.started_at, 'unixepoch')"
    if zone is not None and "day" in by:
        day = "day_of(a.started_at)"
        connection.create_function("day_of", 1, lambda at: local_day(at, zone).date)
    columns = ", ".join(day if name == "day" else f"a.{name}" for name in by)
    names = (*by, *_SPEND_NAMES, *_SPEND_MONEY)
    rows = connection.execute(_SPEND_SQL.format(columns=columns)).fetchall()
    sums = typed((row[len(by) :] for row in rows), tuple[int, ...])
    return [
        {
            name: to_usd(value) if name in _SPEND_MONEY else value
            for name, value in zip(names, (*row[: len(by)], *numbers), strict=True)
        }
        for row, numbers in zip(rows, sums, strict=True)
    ]


def latencies(connection: sqlite3.Connection, latest: int) -> list[tuple[str, str, str, float]]:
    """Return provider, model, backend and seconds of the answers among the latest attempts."""
    sql = """
        SELECT provider, model, backend, latency_s FROM calls
        WHERE id > (SELECT coalesce(max(id), 0) FROM attempts) - ?
        AND status = 'ok' AND latency_s IS NOT NULL
    """
    return typed(connection.execute(sql, (latest,)), tuple[str, str, str, float])


def account(connection: sqlite3.Connection, scope: str) -> Account:
    """Return the sums of a scope; zeros for a scope that does not exist."""
    sql = "SELECT settled_pico, unknown_pico, reserved_pico FROM ledger WHERE scope = ?"
    rows = typed(connection.execute(sql, (scope,)), tuple[int, int, int])
    settled, unknown, reserved = rows[0] if rows else (0, 0, 0)
    return Account(settled=to_usd(settled), unknown=to_usd(unknown), reserved=to_usd(reserved))


def day_account(connection: sqlite3.Connection, day: LocalDay) -> Account:
    """Return the sums of a zone's day: those of its UTC days, less attempts outside the day."""
    found = [account(connection, scope) for scope in day.scopes]
    other, _ = outside(connection, day)
    return Account(
        settled=sum((each.settled for each in found), Decimal(0)) - to_usd(other[0]),
        unknown=sum((each.unknown for each in found), Decimal(0)) - to_usd(other[1]),
        reserved=sum((each.reserved for each in found), Decimal(0)) - to_usd(other[2]),
    )


def runs(connection: sqlite3.Connection, name: str | None = None) -> list[RunRecord]:
    """Return the runs, oldest first; only the one called `name` if given."""
    sql = (
        "SELECT name, created_at, plan FROM runs WHERE :name IS NULL OR name = :name "
        "ORDER BY created_at, rowid"
    )
    return [
        RunRecord(name=found, created_at=created_at, plan=plan)
        for found, created_at, plan in typed(
            connection.execute(sql, {"name": name}), tuple[str, float, bytes]
        )
    ]


def rows(connection: sqlite3.Connection, run: str) -> list[RunItem]:
    """Return the rows of a run by position."""
    sql = "SELECT position, key, meta FROM run_items WHERE run = ? ORDER BY position"
    return [
        RunItem(position=position, key=key, meta=meta)
        for position, key, meta in typed(connection.execute(sql, (run,)), tuple[int, str, bytes])
    ]


def templates(connection: sqlite3.Connection, name: str) -> list[TemplateVersion]:
    """Return the versions of a template, by first use."""
    sql = (
        "SELECT name, version, text, first_used_at FROM templates WHERE name = ? "
        "ORDER BY first_used_at, rowid"
    )
    return [
        TemplateVersion(name=found, version=version, text=text, first_used_at=first)
        for found, version, text, first in typed(
            connection.execute(sql, (name,)), tuple[str, str, str, float]
        )
    ]


def labels(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    """Return the last mark called `name` of each key."""
    sql = "SELECT key, value FROM labels WHERE name = ? ORDER BY id"
    return dict(typed(connection.execute(sql, (name,)), tuple[str, str]))
