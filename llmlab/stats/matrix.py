"""Pivot rows once: inputs down, arms across, repeats averaged within an input."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, Ints
from llmlab.stats.clusters import Cluster, factorise, grouped
from llmlab.stats.shared import comparable
from llmlab.stats.spread import Dependence

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

Name: TypeAlias = tuple[str, str]
"""An arm: (prompt, label)."""

SEPARATOR: Final = " · "


def name_of(name: Name) -> str:
    """Return an arm as people read it: `prompt · label`."""
    return SEPARATOR.join(name)


NEEDED: Final = ("prompt", "label", "input_id", "status", "score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Scores as inputs x arms (NaN where nothing was scored), and where each row went."""

    names: tuple[Name, ...]
    inputs: tuple[object, ...]
    scores: Floats
    arm_of: Ints
    """Column of each row of the frame."""
    input_of: Ints
    """Line of each row of the frame."""
    scored: Flags
    """Whether the row's score counts: the call succeeded and was scored."""
    whole: Flags
    """Whether every score of an arm is 0 or 1, repeat by repeat."""
    codes: Ints | None
    """Cluster of each input; None where inputs do not move together. With steps: its date."""
    ranked: Flags
    """Arms that are compared with each other."""
    compared: Flags
    """Inputs that every ranked arm has a score for."""
    steps: int = 0
    """Dates that a target looks ahead, where inputs are in an order of time; else 0."""
    days: "npt.NDArray[np.datetime64] | None" = None
    """With steps, the distinct dates, in order: that of each code."""

    def of_arm(self, place: int) -> Flags:
        """Return the inputs that an arm's score rests on: the compared ones, else its own."""
        has = ~np.isnan(self.scores[:, place])
        ranked = self.ranked[place] and self.compared.any()
        return has & self.compared if ranked else has

    def of_pair(self, one: int, other: int) -> Flags:
        """Return the inputs that two arms are compared on: those of all, else those of both."""
        both = ~np.isnan(self.scores[:, (one, other)]).any(axis=1)
        ranked = self.ranked[one] and self.ranked[other] and self.compared.any()
        return both & self.compared if ranked else np.asarray(both, dtype=bool)

    def clusters_of(self, lines: Flags) -> Ints | None:
        """Return the clusters of some inputs."""
        return None if self.codes is None else self.codes[lines]

    def depends(self, lines: Flags) -> Dependence:
        """Return how some inputs depend on each other."""
        return Dependence(self.clusters_of(lines), self.steps)

    def days_of(self, lines: Flags) -> "npt.NDArray[np.datetime64]":
        """Return the distinct dates of some inputs, in order; only where they have dates."""
        assert self.days is not None and self.codes is not None  # noqa: S101, PT018 - they have
        return self.days[np.unique(self.codes[lines])]

    @property
    def limits(self) -> tuple[float, float]:
        """Return the range of a score: 0 to 1 where all lie in it, else unknown."""
        known = self.scores[~np.isnan(self.scores)]
        inside = known.size and known.min() >= 0.0 and known.max() <= 1.0
        return (0.0, 1.0) if inside else (-np.inf, np.inf)


def matrix(rows: "pd.DataFrame", also: tuple[str, ...] = (), *, cluster: Cluster = None) -> Matrix:
    """
    Return the scores of *rows* by input and arm, both in order of their names.

    Raises:
        UsageError: when there are no rows, a column of `NEEDED` or *also* is absent, or an
            input has no cluster, or two.
    """
    _check(rows, (*NEEDED, *also))
    prompts, prompt_of = _factor(rows, "prompt")
    labels, label_of = _factor(rows, "label")
    inputs, input_of = _factor(rows, "input_id")
    pairs, arm_of = np.unique(prompt_of * len(labels) + label_of, return_inverse=True)
    names = tuple((str(prompts[p]), str(labels[m])) for p, m in _split(pairs, len(labels)))
    score = numbers(rows, "score")
    if np.isinf(score).any():
        raise UsageError("column 'score' holds an infinite value; scores must be finite")
    scored = ~np.isnan(score) & (rows["status"].to_numpy() == "ok")
    cells = (input_of * len(names) + arm_of)[scored]
    scores = _means(cells, score[scored], (len(inputs), len(names)))
    ranked, compared = comparable(~np.isnan(scores))
    groups = grouped(tuple(inputs), input_of, rows, cluster)
    return Matrix(
        names=names,
        inputs=tuple(inputs),
        scores=scores,
        arm_of=arm_of.astype(np.intp),
        input_of=input_of,
        scored=scored,
        whole=_whole(arm_of[scored], score[scored], len(names)),
        codes=groups.codes,
        ranked=ranked,
        compared=compared,
        steps=groups.steps,
        days=groups.days,
    )


def numbers(rows: "pd.DataFrame", column: str) -> Floats:
    """Return a column as floats; whatever is missing becomes NaN."""
    return np.asarray(rows[column].to_numpy(dtype=float, na_value=np.nan), dtype=float)


def charged(rows: "pd.DataFrame") -> Flags:
    """
    Return which calls count in what a call costs on average.

    One that failed and certainly cost nothing (refused, never sent) does not: with it, an arm
    that failed often would look cheap.
    """
    return np.asarray((rows["status"].to_numpy() == "ok") | (numbers(rows, "cost_usd") != 0.0))


def _check(rows: "pd.DataFrame", needed: tuple[str, ...]) -> None:
    lost = [column for column in needed if column not in rows.columns]
    if lost:
        raise UsageError(f"rows lack the column(s) {', '.join(lost)}")
    if not len(rows):
        raise UsageError("there are no rows to compare; run at least one call")


def _factor(rows: "pd.DataFrame", column: str) -> tuple[list[object], Ints]:
    """Number the values of a column in the order of their text, whatever order rows have."""
    uniques, codes = factorise(rows[column])
    if (codes < 0).any():
        raise UsageError(f"column {column!r} has a missing value; every row needs one")
    order = sorted(range(len(uniques)), key=lambda place: str(uniques[place]))
    rank = np.empty(len(uniques), dtype=np.intp)
    rank[order] = np.arange(len(uniques))
    return [uniques[place] for place in order], rank[codes]


def _split(pairs: Ints, width: int) -> list[tuple[int, int]]:
    return [divmod(int(pair), width) for pair in pairs]


def _means(cells: Ints, score: Floats, shape: tuple[int, int]) -> Floats:
    size = shape[0] * shape[1]
    counts = np.bincount(cells, minlength=size)
    sums = np.bincount(cells, weights=score, minlength=size)
    empty = counts == 0
    return np.where(empty, np.nan, sums / np.where(empty, 1, counts)).reshape(shape)


def _whole(arm_of: Ints, score: Floats, arms: int) -> Flags:
    others = np.bincount(arm_of[(score != 0.0) & (score != 1.0)], minlength=arms)
    return np.asarray(others == 0, dtype=bool)


def pair_names(a: Name, b: Name) -> dict[str, Any]:
    """Return the columns that name the two arms of a pair."""
    return {"prompt_a": a[0], "label_a": a[1], "prompt_b": b[0], "label_b": b[1]}
