"""Batches in the book: what was handed in, and is waited for, through any restart."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from llmlab.book import Book, RunItem, RunRecord
from llmlab.calls.prepared import Prepared
from llmlab.errors import UsageError
from llmlab.records import Api

BATCHES: Final = "batches"
"""The run in which batches are remembered; no experiment may have this name."""

_PLAN: Final = b'{"schema":"llmlab batches 1"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch that was submitted: which attempt of the book each of its requests is."""

    id: str
    provider: str
    api: Api
    by: str
    """Who was asked, as the book tells answers apart."""
    at: float
    """Unix time of submission."""
    attempts: Mapping[str, int]
    """Attempts by the requests' keys."""
    open: bool = True


def refuse_waiting(book: Book, missing: Sequence[Prepared]) -> None:
    """
    Refuse to send what is in a batch already.

    Raises:
        UsageError: It would be paid for twice.
    """
    going = {(key, batch.by) for batch in remembered(book) if batch.open for key in batch.attempts}
    twice = {each.key for each in missing if (each.key, each.endpoint.identity) in going}
    if twice:
        raise UsageError(
            f"{len(twice)} of these calls are in a batch that was not collected yet: "
            "run this with batch=True, or they would be paid for twice"
        )


def remember(book: Book, batch: Batch) -> None:
    """Keep a batch, or what became of it."""
    book.save_run(RunRecord(name=BATCHES, created_at=batch.at, plan=_PLAN))
    name = f"{batch.provider} {batch.id}"
    position = int(hashlib.sha256(name.encode()).hexdigest()[:15], 16)
    meta = msgspec.json.encode(batch)
    book.add_rows(BATCHES, [RunItem(position=position, key=name, meta=meta)])


def remembered(book: Book) -> list[Batch]:
    """Return every batch of the book."""
    return [_DECODER.decode(item.meta) for item in book.rows(BATCHES)]


_DECODER: Final = msgspec.json.Decoder(Batch)
