"""
The book: open, read, write, close.

In: a path. Out: a `Book`, usable from any thread and any event loop of the process that opened it.
"""

import atexit
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

from llmlab.book import audit, batches, reads, recovery, tables
from llmlab.book.batches import Batch, BatchClaim, Claimed, End, State
from llmlab.book.chain import link_of
from llmlab.book.days import local_day
from llmlab.book.entries import (
    NO_LIMITS,
    Account,
    Attempt,
    Limits,
    Once,
    RunItem,
    RunRecord,
    Settlement,
    TemplateVersion,
)
from llmlab.book.files import Moved, closed, guard
from llmlab.book.flights import Flights
from llmlab.book.opened import Opened
from llmlab.book.opening import real_path
from llmlab.book.owners import folder_of, is_dead
from llmlab.book.readonly import ReadOnly
from llmlab.book.rescue import copy
from llmlab.book.reservation import Begin
from llmlab.book.shared import SHELF, Options, Shared
from llmlab.book.transaction import Transaction
from llmlab.book.writer import Writer
from llmlab.book.writes import Do, Finish, Release
from llmlab.errors import BookError

T = TypeVar("T")

LINGER_S = 0.002


class Book:
    """
    Every call, its answer and its cost, in one SQLite file that several kernels may share.

    A write is acknowledged when it is committed. With `durable=False` (WAL, synchronous=NORMAL) all
    acknowledged writes survive the death of the process at any moment; a power cut or a crash of
    the operating system may lose the last commits, but never damages the file. `durable=True`
    (synchronous=FULL) survives those as well, at the cost of one disk flush per group of writes.

    A `Book` is a handle: all handles on one file in a process share one open book, with one writer;
    closing the last one closes the book. A forked child that uses a handle opens the book again, as
    an owner of its own; attempts begun before the fork belong to the parent. A book in memory is
    never shared: a forked child works on a copy.
    """

    def __init__(self, path: Path | None, options: Options) -> None:
        self.path = path
        self._options = options
        self._closed = False
        self._shared, self._number = SHELF.take(path, options)
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
        Open a book, creating it if missing, and settle the attempts that dead kernels left in it.

        Where this process has it open already, that one is used, with its clock and time-outs.

        Args:
            path: The file; None keeps the book in memory.
            clock: Returns Unix seconds.
            durable: Whether each group of writes waits for the disk; applies to all handles then.
            timeout: Seconds to wait for another program's lock.
            linger: Seconds a write waits for others to join its group while several calls are
                under way.

        Raises:
            BookError: The folder is read-only, the file is damaged, foreign, newer or locked, it
                has a second name (hard link), or it was lost while this process used it.
        """
        target = None if path is None else real_path(path)
        options = Options(clock=clock, durable=durable, timeout=timeout, linger=linger)
        return guard(target, lambda: cls(target, options))

    # ---- calls

    def begin(
        self, attempt: Attempt, limits: Limits = NO_LIMITS, *, allow_unpriced: bool = False
    ) -> "Future[int]":
        """
        Record an attempt and reserve its worst case, before it is sent.

        The Future gives the attempt's id, or `LimitError` when a limit could be passed (also for an
        attempt without a price under any limit, unless `allow_unpriced`), or `BookError`.
        """
        writer = self._writer
        job = Begin(attempt, limits, allow_unpriced=allow_unpriced, holder=self._number)
        return writer.submit(job)

    # The coroutine is returned, not awaited: that saves each call a frame.

    def begin_async(
        self,
        attempt: Attempt,
        limits: Limits = NO_LIMITS,
        *,
        allow_unpriced: bool = False,
        once: Once = "no",
    ) -> Coroutine[Any, Any, int]:
        """
        As `begin`, awaited from any loop; a cancelled wait takes the attempt back.

        Raises:
            Elsewhere: Another kernel has this key under way, or has answered it; see *once*.
        """
        writer = self._writer
        job = Begin(attempt, limits, allow_unpriced=allow_unpriced, holder=self._number, once=once)
        return writer.submit_async(job)

    def ended_attempts(self) -> dict[str, int]:
        """Return how many attempts of a key have certainly ended, by key; see `reads`."""
        return self._read(reads.ended_attempts)

    def has_ended(self, attempt: int) -> bool:
        """Return whether another kernel's attempt has ended; it has where that kernel is dead."""
        token = self._read(lambda connection: reads.token_at_work(connection, attempt))
        if token is None:
            return True
        if self.path is None or not is_dead(folder_of(self.path), token):
            return False
        self.recover()
        return True

    def finish(self, attempt: int, settled: Settlement) -> "Future[None]":
        """
        Store an answer and its cost, before it is returned; free the reservation.

        Where it fails for a full disk or a lock, the attempt stays open: call it again.
        """
        return self._writer.submit(Finish(attempt, settled))

    def finish_async(self, attempt: int, settled: Settlement) -> Coroutine[Any, Any, None]:
        """As `finish`, awaited from any loop; it is written even when the wait is cancelled."""
        return self._writer.submit_async(Finish(attempt, settled))

    def release(self, attempt: int) -> "Future[None]":
        """Take back an attempt that was certainly never sent."""
        return self._writer.submit(Release(attempt))

    # ---- batches

    async def claim_async(
        self,
        attempts: Sequence[Attempt],
        limits: Limits,
        *,
        allow_unpriced: bool,
        token: str,
        api: str,
        asked: str,
    ) -> Claimed:
        """
        Begin the attempts of the batch *token* and claim their keys, before it is submitted.

        Calls that are in another batch, were answered meanwhile, or are refused by a limit are
        left out and reported; it raises only errors that concern all of them.
        """
        job = BatchClaim(
            attempts,
            limits,
            allow_unpriced=allow_unpriced,
            holder=self._number,
            token=token,
            api=api,
            asked=asked,
        )
        claimed: Claimed = await self._writer.submit_async(job)
        return claimed

    def batches(self, keys: Sequence[str] | None = None) -> list[Batch]:
        """Return the batches with unsettled calls; only those that hold *keys* if given."""
        return self._read(lambda connection: batches.batches(connection, keys))

    def turn_batch(
        self, batch: str, state: State, *, provider_id: str | None = None, note: str = ""
    ) -> "Future[None]":
        """Set the state of a batch: `handed_in` with the provider's id, or `unsure`."""
        return self._writer.submit(
            Do(lambda transaction: batches.turn(transaction, batch, state, provider_id, note))
        )

    def abandon_batch(
        self, batch: str, end: End, note: str, *, found: str | None, free: bool = False
    ) -> int:
        """
        Give up the batch with the provider's id *found*; return how many calls that frees.

        They count at their worst case; at 0 when *free*: the provider certainly has none of them.
        """
        return self._do(
            lambda transaction: batches.abandon(
                transaction, batch, end, note, free=free, found=found
            )
        )

    def batch_names(self) -> set[str]:
        """Return the providers' ids of all batches in this book."""
        return self._read(batches.provider_ids)

    def recover(self) -> list[int]:
        """Give up the attempts that dead kernels left, at their worst case; return their ids."""
        path = self.path
        folder = None if path is None else folder_of(path)
        return self._do(lambda transaction: recovery.recover(transaction, folder))

    # ---- answers

    def answer(self, key: str, *, max_age: float | None = None) -> bytes | None:
        """Return the answer to `key`, not older than `max_age` seconds, or None."""
        return self._read(lambda connection: reads.answer(connection, key, self._since(max_age)))

    def answers(self, keys: Sequence[str], *, max_age: float | None = None) -> dict[str, bytes]:
        """Return the answers to those of `keys` that have one, by key."""
        return self._read(lambda connection: reads.answers(connection, keys, self._since(max_age)))

    def latencies(self, *, latest: int) -> list[tuple[str, str, str, float]]:
        """Return `(provider, model, backend, seconds)` of the answers of the latest attempts."""
        return self._read(lambda connection: reads.latencies(connection, latest))

    def _since(self, max_age: float | None) -> float | None:
        return None if max_age is None else self._options.clock() - max_age

    # ---- money

    def spend(
        self,
        *,
        by: Sequence[str] = ("day", "provider", "model", "run"),
        zone: ZoneInfo | None = None,
    ) -> list[dict[str, object]]:
        """
        Return attempts, tokens and exact dollars, grouped by day, provider, model, run, prompt ...

        Days are those of *zone*; UTC when None.
        """
        return self._read(lambda connection: reads.spend(connection, by, zone))

    def account(self, scope: str = "total") -> Account:
        """Return the sums of a scope: `total`, `day:2026-11-22` (UTC) or `run:NAME`."""
        return self._read(lambda connection: reads.account(connection, scope))

    def day(self, zone: ZoneInfo | None = None, at: float | None = None) -> Account:
        """
        Return the sums of a whole day: that of *at*, Unix seconds, or of now.

        Args:
            zone: The time zone of the day; UTC when None.
            at: A time in the day, in Unix seconds.
        """
        day = local_day(self._options.clock() if at is None else at, zone or ZoneInfo("UTC"))
        return self._read(lambda connection: reads.day_account(connection, day))

    def spent(self, scope: str = "total") -> Decimal:
        """Return the dollars spent in a scope, unknown outcomes at their worst case."""
        return self.account(scope).spent

    # ---- runs, templates, labels

    def save_run(self, record: RunRecord) -> None:
        """Store a run; the same name with another plan is refused."""
        self._do(lambda transaction: tables.save_run(transaction, record))

    def add_rows(self, run: str, items: Sequence[RunItem]) -> None:
        """Store rows of a run; a position that exists is overwritten."""
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
        """Store the text of a template version, once."""
        self._do(lambda transaction: tables.note_template(transaction, name, version, text))

    def templates(self, name: str) -> list[TemplateVersion]:
        """Return the versions of a template, by first use."""
        return self._read(lambda connection: reads.templates(connection, name))

    def mark(self, key: str, name: str, value: str) -> None:
        """Store a person's mark of an answer; the last one counts, earlier ones stay as history."""
        self._do(lambda transaction: tables.mark(transaction, key, name, value))

    def labels(self, name: str) -> dict[str, str]:
        """Return the marks called `name`, by key."""
        return self._read(lambda connection: reads.labels(connection, name))

    # ---- upkeep

    def verify(self) -> list[str]:
        """
        Return what is wrong, one line per problem, or [].

        It finds damage, sums that do not match, and the first entry of the audit chain that was
        changed, deleted, inserted or moved since it was written.
        """
        return self._read(audit.verify)

    def head(self) -> str:
        """Return the end of the audit chain, 64 hex digits: keep it where nobody can change it."""
        return self._read(audit.end).link.hex()

    def place_of(self, head: str) -> int | None:
        """
        Return the number of the audit entry with this head: the chain up to it is unchanged.

        None when the chain does not contain it: it was rewritten since, or is another book's.

        Raises:
            UsageError: *head* is not 64 hex digits.
        """
        link = link_of(head)
        return self._read(lambda connection: audit.place_of(connection, link))

    def backup(self, path: Path | str) -> Path:
        """
        Copy the book to a new file, also while it is in use; only its owner may read the copy.

        Raises:
            BookError: The file exists already, or cannot be written.
        """
        to = Path(path).absolute()
        self._read(lambda connection: guard(to, lambda: copy(connection, to)))
        return to

    def close(self) -> None:
        """
        Write all that is queued and give up the attempts of this handle; may be called twice.

        The last handle on a file closes it.
        """
        with SHELF.lock:
            if self._closed:
                return
            self._closed = True
            atexit.unregister(self.close)
            if not self._shared.forked:
                SHELF.leave(self._shared, self._number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def flights(self) -> Flights:
        """The keys under way in this process, shared by all handles on this book."""
        return self._here().flights

    @property
    def _opened(self) -> Opened | ReadOnly:
        return self._here().opened

    @property
    def _writer(self) -> Writer:
        return self._here().writer

    def _here(self) -> Shared:
        """Return the open book; a forked child opens its own."""
        shared = self._shared
        return shared if not (shared.forked or self._closed) else self._anew()

    def _anew(self) -> Shared:
        if self._closed:
            raise closed()
        with SHELF.lock:
            if self._shared.forked:
                again = guard(self.path, lambda: SHELF.again(self._shared, self._options))
                self._shared, self._number = again
        return self._shared

    def _do(self, action: Callable[[Transaction], T]) -> T:
        result: Future[Any] = self._writer.submit(Do(action))
        done: T = result.result()
        return done

    def _read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        while True:
            opened = self._opened
            pool = opened.pool
            try:
                return guard(self.path, lambda: pool.read(action))  # noqa: B023 - called at once
            except Moved:
                self._here().look()
            except BookError:
                if opened.pool is pool:
                    raise
