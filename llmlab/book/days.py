"""
Days of a time zone: from one midnight there to the next, also where the clocks change.

The ledger keeps sums of UTC days. The cost of a zone's day is the sums of the UTC days that it
overlaps, less the attempts in these that began outside it. So a book stores nothing per zone, and
kernels of two zones on one book each hold their own day's limit over everything spent in it.
"""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from llmlab.book.money import day_scope

_DAY_SECONDS = 86_400
_SLACK_S = 3_600.0
"""Slack in seconds: attempts are numbered by commit, which is nearly the order of their starts."""


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A calendar day of a zone, in Unix seconds."""

    date: str
    """Such as 2026-11-22."""
    zone: str
    start: float
    end: float

    @property
    def name(self) -> str:
        """Return `2026-11-22 Europe/Zurich`."""
        return f"{self.date} {self.zone}"

    @property
    def scopes(self) -> tuple[str, ...]:
        """The ledger's accounts of the UTC days that it overlaps."""
        first, last = int(self.start // _DAY_SECONDS), int((self.end - 1) // _DAY_SECONDS)
        return tuple(day_scope(number) for number in range(first, last + 1))

    @property
    def utc(self) -> tuple[float, float]:
        """Start of the first of these UTC days and end of the last, in Unix seconds."""
        first, last = int(self.start // _DAY_SECONDS), int((self.end - 1) // _DAY_SECONDS)
        return float(first * _DAY_SECONDS), float((last + 1) * _DAY_SECONDS)


def local_day(at: float, zone: ZoneInfo) -> LocalDay:
    """Return the day of *zone* in which *at* (Unix seconds) lies."""
    # Midnights of every zone are at multiples of a quarter of an hour.
    return _day_of(int(at // 900) * 900, zone)


@lru_cache(maxsize=1024)
def _day_of(at: int, zone: ZoneInfo) -> LocalDay:
    there = datetime.fromtimestamp(at, zone).date()
    start, end = midnight(there, zone), midnight(there + timedelta(days=1), zone)
    if at >= end:  # clocks went back over midnight: the repeated evening belongs to the new day
        there += timedelta(days=1)
        start, end = end, midnight(there + timedelta(days=1), zone)
    return LocalDay(there.isoformat(), zone.key, start, end)


def midnight(day: date, zone: ZoneInfo) -> float:
    """
    Return when *day* begins in *zone*, in Unix seconds.

    Of a midnight that comes twice it is the first; a day whose midnight is skipped begins when
    the clocks go forward.
    """
    plain = datetime.combine(day, time(), zone)
    first, second = plain.timestamp(), plain.replace(fold=1).timestamp()
    if first <= second:
        return first
    early, late = int(second), int(first)  # the clocks change somewhere in between
    while early + 1 < late:
        middle = (early + late) // 2
        if datetime.fromtimestamp(middle, zone).date() < day:
            early = middle
        else:
            late = middle
    return float(late)


def outside(
    connection: sqlite3.Connection, day: LocalDay, skip: Collection[int] = ()
) -> tuple[list[int], int]:
    """
    Return the sums of the attempts in the UTC days of *day* that began outside *day*.

    Args:
        connection: Of the book.
        day: The zone's day.
        skip: Attempts that are being settled now; they are left out.

    Returns:
        Settled, unknown and reserved, in picodollars; and the sum that can no longer change.
    """
    given = (_first(connection, day.utc[0]), *day.utc, day.start, day.end)
    sums, final = [0, 0, 0], 0
    for attempt, column, pico in connection.execute(_OUTSIDE, given):
        if attempt not in skip:
            sums[column] += pico
            final += pico if column == 0 else 0
    return sums, final


_OUTSIDE = """
    SELECT a.id, iif(o.attempt IS NULL, 2, iif(o.cost_pico IS NULL, 1, 0)),
        coalesce(o.charge_pico, a.worst_pico, 0)
    FROM attempts AS a LEFT JOIN outcomes AS o ON o.attempt = a.id
    WHERE a.id >= ? AND a.started_at >= ? AND a.started_at < ?
        AND NOT (a.started_at >= ? AND a.started_at < ?)
"""


def _first(connection: sqlite3.Connection, at: float) -> int:
    """
    Return an id before which no attempt began after *at*, by binary search.

    Where a clock was set back the id may be too high. Then the day counts too much, so its limit
    still holds.
    """
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM attempts").fetchone()
    low, high = 1, int(last) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT started_at FROM attempts WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if row is not None and row[0] < at - _SLACK_S:
            low = middle + 1
        else:
            high = middle
    return low
