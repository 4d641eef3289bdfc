"""Marks that people gave to answers: kept in the book, and a run scored by them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from llmlab.comparison.comparison import Comparison
from llmlab.errors import UsageError

if TYPE_CHECKING:
    from llmlab.book import Book

LABEL: Final = "human"
"""The name of the book's label that holds marks."""

VALUES: Final = {"right": 1.0, "wrong": 0.0}
"""The marks, and the score of each."""

NONE: Final = "none"
"""The value that removes a mark."""


def mark(book: "Book", row: "str | Mapping[Any, Any] | Any", *, right: bool | None = True) -> None:
    """
    Mark the answer of a row of `run.rows` (or a `request_hash`); None removes a mark.

    Raises:
        UsageError: It is no row of a run, or the book has no answer of it.
    """
    key = row if isinstance(row, str) else _key(row)
    if book.answer(key) is None:
        raise UsageError(
            f"the book has no answer {key[:12]!r} to mark: give a row of run.rows that is ok, "
            "or its request_hash"
        )
    book.mark(key, LABEL, NONE if right is None else "right" if right else "wrong")


def marks_of(book: "Book", run: Comparison) -> dict[str, str]:
    """Return the marks of a run's answers, `right` or `wrong`, by request hash."""
    mine = set(run.rows["request_hash"])
    kept = book.labels(LABEL)
    return {key: value for key, value in kept.items() if key in mine and value in VALUES}


def marked(run: Comparison, marks: Mapping[str, str]) -> Comparison:
    """Return the same run scored by *marks*: 1 right, 0 wrong, the rest unscored."""
    rows = run.rows.copy()
    scores = rows["request_hash"].map({key: VALUES[each] for key, each in marks.items()})
    rows["score"] = scores.astype("float64")
    if "outcome" in rows.columns:
        words = rows["outcome"].astype("str").replace("scored", "unscored")
        rows["outcome"] = words.mask(rows["score"].notna(), "scored").astype("category")
    clusters = run.clusters
    return Comparison(
        f"{run.name} (marked)",
        rows,
        score_name="right, by hand",
        cluster=None if clusters is None else {str(k): v for k, v in clusters.items()},
        tested=run.tested,
        notes=(f"scored by {len(marks)} marks made by hand", *([_STOPPED] if run.watched else [])),
        aa=run.aa,
        trials=run.trials,
        unsent=run.unsent,
        horizon=run.horizon,
        against=run.against,
    )


_STOPPED: Final = (
    "the run could stop early by another score: these intervals are those of a number of inputs "
    "that was fixed before"
)


def _key(row: Any) -> str:
    try:
        return str(row["request_hash"])
    except (KeyError, TypeError, IndexError):
        raise UsageError(
            "give a row of a run, such as run.rows.iloc[0], or its request_hash"
        ) from None
