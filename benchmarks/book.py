"""
What the book costs a call: CPU of an attempt written down and settled, and the wait it adds.

100 calls in flight of 25 to 75 ms, with a book in a file under a run and a day limit, beside the
same calls without a book, in turn: the difference is the book's, its thread included. The wait is
that between an answer and its hand-over. Then as many as it takes, for rows a second.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.command import command
from benchmarks.figures import Result, normal, percentile, spread, table
from benchmarks.machine import pace, pin
from llmlab.book import Attempt, Book, Limits, Settlement

IN_FLIGHT: Final = 100
TAKES: Final = 0.05
"""Seconds of a call, in the mean: half of that to half more, so that they do not march in step."""
_GOLDEN: Final = 0.618034
ANSWER: Final = b'{"text":"' + b"Spring came late this year. " * 50 + b'"}'
LIMITS: Final = Limits(run=Decimal(1_000_000), day=Decimal(1_000_000))
_ROUNDS: Final = 5


@dataclass(slots=True)
class Waits:
    """Seconds that calls waited for the book."""

    begin: list[float] = field(default_factory=list)
    finish: list[float] = field(default_factory=list)


Call: TypeAlias = Callable[[int], Coroutine[Any, Any, None]]


def takes_of(number: int) -> float:
    """Return the seconds of a call, spread evenly and the same in every run."""
    return TAKES * (0.5 + number * _GOLDEN % 1.0)


async def recorded(book: Book, number: int, takes: float, waits: Waits) -> None:
    """Write a call down, make it, settle it: as the pipeline does."""
    attempt = Attempt(
        key=f"{number:064x}", run="run", provider="openai", model="gpt-6-luna",
        started_at=time.time(), worst_usd=Decimal("0.0031"), prompt="p", prompt_version="3f9a01bc",
    )  # fmt: skip
    settled = Settlement(
        status="ok", answer=ANSWER, cost_usd=Decimal("0.000123"), input_tokens=300,
        output_tokens=280, cached_tokens=0, reasoning_tokens=0, latency_s=takes, http_status=200,
        request_id=f"req_{number}", billed=True,
    )  # fmt: skip
    start = time.perf_counter()
    ticket = await book.begin_async(attempt, LIMITS)
    waits.begin.append(time.perf_counter() - start)
    await asyncio.sleep(takes)
    start = time.perf_counter()
    await book.finish_async(ticket, settled)
    waits.finish.append(time.perf_counter() - start)


async def many(call: Call, calls: int, first: int) -> None:
    """Make *calls* calls, 100 at a time."""
    numbers = iter(range(first, first + calls))

    async def work() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


@dataclass(slots=True)
class Found:
    """What the rounds brought."""

    us: list[float] = field(default_factory=list)
    full_us: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    waits: Waits = field(default_factory=Waits)


def measure(options: argparse.Namespace) -> Result:
    """Return the CPU, the waits and the rate."""
    pin(0)
    calls = 300 if options.quick else 4_000
    found = Found()
    with tempfile.TemporaryDirectory() as folder, Book.open(Path(folder) / "lab.db") as book:
        _round(Found(), book, calls, 0)  # the first one warms the code
        for number in range(1 if options.quick else _ROUNDS):
            _round(found, book, calls, number + 1)
    begin, finish = found.waits.begin, found.waits.finish
    return {
        "calls": calls,
        "in_flight": IN_FLIGHT,
        "us": spread(found.us),
        "full_us": spread(found.full_us),
        "begin_ms": [1e3 * percentile(begin, share) for share in (0.5, 0.99, 1.0)],
        "finish_ms": [1e3 * percentile(finish, share) for share in (0.5, 0.99, 1.0)],
        "rows_per_s": spread(found.rate),
    }


def _round(found: Found, book: Book, calls: int, number: int) -> None:
    """Make calls that take their time, then calls that take none, each beside bare ones."""
    first = 2 * number * calls
    bare = _cpu(many(lambda each: asyncio.sleep(takes_of(each)), calls, first))
    ours = _cpu(many(lambda each: recorded(book, each, takes_of(each), found.waits), calls, first))
    found.us.append(1e6 * (ours - bare) / calls)
    first += calls
    bare = _cpu(many(lambda _: asyncio.sleep(0), calls, first))
    start = time.perf_counter()
    ours = _cpu(many(lambda each: recorded(book, each, 0.0, Waits()), calls, first))
    found.rate.append(calls / (time.perf_counter() - start))
    found.full_us.append(1e6 * (ours - bare) / calls)


def _cpu(work: Coroutine[Any, Any, None]) -> float:
    slow = pace()
    start = time.process_time()
    asyncio.run(work)
    return normal(time.process_time() - start, slow)


def show(result: Result) -> str:
    """Return the table."""
    rows = [
        ["CPU a call, begin and finish, of calls that take 25 to 75 ms", _us(result["us"])],
        ["the same of calls that take no time", _us(result["full_us"])],
        ["wait before sending, p50 / p99 / max", _waits(result["begin_ms"])],
        ["wait before handing over, p50 / p99 / max", _waits(result["finish_ms"])],
        ["calls written a second, as fast as it goes", f"{result['rows_per_s'][1]:,.0f}"],
    ]
    return table([f"the book in a file, {result['in_flight']} in flight", "figure"], rows)


def _us(three: list[float]) -> str:
    low, middle, high = three
    return f"{middle:.1f} µs [{low:.1f}–{high:.1f}]"


def _waits(values: list[float]) -> str:
    return " / ".join(f"{each:.1f}" for each in values) + " ms"


if __name__ == "__main__":
    command("book", __doc__, measure, show)
