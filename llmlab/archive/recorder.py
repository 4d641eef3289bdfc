"""
Recorder: keeps runs and single questions in the book, and records the tape.

In: rows of finished calls. Out: items of the book, and at the end a longer tape.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from llmlab.archive import run_store, tape_reader, tape_writer
from llmlab.archive.row_codec import Taken
from llmlab.archive.tape import Tape, TapeLine
from llmlab.book import Book
from llmlab.calls.identity import content_of
from llmlab.design.experiment import Experiment
from llmlab.records import Row

_MANY: Final = 1024
"""Questions that are buffered before they are written: writing each alone would cost more than
asking it, and the answers themselves are in the book already."""


class Recorder:
    """Buffers what it writes; `flush` before reading, `close` at the end."""

    def __init__(
        self, book: Callable[[], Book], *, tape: Path | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._book = book
        self._tape = tape
        self._now = now
        self._lock = threading.Lock()
        self._questions: dict[str, Taken] = {}
        self._lines: list[TapeLine] = []

    def run(
        self,
        experiment: Experiment,
        rows: Sequence[Row],
        *,
        by: Mapping[str, str],
        notes: Sequence[str] = (),
        extra_columns: Mapping[str, Sequence[Any]] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a run's rows, with their scores and the extra columns of `read`."""
        columns = extra_columns or {}
        taken = [
            Taken(
                row=row,
                content=content_of(row.request),
                by=by.get(row.request.provider, ""),
                extra_columns={name: values[at] for name, values in columns.items()},
            )
            for at, row in enumerate(rows)
        ]
        run_store.save(self._book(), experiment, taken, at=self._now(), notes=notes, about=about)
        if self._tape is not None:
            self._record(each.line for each in taken)

    def question(self, row: Row, *, by: str, content: str) -> None:
        """Keep one answered question by the hash of its *content*; the last answer counts."""
        taken = Taken(row=row, content=content, by=by)
        with self._lock:
            self._questions[taken.content] = taken
            many = len(self._questions) >= _MANY
        if self._tape is not None:
            self._record([taken.line])
        if many:
            # On a thread of its own: this is called on the engine's, which must not wait.
            threading.Thread(target=self.flush, name="llmlab-keeper").start()

    def flush(self) -> None:
        """Write the buffered questions."""
        with self._lock:
            waiting, self._questions = self._questions, {}
        if waiting:
            run_store.save_questions(self._book(), list(waiting.values()), at=self._now())

    def close(self) -> None:
        """Write the questions, then append to the tape what was answered since the last time."""
        self.flush()
        with self._lock:
            lines, self._lines = self._lines, []
        if self._tape is not None and lines:
            before = tape_reader.read(self._tape) if self._tape.exists() else Tape()
            tape_writer.write(self._tape, before.with_lines(lines).lines)

    def _record(self, lines: Iterable[TapeLine]) -> None:
        with self._lock:
            self._lines.extend(lines)
