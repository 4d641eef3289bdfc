"""Is B better than A, when both answered the same inputs?"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from llmlab.stats.checks import Floats, Ints, fraction
from llmlab.stats.differences import binary, difference_limits, mcnemar, standard_error
from llmlab.stats.matrix import Cluster, Matrix, Name, cluster_codes, matrix
from llmlab.stats.multiple import holm
from llmlab.stats.signflip import sign_flip

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two arms on the inputs that both answered; `difference` is B minus A."""

    prompt_a: str
    label_a: str
    prompt_b: str
    label_b: str
    inputs: int
    """Inputs scored in both arms."""
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    p: float
    """Two-sided; NaN when no input is shared."""
    p_adjusted: float
    """Holm over every pair of the run."""
    test: str
    discordant: int | None
    """Inputs that only one arm got right; None when scores are not 0 or 1."""
    sd: float
    """Of the paired differences: sd / sqrt(inputs) is the standard error, clusters included."""
    clusters: int | None = None

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

    Scores of 0 and 1 are tested by exact McNemar with a Bonett-Price interval; others by the
    sign-flip test with a paired t interval. With clusters, whole clusters are flipped and the
    interval is cluster-robust (CR1). `p_adjusted` is Holm over all pairs. The same rows in
    any order give the same pairs: draws are seeded and inputs are taken by name.

    Raises:
        UsageError: when rows are empty, lack a column, or an input has no cluster.
    """
    table = matrix(rows)
    return pairs_of(table, cluster_codes(table, rows, cluster), fraction("level", level), seed)


def pairs_of(table: Matrix, codes: Ints | None, level: float, seed: int = 0) -> tuple[Pair, ...]:
    """Return the pairs of a pivoted run; *codes* are the inputs' clusters."""
    places = list(combinations(range(len(table.names)), 2))
    if not places:
        return ()
    found = [_pair(table, one, other, codes, level) for one, other in places]
    tested = _tested(table, found, places, codes, seed)
    adjusted = holm([pair.p for pair in tested])
    return tuple(
        replace(pair, p_adjusted=float(p)) for pair, p in zip(tested, adjusted, strict=True)
    )


def _pair(table: Matrix, one: int, other: int, codes: Ints | None, level: float) -> Pair:
    """Measure one pair; its p-value is filled in later, all pairs at once."""
    a, b = table.scores[:, one], table.scores[:, other]
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    shared = None if codes is None else codes[both]
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
    )


def _tested(
    table: Matrix,
    found: list[Pair],
    places: list[tuple[int, int]],
    codes: Ints | None,
    seed: int,
) -> list[Pair]:
    """Give each pair its p-value; those that need draws share them."""
    tested = list(found)
    waiting = []
    for index, pair in enumerate(found):
        if pair.inputs == 0:
            continue
        if pair.discordant is None or codes is not None:
            waiting.append(index)
            continue
        up = round(pair.discordant / 2 + pair.difference * pair.inputs / 2)
        p = mcnemar(pair.discordant - up, up)
        tested[index] = replace(pair, p=p, test="McNemar exact")
    if waiting:
        gaps = [_gaps(table, places[index], codes) for index in waiting]
        values, tests = sign_flip(np.column_stack(gaps), seed=seed)
        kind = "" if codes is None else "cluster "
        for index, p, test in zip(waiting, values, tests, strict=True):
            tested[index] = replace(found[index], p=float(p), test=kind + test)
    return tested


def _gaps(table: Matrix, place: tuple[int, int], codes: Ints | None) -> Floats:
    """Return B minus A by unit; what either arm lacks is zero, which no flip changes."""
    gaps = np.nan_to_num(table.scores[:, place[1]] - table.scores[:, place[0]], nan=0.0)
    return gaps if codes is None else np.bincount(codes, weights=gaps).astype(float)
