"""Paired comparison of two arms on the same inputs."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from llmlab.stats.against import Against, adjusted, places_of
from llmlab.stats.checks import Floats, fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.differences import binary, compared
from llmlab.stats.matrix import Matrix, Name, matrix, pair_names
from llmlab.stats.means import TestedMean
from llmlab.stats.shared import possible
from llmlab.stats.signflip import sign_flip
from llmlab.stats.spread import UNKNOWN, spread

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
    """For all pairs of the run (Holm, or max-t); *low* and *high* are those of this pair alone."""
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
    freedom: float = float("nan")
    """Degrees of freedom of `sd`: inputs less one, or what unequal clusters or dates come to."""

    @property
    def a(self) -> Name:
        """Return (prompt, label) of A."""
        return self.prompt_a, self.label_a

    @property
    def b(self) -> Name:
        """Return (prompt, label) of B."""
        return self.prompt_b, self.label_b


def pairs(
    rows: "pd.DataFrame",
    *,
    cluster: Cluster = None,
    level: float = 0.95,
    seed: int = 0,
    against: Against = None,
) -> tuple[Pair, ...]:
    """
    Return every pair of arms compared on the same inputs, in order of their names.

    With *against* only those of a baseline (A) with the others: a prompt, a model's label, or an
    arm; see `against.places_of`.

    Ranked arms are compared on the inputs that all of them have a score for, so that no pair
    contradicts another; an arm with too few scores on those that both have.

    Scores of 0 and 1 are tested by McNemar's score test and mid-p, others by Student's test and
    sign flips; with clusters the error is CR2 and whole clusters are flipped; with dates (`Dated`)
    it is that of the long run. The larger p of both counts, and *low* and *high* are its inversion:
    p is at most 1 - *level* exactly where zero lies outside. `p_adjusted` is Holm over all pairs,
    max-t over those with a baseline.
    The same rows in any order give the same pairs: draws are seeded and inputs are taken by name.

    Raises:
        UsageError: when rows are empty, lack a column, or an input has no cluster; there is no
            such baseline.
    """
    table = matrix(rows, cluster=cluster)
    return pairs_of(table, fraction("level", level), seed, against=against)


def pairs_of(
    table: Matrix,
    level: float,
    seed: int = 0,
    *,
    against: Against = None,
    adjust: str | None = None,
) -> tuple[Pair, ...]:
    """Return the pairs of a pivoted run; *adjust* is `holm`, or `max-t` (usual with a baseline)."""
    places = places_of(table.names, against)
    if not places:
        return ()
    way = adjust or ("holm" if against is None else "max-t")
    flips = _Flips(table, places, seed)
    limits = table.limits
    found = [_pair(table, place, level, limits, flips) for place in places]
    together = adjusted(table, places, [pair.p for pair in found], way)
    return tuple(
        replace(pair, p_adjusted=float(p)) for pair, p in zip(found, together, strict=True)
    )


def _pair(
    table: Matrix,
    place: tuple[int, int],
    level: float,
    limits: tuple[float, float],
    flips: "_Flips",
) -> Pair:
    """Measure and test one pair."""
    (whole_a, whole_b), both = table.scores[:, list(place)].T, table.of_pair(*place)
    a, b, depends = whole_a[both], whole_b[both], table.depends(both)
    low_most, high_most = possible(whole_a, whole_b, *limits)
    rates = bool(a.size) and binary(a) and binary(b)
    gaps, reach = b - a, limits[1] - limits[0]
    error = spread(gaps, depends) if a.size else UNKNOWN
    found = TestedMean(np.nan, np.nan, np.nan, "none") if not a.size else compared(
        gaps, (-reach, reach), depends, level, error,
        rates=rates, flipped=partial(flips.of, place),
    )  # fmt: skip
    return Pair(
        **pair_names(*(table.names[each] for each in place)),
        inputs=int(a.size),
        mean_a=float(a.mean()) if a.size else np.nan,
        mean_b=float(b.mean()) if a.size else np.nan,
        difference=float(gaps.mean()) if a.size else np.nan,
        low=found.low,
        high=found.high,
        p=found.p,
        p_adjusted=np.nan,
        test=found.test,
        discordant=int((a != b).sum()) if rates else None,
        sd=float(error.error * np.sqrt(a.size)),
        clusters=None if depends.codes is None else int(np.unique(depends.codes).size),
        missing=int(both.size - a.size),
        possible_low=low_most,
        possible_high=high_most,
        freedom=error.freedom,
    )


class _Flips:
    """The sign-flip tests of all pairs: made at once when the first is asked for, sharing signs."""

    def __init__(self, table: Matrix, places: list[tuple[int, int]], seed: int) -> None:
        self._table, self._places, self._seed = table, places, seed

    def of(self, place: tuple[int, int]) -> tuple[float, str]:
        """Return the p-value of a pair, and how it was found."""
        return self._all[place]

    @cached_property
    def _all(self) -> dict[tuple[int, int], tuple[float, str]]:
        gaps = np.column_stack([_gaps(self._table, place) for place in self._places])
        values, tests = sign_flip(gaps, seed=self._seed)
        listed = zip(self._places, values, tests, strict=True)
        return {place: (float(p), test) for place, p, test in listed}


def _gaps(table: Matrix, place: tuple[int, int]) -> Floats:
    """Return B minus A by unit; an input that is not compared is zero, which no flip changes."""
    gaps = table.scores[:, place[1]] - table.scores[:, place[0]]
    gaps = np.where(table.of_pair(*place), gaps, 0.0)
    return gaps if table.codes is None else np.bincount(table.codes, weights=gaps).astype(float)
