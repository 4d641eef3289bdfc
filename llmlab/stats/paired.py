"""Is B better than A, when both answered the same inputs?"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from llmlab.stats.checks import Floats, fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.differences import binary, difference_limits, mcnemar, standard_error
from llmlab.stats.matrix import Matrix, Name, matrix
from llmlab.stats.multiple import holm
from llmlab.stats.shared import possible
from llmlab.stats.signflip import sign_flip

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two arms on the same inputs, those of the ranking; `difference` is B minus A."""

    prompt_a: str
    label_a: str
    prompt_b: str
    label_b: str
    inputs: int
    """Inputs compared: those that every ranked arm has a score for."""
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    p: float
    """Two-sided; NaN when no input is shared."""
    p_adjusted: float
    """Holm over every pair of the run; *low* and *high* are those of this pair alone."""
    test: str
    discordant: int | None
    """Inputs that only one arm got right; None when scores are not 0 or 1."""
    sd: float
    """Of the paired differences: sd / sqrt(inputs) is the standard error, clusters included."""
    clusters: int | None = None
    missing: int = 0
    """Inputs of the run that are not among those compared."""
    possible_low: float = float("nan")
    """Least difference over all inputs of the run, whatever the missing scores are."""
    possible_high: float = float("nan")

    @property
    def a(self) -> Name:
        """Return (prompt, label) of A."""
        return self.prompt_a, self.label_a

    @property
    def b(self) -> Name:
        """Return (prompt, label) of B."""
        return self.prompt_b, self.label_b


def pairs(
    rows: "pd.DataFrame", *, cluster: Cluster = None, level: float = 0.95, seed: int = 0
) -> tuple[Pair, ...]:
    """
    Return every pair of arms compared on the same inputs, in order of their names.

    Ranked arms are compared on the inputs that all of them have a score for, so that no pair
    contradicts another; an arm with too few scores on those that both have.

    Scores of 0 and 1 are tested by exact McNemar with a Bonett-Price interval; others by the
    sign-flip test with a paired t interval. With clusters, whole clusters are flipped and the
    interval is cluster-robust (CR1). `p_adjusted` is Holm over all pairs. The same rows in
    any order give the same pairs: draws are seeded and inputs are taken by name.

    Raises:
        UsageError: when rows are empty, lack a column, or an input has no cluster.
    """
    return pairs_of(matrix(rows, cluster=cluster), fraction("level", level), seed)


def pairs_of(table: Matrix, level: float, seed: int = 0) -> tuple[Pair, ...]:
    """Return the pairs of a pivoted run."""
    places = list(combinations(range(len(table.names)), 2))
    if not places:
        return ()
    found = [_pair(table, one, other, level) for one, other in places]
    tested = _tested(table, found, places, seed)
    adjusted = holm([pair.p for pair in tested])
    return tuple(
        replace(pair, p_adjusted=float(p)) for pair, p in zip(tested, adjusted, strict=True)
    )


def _pair(table: Matrix, one: int, other: int, level: float) -> Pair:
    """Measure one pair; its p-value is filled in later, all pairs at once."""
    whole_a, whole_b = table.scores[:, one], table.scores[:, other]
    both = table.of_pair(one, other)
    a, b, shared = whole_a[both], whole_b[both], table.clusters_of(both)
    low_most, high_most = possible(whole_a, whole_b, *table.limits)
    rates = binary(a) and binary(b) and bool(a.size)
    error = standard_error(b - a, shared)
    low, high = difference_limits(a, b, shared, level, rates=rates)
    return Pair(
        prompt_a=table.names[one][0],
        label_a=table.names[one][1],
        prompt_b=table.names[other][0],
        label_b=table.names[other][1],
        inputs=int(a.size),
        mean_a=float(a.mean()) if a.size else np.nan,
        mean_b=float(b.mean()) if a.size else np.nan,
        difference=float((b - a).mean()) if a.size else np.nan,
        low=low,
        high=high,
        p=np.nan,
        p_adjusted=np.nan,
        test="none",
        discordant=int((a != b).sum()) if rates else None,
        sd=float(error * np.sqrt(a.size)),
        clusters=None if shared is None else int(np.unique(shared).size),
        missing=int(both.size - a.size),
        possible_low=low_most,
        possible_high=high_most,
    )


def _tested(
    table: Matrix,
    found: list[Pair],
    places: list[tuple[int, int]],
    seed: int,
) -> list[Pair]:
    """Give each pair its p-value; those that need draws share them."""
    tested = list(found)
    waiting = []
    for index, pair in enumerate(found):
        if pair.inputs == 0:
            continue
        if pair.discordant is None or table.codes is not None:
            waiting.append(index)
            continue
        up = round(pair.discordant / 2 + pair.difference * pair.inputs / 2)
        p = mcnemar(pair.discordant - up, up)
        tested[index] = replace(pair, p=p, test="McNemar exact")
    if waiting:
        gaps = [_gaps(table, places[index]) for index in waiting]
        values, tests = sign_flip(np.column_stack(gaps), seed=seed)
        kind = "" if table.codes is None else "cluster "
        for index, p, test in zip(waiting, values, tests, strict=True):
            tested[index] = replace(found[index], p=float(p), test=kind + test)
    return tested


def _gaps(table: Matrix, place: tuple[int, int]) -> Floats:
    """Return B minus A by unit; an input that is not compared is zero, which no flip changes."""
    gaps = table.scores[:, place[1]] - table.scores[:, place[0]]
    gaps = np.where(table.of_pair(*place), gaps, 0.0)
    return gaps if table.codes is None else np.bincount(table.codes, weights=gaps).astype(float)
