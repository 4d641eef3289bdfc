"""
The writer thread: it takes all queued jobs, commits them, then sets their results.

In: jobs from any thread or event loop. Out: their results, after COMMIT; one wake-up per loop.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from llmlab.book.files import closed
from llmlab.book.transaction import BookState, Transaction, transact
from llmlab.book.writes import Job, Release, job_error
from llmlab.errors import BookError, LabError

_GROUP = 512
_QUEUE = 8_192
_LINGER_FROM = 4

Result: TypeAlias = tuple[Any, BaseException | None]


class QueuedJob(Struct):
    """A job and the future of its waiter: a thread's or an event loop's."""

    job: Any
    """A `Job`."""
    future: Any
    """A `concurrent.futures.Future` or an `asyncio.Future`."""
    loop: Any = None


class WritableBook(Protocol):
    """The open book that a writer writes to."""

    owner: int
    gate: threading.Lock
    clock: Callable[[], float]
    ended: BookError | None

    def ready(self) -> sqlite3.Connection:
        """Return the connection for the next group; `gate` is held."""
        ...

    def wrote(self, writes: int, /) -> None:
        """Take the number of jobs of a group, after their results are set."""
        ...

    def explain(self, error: Exception, /) -> BookError:
        """Return an error of SQLite or the system as a `BookError`."""
        ...


class Writer:
    """
    Write groups of jobs in the order they came, each group in one transaction.

    Args:
        source: The open book; its `gate` is held during each group.
        linger: Seconds to wait for more jobs when several calls are under way.
    """

    def __init__(self, source: WritableBook, *, linger: float) -> None:
        self._source = source
        self._linger = linger
        self._connection: sqlite3.Connection | None = None
        self._queue: SimpleQueue[QueuedJob | None] = SimpleQueue()
        self._submitting = threading.Lock()
        self._closed = False
        self.memory = BookState()
        self._thread = threading.Thread(target=self._run, name="llmlab-book", daemon=True)
        self._thread.start()

    # ---- queueing

    def submit(self, job: Job[Any]) -> "Future[Any]":
        """Queue a job; the Future is done once it is committed."""
        while self._queue.qsize() >= _QUEUE:
            time.sleep(0.001)
        future: Future[Any] = Future()
        self._put(QueuedJob(job, future))
        return future

    async def submit_async(self, job: Job[Any]) -> Any:
        """Queue a job and wait until it is committed, without blocking the loop."""
        while self._queue.qsize() >= _QUEUE:  # noqa: ASYNC110 - another thread empties it
            await asyncio.sleep(0.001)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._put(QueuedJob(job, future, loop))
        try:
            return await future
        except asyncio.CancelledError:
            # Cancelled after its result was set: it is committed, and nobody will use it.
            if future.done() and not future.cancelled() and future.exception() is None:
                self._take_back(job, future.result())
            raise

    def _put(self, item: QueuedJob) -> None:
        with self._submitting:
            if self._closed:
                raise closed()
            self._queue.put(item)

    def stop(self) -> None:
        """Write all that is queued, then end the thread."""
        with self._submitting:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    # ---- the thread

    def _run(self) -> None:
        running = True
        while running:
            first = self._queue.get()
            if len(self.memory.open) >= _LINGER_FROM and first is not None:
                time.sleep(self._linger)
            group, running = self._take(first)
            wanted = [item for item in group if _is_wanted(item)]
            if wanted:
                self._tell(wanted, self._write(wanted))
                self._source.wrote(len(wanted))

    def _take(self, first: QueuedJob | None) -> tuple[list[QueuedJob], bool]:
        group: list[QueuedJob] = []
        item = first
        while item is not None:
            group.append(item)
            if len(group) == _GROUP:
                return group, True
            try:
                item = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _write(self, group: Sequence[QueuedJob]) -> Sequence[Result]:
        with self._source.gate:
            try:
                connection = self._ready()
            except Exception as error:  # noqa: BLE001 - told to whoever waits
                return [(None, self._said(error))] * len(group)
            try:
                return self._write_together(connection, group)
            except (sqlite3.OperationalError, OSError) as error:
                failure = self._source.explain(error)
                return [(None, failure)] * len(group)
            except Exception:  # noqa: BLE001 - one job spoils its group: find out which
                return [self._write_alone(connection, item) for item in group]

    def _said(self, error: Exception) -> BookError:
        return error if isinstance(error, BookError) else self._source.explain(error)

    def _ready(self) -> sqlite3.Connection:
        connection = self._source.ready()
        if connection is not self._connection:
            self._connection = connection
            self.memory.forget()
        return connection

    def _write_alone(self, connection: sqlite3.Connection, item: QueuedJob) -> Result:
        # The cached attempt may be what is wrong, so read the file.
        try:
            (result,) = self._write_together(connection, [item], trust=False)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
            return None, job_error(error)
        except (sqlite3.Error, OSError) as error:
            return None, self._source.explain(error)
        except Exception as error:  # noqa: BLE001 - told to whoever waits for it
            return None, job_error(error)
        return result

    def _write_together(
        self, connection: sqlite3.Connection, group: Sequence[QueuedJob], *, trust: bool = True
    ) -> list[Result]:
        source = self._source

        def apply(transaction: Transaction) -> list[Result]:
            transaction.ended = source.ended
            if not self.memory.accounts:  # empty cache: read what the group needs in one query
                opened = self.memory.open
                payers = {scope: None for item in group for scope in item.job.scopes(opened)}
                transaction.ledger.load(list(payers))
            return [_apply(item.job, transaction) for item in group]

        return transact(
            connection, apply, owner=source.owner, now=source.clock(), memory=self.memory,
            trust=trust,
        )  # fmt: skip

    # ---- setting results

    def _tell(self, group: Sequence[QueuedJob], results: Sequence[Result]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[tuple[QueuedJob, Result]]] = {}
        for item, result in zip(group, results, strict=True):
            loop = item.loop
            if loop is None:
                _set(item.future, result)
            elif loop in loops:
                loops[loop].append((item, result))
            else:
                loops[loop] = [(item, result)]
        for loop, told in loops.items():
            try:
                loop.call_soon_threadsafe(self._tell_loop, told)
            except RuntimeError:  # the loop is closed: nothing there will be sent
                self._take_back_all(told)

    def _tell_loop(self, told: Sequence[tuple[QueuedJob, Result]]) -> None:
        unwanted = []
        for item, result in told:
            future, (value, error) = item.future, result
            if future.done():
                unwanted.append((item, result))
            elif error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        self._take_back_all(unwanted)

    def _take_back_all(self, unwanted: Sequence[tuple[QueuedJob, Result]]) -> None:
        for item, (value, error) in unwanted:
            if error is None:
                self._take_back(item.job, value)

    def _take_back(self, job: Job[Any], value: Any) -> None:
        if job.undo_if_unwanted and not self._closed:
            self._queue.put(QueuedJob(Release(value), Future()))


def _is_wanted(item: QueuedJob) -> bool:
    if item.loop is None:
        return bool(item.future.set_running_or_notify_cancel())
    return not (item.future.cancelled() and item.job.undo_if_unwanted)


def _apply(job: Job[Any], transaction: Transaction) -> Result:
    try:
        return job.apply(transaction), None
    except LabError as error:  # raised before anything was changed: the group goes on
        return None, error


def _set(future: "Future[Any] | asyncio.Future[Any]", result: Result) -> None:
    value, error = result
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
