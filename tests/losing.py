"""Delete the book of a running kernel: what is still sent, and what is kept."""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fleet import began, ended, handed, kernel, provider, served

AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What happened to a run whose book was deleted."""

    before: int
    """Requests that the provider had served when the book was deleted."""
    after: int
    """Requests that it served afterwards: those under way, and no more."""
    said: str
    """The kernel's last word."""
    handed_on: int
    missing: int
    """Answers that were handed on and are not in the saved book: must be 0."""
    problems: tuple[str, ...]


def lost(folder: Path, *, calls: int) -> Lost:
    """Run *calls* calls, 16 at a time, and delete the book amid them."""
    from llmlab.book import Book

    with provider(folder, "delay:0.1") as url:
        with kernel(folder, url, calls, at_once=AT_ONCE) as process:
            began(process)
            while len(served(folder)) < calls // 4:
                time.sleep(0.02)
            (folder / "lab.db").unlink()
            before = len(served(folder))
            last = ended(process)
        after = len(served(folder)) - before
    (saved,) = folder.glob("lab.db.rescued-*.db")
    given = handed(folder)
    with closing(Book.open(saved)) as book:
        kept = book.answers([each.key for each in given.values()])
        problems = tuple(book.verify())
    return Lost(
        before=before,
        after=after,
        said=str(last.get("error", last.get("first_error", ""))),
        handed_on=len(given),
        missing=len({each.key for each in given.values()} - kept.keys()),
        problems=problems,
    )
