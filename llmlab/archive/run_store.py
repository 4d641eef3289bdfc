"""
Runs kept in the book, to be read later, in another process, without keys.

A run's items are its rows at positions 0, 1, 2 ... and, at position -1, its head: what is true
of the run as a whole. A later run of the same name overwrites both; single questions are
the rows of a run of their own, each at a position made from its content.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from llmlab.archive.replay import QUESTIONS, question_id
from llmlab.archive.row_codec import Taken, label_of, meta_of, taken_of
from llmlab.archive.tape import TapeLine
from llmlab.book import Book, RunItem, RunRecord
from llmlab.book.stored import decoded
from llmlab.design.experiment import Experiment
from llmlab.errors import UsageError, suggest
from llmlab.records import Answer, Failure, Request, Row

_PLAN: Final = b'{"schema":"llmlab run 1"}'
"""The same for every run: the book refuses a name with another plan, and a design may change."""
_HEAD: Final = -1

COLUMNS: Final = ("name", "when", "calls", "failures", "cost_usd", "prompts", "models")
"""Columns of `lab.runs()`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What is true of a run as a whole."""

    at: float
    """Unix time of the last time it was run."""
    rows: int
    failures: int
    cost_usd: float | None
    """Dollars that its answers cost, whenever they were paid; None when one has no price."""
    prompts: tuple[str, ...]
    models: tuple[str, ...]
    notes: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of `Comparison` about the design, such as `chance`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A run as it ended last; the words of its prompts are not in it."""

    name: str
    head: RunHead
    rows: tuple[Row, ...]
    extra_columns: Mapping[str, list[Any]]
    """The columns that no row holds, one value a row."""


_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
_HEADS: Final = msgspec.json.Decoder(RunHead)


def save(
    book: Book,
    experiment: Experiment,
    taken: Sequence[Taken],
    *,
    at: float,
    notes: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> None:
    """
    Keep scored rows under the experiment's name.

    Args:
        book: The book to write to.
        experiment: The design.
        taken: The rows in their order.
        at: Unix time.
        notes: Notes beside the verdict.
        about: Keyword arguments of `Comparison` about the design; clusters are kept as text.
    """
    book.save_run(RunRecord(name=experiment.name, created_at=at, plan=_PLAN))
    items = _items(book, taken)
    rows = [each.row for each in taken]
    head = _head(experiment, rows, at=at, notes=notes, about=about or {})
    # Rows first: a head counts only rows that are stored.
    book.add_rows(experiment.name, items)
    book.add_rows(experiment.name, [RunItem(position=_HEAD, key="", meta=_ENCODER.encode(head))])


def save_questions(book: Book, questions: Sequence[Taken], *, at: float) -> None:
    """Keep single questions, whose answers the book has already."""
    book.save_run(RunRecord(name=QUESTIONS, created_at=at, plan=_PLAN))
    stored = book.answers([each.row.request_hash for each in questions])
    book.add_rows(
        QUESTIONS,
        [
            RunItem(
                position=int(each.content[:15], 16),
                key=each.row.request_hash,
                meta=meta_of(each, stored),
            )
            for each in questions
        ],
    )


def question_row(request: Request, key: str, answer: Answer, content: str) -> Row:
    """Make the row of a single question; *content* names it, as `content_of` does."""
    return Row(
        run=QUESTIONS,
        request=request,
        request_hash=key,
        input_id=question_id(content),
        outcome=answer,
    )


def heads(book: Book) -> list[tuple[str, RunHead]]:
    """Return the name and head of every run, oldest first."""
    found = []
    for record in book.runs():
        items = book.rows(record.name)
        if record.name == QUESTIONS:
            found.append((record.name, _questions(record, items)))
        elif items and items[0].position == _HEAD:
            found.append((record.name, _read_head(items[0])))
    return found


def table(book: Book) -> list[dict[str, Any]]:
    """Return the rows of `lab.runs()`."""
    return [
        {
            "name": name,
            "when": datetime.fromtimestamp(head.at, tz=UTC),
            "calls": head.rows,
            "failures": head.failures,
            "cost_usd": math.nan if head.cost_usd is None else head.cost_usd,
            "prompts": ", ".join(head.prompts),
            "models": ", ".join(head.models),
        }
        for name, head in heads(book)
    ]


def load(book: Book, name: str) -> SavedRun:
    """
    Return the run called *name*.

    Raises:
        UsageError: There is none; the nearest names are given.
    """
    head, taken = _opened(book, name)
    columns = dict.fromkeys(column for each in taken for column in each.extra_columns)
    return SavedRun(
        name=name,
        head=head,
        rows=tuple(each.row for each in taken),
        extra_columns={
            column: [each.extra_columns.get(column) for each in taken] for column in columns
        },
    )


def taken(book: Book, name: str) -> tuple[RunHead, list[Taken]]:
    """
    Return the head of a run and its rows, to be kept again.

    Raises:
        UsageError: There is no such run, or it holds single questions.
    """
    if name == QUESTIONS:
        raise UsageError("single questions have no targets: give the name of a run")
    return _opened(book, name)


def update(book: Book, name: str, head: RunHead, rows: Sequence[Taken]) -> None:
    """Keep *rows* and *head* in the place of those that the run has."""
    items = _items(book, rows)
    top = RunItem(position=_HEAD, key="", meta=_ENCODER.encode(head))
    # In one step: rows of the new targets never stand under the old head.
    book.add_rows(name, [*items, top])


def lines(book: Book, name: str | None = None) -> list[TapeLine]:
    """Return the lines of a tape of one run, or of everything that the book has kept."""
    if name is not None:
        load(book, name)
    names = [name] if name is not None else [each for each, _ in heads(book)]
    found: list[TapeLine] = []
    for each in names:
        items = book.rows(each)
        found.extend(taken.line for taken in _taken(book, each, items, _count(items)))
    return found


def _opened(book: Book, name: str) -> tuple[RunHead, list[Taken]]:
    record = book.run(name)
    if record is None:
        raise UsageError(_unknown(name, [each for each, _ in heads(book)]))
    items = book.rows(name)
    if name == QUESTIONS:
        head = _questions(record, items)
    elif not items or items[0].position != _HEAD:
        raise UsageError(f"run {name!r} was interrupted before it was saved: run it again")
    else:
        head = _read_head(items[0])
    return head, _taken(book, name, items, head.rows)


def _items(book: Book, taken: Sequence[Taken]) -> list[RunItem]:
    """Return rows as the book keeps them, without what it has already."""
    stored = book.answers([each.row.request_hash for each in taken])
    return [
        RunItem(position=number, key=each.row.request_hash, meta=meta_of(each, stored))
        for number, each in enumerate(taken)
    ]


def _read_head(item: RunItem) -> RunHead:
    return decoded(_HEADS.decode, item.meta, "the head of a run")


def _count(items: Sequence[RunItem]) -> int:
    """How many rows count: a run that was repeated may be shorter than before."""
    has_head = bool(items) and items[0].position == _HEAD
    return _read_head(items[0]).rows if has_head else len(items)


def _taken(book: Book, run: str, items: Sequence[RunItem], count: int) -> list[Taken]:
    rows = [item for item in items if item.position != _HEAD][:count]
    stored = book.answers([item.key for item in rows])
    return [taken_of(run, item, stored) for item in rows]


def _head(
    experiment: Experiment,
    rows: Sequence[Row],
    *,
    at: float,
    notes: Sequence[str],
    about: Mapping[str, Any],
) -> RunHead:
    clusters = about.get("cluster")
    told = dict(about)
    if clusters is not None:
        # Only equality counts, and every kind of value can be kept as text.
        told["cluster"] = {key: str(each) for key, each in clusters.items()}
    return RunHead(
        at=at,
        rows=len(rows),
        failures=sum(isinstance(row.outcome, Failure) for row in rows),
        cost_usd=_cost(rows),
        prompts=tuple(template.name for template in experiment.templates),
        models=tuple(arm.label for arm in experiment.arms),
        notes=tuple(notes),
        about=told,
    )


def _questions(record: RunRecord, items: Sequence[RunItem]) -> RunHead:
    return RunHead(
        at=record.created_at,
        rows=len(items),
        failures=0,
        cost_usd=None,
        prompts=(QUESTIONS,),
        models=tuple(sorted({label_of(item) for item in items})),
    )


def _cost(rows: Sequence[Row]) -> float | None:
    """Add what was really charged: the answers of stand-ins cost nothing."""
    total = Decimal(0)
    for row in rows:
        outcome = row.outcome
        if not isinstance(outcome, Answer) or outcome.backend != "live":
            continue
        if outcome.cost is None:
            return None
        total += outcome.cost
    return float(total)


def _unknown(name: str, names: Sequence[str]) -> str:
    if not names:
        return f"no run is called {name!r}: the book has none yet"
    latest = f"the latest are {', '.join(names[-5:])}"
    return f"no run is called {name!r}; {suggest(name, names, most=3, otherwise=latest)}"
