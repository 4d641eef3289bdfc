"""
The book itself: open it, ask it, write in it, close it.

In: a path. Out: a `Book`, usable from any thread and any event loop of the process that opened it.
"""

import atexit
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

from llmlab.book import reads, recovery, tables
from llmlab.book.entries import (
    NO_LIMITS,
    Account,
    Attempt,
    Limits,
    Once,
    RunItem,
    RunRecord,
    Settled,
    TemplateVersion,
)
from llmlab.book.files import guard
from llmlab.book.flights import Flights
from llmlab.book.opening import Opened, open_file
from llmlab.book.owners import is_dead
from llmlab.book.transaction import Transaction
from llmlab.book.writer import Writer
from llmlab.book.writes import Begin, Do, Finish, Release
from llmlab.errors import BookError

T = TypeVar("T")

LINGER_S = 0.002


class Book:
    """
    Every call, its answer and its money, in one SQLite file that several kernels may share.

    A write is acknowledged when it is committed. With `durable=False` (WAL, synchronous=NORMAL) all
    that was acknowledged survives the death of the process at any moment; a power cut or a crash of
    the operating system may lose the last commits, but never damages the file. `durable=True`
    (synchronous=FULL) survives those as well, at the price of one disk flush a group.

    A forked child must open the book again: SQLite connections do not survive a fork.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        clock: Callable[[], float],
        linger: float,
    ) -> None:
        self.path = opened.path
        self.flights = Flights()
        """The keys that are worked on in this process, for all who share this book."""
        self._opened = opened
        self._clock = clock
        self._pid = os.getpid()
        self._closing = threading.Lock()
        self._closed = False
        self._writer = Writer(
            opened.connection,
            owner=opened.owner,
            clock=clock,
            explain=opened.explain,
            linger=linger,
            gate=opened.gate,
            wrote=opened.checkpointer.wrote if opened.checkpointer else None,
        )
        atexit.register(self.close)

    @classmethod
    def open(
        cls,
        path: Path | str | None,
        *,
        clock: Callable[[], float] = time.time,
        durable: bool = False,
        timeout: float = 5.0,
        linger: float = LINGER_S,
    ) -> "Book":
        """
        Open a book, made where there is none, and settle what dead kernels left in it.

        Args:
            path: The file; None keeps the book in memory.
            clock: Returns Unix seconds.
            durable: Whether each group of writes waits for the disk.
            timeout: Seconds to wait for another program's lock.
            linger: Seconds a write waits for company once several calls are under way.

        Raises:
            BookError: The folder is read-only, the file is damaged, foreign, newer or locked.
        """
        target = None if path is None else Path(path).absolute()
        opened = guard(
            target, lambda: open_file(target, clock=clock, durable=durable, timeout=timeout)
        )
        return cls(opened, clock=clock, linger=linger)

    # ---- calls

    def begin(
        self, attempt: Attempt, limits: Limits = NO_LIMITS, *, allow_unpriced: bool = False
    ) -> "Future[int]":
        """
        Write an attempt down and reserve its worst case, before it is sent.

        The Future gives the attempt's id, or `LimitError` when a limit could be passed (also for an
        attempt without a price under any limit, unless `allow_unpriced`), or `BookError`.
        """
        return self._submit_to().submit(Begin(attempt, limits, allow_unpriced=allow_unpriced))

    async def begin_async(
        self,
        attempt: Attempt,
        limits: Limits = NO_LIMITS,
        *,
        allow_unpriced: bool = False,
        once: Once = "no",
    ) -> int:
        """
        Do as `begin`, awaited from any loop; a cancelled wait takes the attempt back.

        Raises:
            Elsewhere: Another kernel is at work on this key, or has answered it; see *once*.
        """
        job = Begin(attempt, limits, allow_unpriced=allow_unpriced, once=once)
        return int(await self._submit_to().submit_async(job))

    def ended_attempts(self) -> dict[str, int]:
        """Return how many attempts of a key have ended for certain, by key, where it is not one."""
        return self._read(reads.ended_attempts)

    def has_ended(self, attempt: int) -> bool:
        """Say whether another kernel's attempt is over; it is, where that kernel is dead."""
        token = self._read(lambda connection: reads.token_at_work(connection, attempt))
        if token is None:
            return True
        folder = self._opened.owners
        if folder is None or not is_dead(folder, token):
            return False
        self.recover()
        return True

    def finish(self, attempt: int, settled: Settled) -> "Future[None]":
        """
        Store an answer and its cost, before it is handed on; free the reservation.

        Where it fails for want of disk or by a lock, the attempt stays open: finish it again.
        """
        return self._submit_to().submit(Finish(attempt, settled))

    async def finish_async(self, attempt: int, settled: Settled) -> None:
        """Do as `finish`, awaited from any loop; it is written even when the wait is cancelled."""
        await self._submit_to().submit_async(Finish(attempt, settled))

    def release(self, attempt: int) -> "Future[None]":
        """Take back an attempt that was certainly never sent."""
        return self._submit_to().submit(Release(attempt))

    async def release_async(self, attempt: int) -> None:
        """Do as `release`, awaited from any loop."""
        await self._submit_to().submit_async(Release(attempt))

    def recover(self) -> list[int]:
        """Give up what dead kernels left under way, at its worst price; return the attempts."""
        return self._do(lambda transaction: recovery.recover(transaction, self._opened.owners))

    # ---- answers

    def answer(self, key: str, *, max_age: float | None = None) -> bytes | None:
        """Return the answer to `key`, not older than `max_age` seconds, or None."""
        return self._read(lambda connection: reads.answer(connection, key, self._since(max_age)))

    def answers(self, keys: Sequence[str], *, max_age: float | None = None) -> dict[str, bytes]:
        """Return the answers there are to `keys`."""
        return self._read(lambda connection: reads.answers(connection, keys, self._since(max_age)))

    def latencies(self, *, latest: int) -> list[tuple[str, str, str, float]]:
        """Return `(provider, model, backend, seconds)` of the answers of the latest attempts."""
        return self._read(lambda connection: reads.latencies(connection, latest))

    def _since(self, max_age: float | None) -> float | None:
        return None if max_age is None else self._clock() - max_age

    # ---- money

    def spend(
        self, *, by: Sequence[str] = ("day", "provider", "model", "run")
    ) -> list[dict[str, object]]:
        """Return attempts, tokens and exact dollars by day, provider, model, run, prompt ..."""
        return self._read(lambda connection: reads.spend(connection, by))

    def account(self, scope: str = "total") -> Account:
        """Return what is settled, unknown and reserved: `total`, `day:2026-11-22`, `run:NAME`."""
        return self._read(lambda connection: reads.account(connection, scope))

    def spent(self, scope: str = "total") -> Decimal:
        """Return the dollars that count as gone in a scope, unknown outcomes at worst price."""
        return self.account(scope).spent

    # ---- runs, templates, labels

    def save_run(self, record: RunRecord) -> None:
        """Keep a run; the same name with another plan is refused."""
        self._do(lambda transaction: tables.save_run(transaction, record))

    def add_rows(self, run: str, items: Sequence[RunItem]) -> None:
        """Keep rows of a run; a position that is there already is written anew."""
        self._do(lambda transaction: tables.add_rows(transaction, run, items))

    def runs(self) -> list[RunRecord]:
        """Return every run, oldest first."""
        return self._read(reads.runs)

    def run(self, name: str) -> RunRecord | None:
        """Return a run by its name, or None."""
        found = self._read(lambda connection: reads.runs(connection, name))
        return found[0] if found else None

    def rows(self, run: str) -> list[RunItem]:
        """Return the rows of a run in the order of their positions."""
        return self._read(lambda connection: reads.rows(connection, run))

    def note_template(self, name: str, version: str, text: str) -> None:
        """Keep the words of a template version, once."""
        self._do(lambda transaction: tables.note_template(transaction, name, version, text))

    def templates(self, name: str) -> list[TemplateVersion]:
        """Return the history of a template, first used first."""
        return self._read(lambda connection: reads.templates(connection, name))

    def mark(self, key: str, name: str, value: str) -> None:
        """Keep a person's label of an answer; the last one counts, the others stay as history."""
        self._do(lambda transaction: tables.mark(transaction, key, name, value))

    def labels(self, name: str) -> dict[str, str]:
        """Return the labels called `name`, by key."""
        return self._read(lambda connection: reads.labels(connection, name))

    # ---- upkeep

    def verify(self) -> list[str]:
        """Return what is wrong: damage, removed attempts, sums that do not fit; or []."""
        return self._read(reads.verify)

    def close(self) -> None:
        """Write all that is queued, give up what is still under way, close; twice does no harm."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            atexit.unregister(self.close)
            if os.getpid() == self._pid:
                self._writer.stop()
                self._opened.close(self._clock())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit_to(self) -> Writer:
        self._check_process()
        return self._writer

    def _do(self, action: Callable[[Transaction], T]) -> T:
        result: Future[Any] = self._submit_to().submit(Do(action))
        done: T = result.result()
        return done

    def _read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        self._check_process()
        with self._opened.pool.reading() as connection:
            return guard(self.path, lambda: action(connection))

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise BookError("this book was opened before a fork: open it again in this process")
