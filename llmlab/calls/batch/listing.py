"""The batches that are waited for, to look at, and to give up by hand."""

from typing import Final

from llmlab.book import Batch, Book
from llmlab.errors import UsageError

COLUMNS: Final = (
    "id",
    "provider",
    "state",
    "calls",
    "waiting",
    "created_at",
    "provider_id",
    "note",
)


def listed(book: Book) -> list[dict[str, object]]:
    """Return one line a batch, oldest first."""
    return [_line(each) for each in book.batches()]


def forgotten(book: Book, name: str) -> str:
    """
    Give a batch up and return what that means, in a line.

    Raises:
        UsageError: No batch of this name is waited for.
    """
    known = {each.id: each for each in book.batches()}
    batch = known.get(name)
    if batch is None:
        there = f"there are {', '.join(known)}" if known else "there is none"
        raise UsageError(f"no batch {name!r} is waited for; {there}")
    found = batch.provider_id
    count = book.abandon_batch(batch.id, "forgotten", "given up by hand", found=found)
    return (
        f"{name}: {count} calls count at their worst price from now on and may be sent again; "
        f"{batch.provider} may still answer and charge for {batch.provider_id or 'the batch'}"
    )


def _line(batch: Batch) -> dict[str, object]:
    import pandas as pd

    return {
        "id": batch.id,
        "provider": batch.provider,
        "state": batch.state,
        "calls": batch.size,
        "waiting": len(batch.items),
        "created_at": pd.Timestamp(batch.created_at, unit="s", tz="UTC").floor("s"),
        "provider_id": batch.provider_id or "",
        "note": batch.note,
    }
