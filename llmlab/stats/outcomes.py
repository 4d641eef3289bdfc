"""Outcomes of calls as counts that add up, and notes on missing scores."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Words = npt.NDArray[np.object_]

OUTCOMES: Final = (
    "scored", "unread", "cut", "empty", "refused", "filtered", "untargeted", "unscored", "failed",
)  # fmt: skip
"""Every call is exactly one of these; docs/scores.md says what each is."""

GAPS: Final[Mapping[str, str]] = {
    "cut": "cut at the output limit: raise max_tokens",
    "empty": "empty",
    "refused": "refused by the model",
    "filtered": "stopped by the provider's filter",
    "unread": "unread: see the column error",
}
"""Outcomes that say something of the answer: what is left out so may be what was hard."""

MANY: Final = 0.05
"""Share of an arm's answers without a score from which the verdict itself says so."""


def outcomes_of(rows: "pd.DataFrame") -> Words:
    """
    Return what became of each call, one word a row.

    Status and score have the last word where the column is absent, or was left as it was when
    scores were changed by hand.
    """
    ok = np.asarray(rows["status"].to_numpy() == "ok", dtype=bool)
    has = rows["score"].notna().to_numpy(dtype=bool)
    words = np.where(has, "scored", "unscored").astype(object)
    if "outcome" in rows.columns:
        said = rows["outcome"].astype(object).to_numpy()
        kept = np.isin(said.astype(str), OUTCOMES[1:-1]) & ~(has & (said == "unscored"))
        words[kept] = said[kept]
    words[~ok] = "failed"
    return words


def counted(words: Words) -> dict[str, int]:
    """Return how many calls came to each outcome, all of `OUTCOMES` in their order."""
    return {name: int((words == name).sum()) for name in OUTCOMES}


def gap_note(name: str, counts: Mapping[str, int]) -> str:
    """Return what must be said of an arm whose answers are not all scored; empty when they are."""
    gaps = {gap: counts[gap] for gap in GAPS if counts[gap]}
    if not gaps:
        return ""
    answers = sum(counts.values()) - counts["failed"]
    if len(gaps) == 1:
        ((gap, count),) = gaps.items()
        return f"{count:,} of {answers:,} answers of {name} were {GAPS[gap]}."
    listed = ", ".join(_part(gap, count) for gap, count in gaps.items())
    return f"{sum(gaps.values()):,} of {answers:,} answers of {name} have no score: {listed}."


def _part(gap: str, count: int) -> str:
    words, colon, advice = GAPS[gap].partition(": ")
    return f"{count:,} {words} ({advice})" if colon else f"{count:,} {words}"


def rests_on(arms: Sequence[tuple[str, Mapping[str, int]]]) -> str:
    """Return what a verdict must say that leaves answers out; empty when they are few."""
    thin = [
        (name, sum(counts[gap] for gap in GAPS), sum(counts.values()) - counts["failed"])
        for name, counts in arms
    ]
    named = [each for each in thin if each[2] and each[1] / each[2] >= MANY]
    if not named:
        return ""
    name, lost, answers = max(named, key=lambda each: each[1] / each[2])
    others = len(named) - 1
    more = f" and some of {others} other {'arm' if others == 1 else 'arms'}" if others else ""
    return f"This leaves out {lost:,} of {answers:,} answers of {name}{more}: see the notes."
