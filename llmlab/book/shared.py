"""
One open book per file and process, shared by all labs that use it.

In: a path. Out: the open book of that file, with a count of its handles; closing the last one
closes it.

Two sets of connections to one file, each with its own writer, would also be correct. But one writer
makes larger groups, and one place knows all that must be closed before a fork, and what must not
be opened again after the file was lost.
"""

import itertools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmlab.book.files import Identity, identity_of, name_of, refuse_second_name
from llmlab.book.flights import Flights
from llmlab.book.opened import Opened
from llmlab.book.opening import open_file, open_memory
from llmlab.book.readonly import ReadOnly, is_read_only
from llmlab.book.writer import Writer
from llmlab.book.writes import Do, let_go
from llmlab.errors import BookError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a book is opened; later handles get the options of the first."""

    clock: Callable[[], float]
    durable: bool
    timeout: float
    linger: float


class Shared:
    """An open book: its connections, its writer, and its handles."""

    def __init__(self, opened: Opened | ReadOnly, options: Options) -> None:
        self.opened = opened
        self._writer = (
            None if isinstance(opened, ReadOnly) else Writer(opened, linger=options.linger)
        )
        self.handles: set[int] = set()
        self.flights = Flights()
        """The keys in flight in this process."""
        self.forked = False
        """Whether a forked child inherited this from its parent and must not use it."""
        self.crossed = False
        """Whether a connection could not be closed before a fork, so that the child has it too."""

    @property
    def writer(self) -> Writer:
        """The writer; `BookError` where the book is read-only."""
        if self._writer is None:
            assert isinstance(self.opened, ReadOnly)  # noqa: S101 - it has none
            raise self.opened.refusal()
        return self._writer

    def look(self) -> None:
        """Make the writer check that its file is still there."""
        self.writer.submit(Do(lambda _: None)).result()

    def close(self) -> None:
        """Write all that is queued, give up the attempts under way, and close."""
        if self._writer is not None:
            self._writer.stop()
        self.opened.close()

    def let_go(self, number: int) -> None:
        """Give up the attempts of one handle that is closed."""
        if self._writer is not None:
            job = Do(lambda transaction: let_go(transaction, number))
            self._writer.submit(job).result()


class Shelf:
    """The open books of this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        """Held while a book is opened or closed, and during a fork."""
        self._numbers = itertools.count(1)
        self._open: list[Shared] = []
        self._lost: dict[Path | Identity, BookError] = {}
        """Lost files, which must not be opened again in this process, by path or identity."""

    # ---- handles

    def take(self, path: Path | None, options: Options) -> tuple[Shared, int]:
        """Return the open book of the file at `path`, and the number of a new handle on it."""
        with self.lock:
            shared = None if path is None else self._found(path)
            if shared is None:
                shared = Shared(_opened(path, options), options)
                self._open.append(shared)
            elif options.durable and isinstance(shared.opened, Opened):
                shared.opened.set_durable()
            return shared, self._add(shared)

    def again(self, old: Shared, options: Options) -> tuple[Shared, int]:
        """Return the open book that a forked child uses instead of the parent's."""
        if isinstance(old.opened, ReadOnly) or old.opened.path is not None:
            return self.take(old.opened.path, options)
        if old.crossed:
            raise _crossed(old)
        with self.lock:
            content = old.opened.connection.serialize()
            opened = open_memory(content, clock=options.clock, timeout=options.timeout)
            shared = Shared(opened, options)
            self._open.append(shared)
            return shared, self._add(shared)

    def leave(self, shared: Shared, number: int) -> None:
        """Close a handle: give up its attempts; the last one closes the book."""
        with self.lock:
            shared.handles.discard(number)
            if shared.handles:
                shared.let_go(number)
                return
            self._open.remove(shared)
            try:
                shared.close()
            finally:
                self._remember(shared.opened)

    def _add(self, shared: Shared) -> int:
        number = next(self._numbers)
        shared.handles.add(number)
        return number

    def _found(self, path: Path) -> Shared | None:
        """Return the open book of a file, or None; refuse a file that was lost."""
        refuse_second_name(path)
        here = identity_of(path)
        for shared in self._open:
            opened = shared.opened
            if opened.path == path and opened.identity != here and opened.ended is None:
                shared.look()
            if opened.ended is not None and (opened.path == path or opened.identity == here):
                raise opened.ended
            if opened.identity == here is not None:
                return shared
        error = self._lost.get(path) if here is None else self._lost.get(here)
        if error is not None:
            raise error
        return None

    def _remember(self, opened: Opened | ReadOnly) -> None:
        if opened.ended is not None and opened.path is not None:
            self._lost[opened.path] = opened.ended
            if opened.identity is not None:
                self._lost[opened.identity] = opened.ended

    # ---- a fork

    def before_fork(self) -> None:
        """Close every connection of the process, so that no child inherits one."""
        self.lock.acquire()
        for shared in self._open:
            shared.crossed = not shared.opened.pause()

    def after_in_parent(self) -> None:
        """Go on after a fork; connections are reopened when needed."""
        for shared in self._open:
            shared.opened.resume()
        self.lock.release()

    def after_in_child(self) -> None:
        """Forget the parent's books; a handle used in the child opens its book again."""
        for shared in self._open:
            shared.forked = True
            if shared.opened.lock is not None:
                shared.opened.lock.abandon()
            self._remember(shared.opened)
            if shared.crossed and shared.opened.identity is not None:
                self._lost[shared.opened.identity] = _crossed(shared)
        self._open.clear()
        self.lock = threading.RLock()


def _crossed(shared: Shared) -> BookError:
    return BookError(
        f"book {name_of(shared.opened.path)}: this process was forked while the book was too busy "
        "to be closed, and cannot use it: start processes with multiprocessing's spawn"
    )


def _opened(path: Path | None, options: Options) -> Opened | ReadOnly:
    if path is None:
        return open_memory(None, clock=options.clock, timeout=options.timeout)
    if is_read_only(path):
        return ReadOnly(path, timeout=options.timeout)
    return open_file(path, clock=options.clock, durable=options.durable, timeout=options.timeout)


SHELF: Final = Shelf()
"""Per process, because SQLite's locks belong to the process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=SHELF.before_fork,
        after_in_parent=SHELF.after_in_parent,
        after_in_child=SHELF.after_in_child,
    )
