"""
Variance components of scores: clusters, inputs, repeats of an answer, marks of a judge.

In: the scores of an arm, or the differences of two, repeat by repeat. Out: a variance for each
level, how sure the mean is, and how much of that one more dollar buys as repeats, as inputs or as
clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, Ints
from llmlab.stats.clusters import Cluster
from llmlab.stats.matrix import Matrix, charged, matrix, numbers, pair_names

if TYPE_CHECKING:
    import pandas as pd

LEVELS: Final = ("cluster", "input", "repeat", "judge")


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceSplit:
    """The variances of some scores by level; NaN for a level that cannot be told apart."""

    cluster: float
    input: float
    """Between inputs (of one cluster); with one repeat each it holds the flicker too."""
    repeat: float
    """Between answers to one input: the model's own flicker."""
    judge: float
    """Between a judge's marks of one answer."""
    clusters: int
    inputs: int
    answers: float
    """Answers an input."""
    marks: float
    """Marks an answer."""

    def of_mean(self, repeats: float | None = None) -> float:
        """Return the variance of the mean, at as many *repeats* an input as there were."""
        r = self.answers if repeats is None else repeats
        known = np.nan_to_num([self.cluster, self.input, self.repeat, self.judge])
        sizes = [max(self.clusters, 1), self.inputs, self.inputs * r, self.inputs * r * self.marks]
        return float((known / sizes).sum())


def components(values: Floats, levels: Sequence[Ints]) -> Floats:
    """
    Return the variance of each of nested *levels*, outermost first, by analysis of variance.

    Each level has one code a value, and its groups lie within those of the level before it; a
    last level with a group for every value is that of the values themselves. Groups may differ
    in size. An estimate below 0 is 0.

    Source: Henderson (1953), Biometrics 9(2), 226-252, method 1; Searle, Casella & McCulloch
    (1992), "Variance Components", section 5.3.
    """
    n = values.size
    whole = np.zeros(n, dtype=np.intp)
    nested = [whole, *(np.unique(codes, return_inverse=True)[1] for codes in levels)]
    counts = [np.bincount(codes).astype(float) for codes in nested]
    centred = values - values.mean()
    squares = [
        float((np.bincount(codes, centred) ** 2 / count).sum())
        for codes, count in zip(nested, counts, strict=True)
    ]
    depth = len(levels)
    expected = np.zeros((depth, depth))
    for upper in range(depth):
        for lower in range(upper, depth):
            inner, outer = nested[lower + 1], (nested[upper], nested[upper + 1])
            expected[upper, lower] = _pooled(inner, outer[1], counts, (lower + 1, upper + 1)) - (
                _pooled(inner, outer[0], counts, (lower + 1, upper))
            )
    found = np.linalg.solve(expected, np.diff(squares))
    return np.asarray(np.maximum(found, 0.0), dtype=float)


def _pooled(inner: Ints, outer: Ints, counts: list[Floats], at: tuple[int, int]) -> float:
    """Return the sum over groups inside others of their squared size over the others' size."""
    sizes, whole = counts[at[0]], counts[at[1]]
    belongs = np.empty(sizes.size, dtype=np.intp)
    belongs[inner] = outer
    return float((sizes**2 / whole[belongs]).sum())


def spread_of(table: Matrix, values: Floats, lines: Ints, answers: Ints) -> VarianceSplit:
    """
    Return the spread of *values*, one a mark.

    *lines* is the input of each, *answers* the answer: several marks of one are a judge's.
    """
    n, marks = np.unique(lines).size, np.unique(answers).size
    codes = None if table.codes is None else table.codes[lines]
    clusters = 0 if codes is None else int(np.unique(codes).size)
    named: list[tuple[str, Ints]] = [] if codes is None or clusters == n else [("cluster", codes)]
    named.append(("input", lines))
    if marks > n:
        named.append(("repeat", answers))
    if values.size > marks:
        named.append(("judge", np.arange(values.size)))
    found = dict.fromkeys(LEVELS, float("nan"))
    if n > 1 and (clusters > 1 or named[0][0] == "input"):
        solved = components(values, [codes for _, codes in named])
        found |= {name: float(each) for (name, _), each in zip(named, solved, strict=True)}
    return VarianceSplit(
        **found, clusters=clusters, inputs=n, answers=marks / n, marks=values.size / marks
    )


def variance(
    rows: "pd.DataFrame", *, cluster: Cluster = None, of: str = "arms", input_usd: float = 0.0
) -> "pd.DataFrame":
    """
    Return the variance components of each arm's scores, or of each pair's differences.

    One row an arm (`of="pairs"`: a pair). `cluster`, `input`, `repeat` and `judge` are variances,
    NaN where a level is not there; `standard_error` is that of the mean. `more_repeats`,
    `more_inputs` and `more_clusters` are the share of the mean's variance that a dollar more takes
    away when it is spent so; a new input costs *input_usd* besides its calls (its target, say).
    `best_repeats` is the number of repeats at which a dollar goes furthest.

    Source: Cochran (1977), "Sampling Techniques", 3rd ed., section 10.6 (two-stage sampling).

    Raises:
        UsageError: *of* is neither, or *input_usd* is negative.
    """
    import pandas as pd

    if of not in ("arms", "pairs"):
        raise UsageError(f"of must be 'arms' or 'pairs', not {of!r}")
    if not input_usd >= 0.0:
        raise UsageError(f"input_usd must be 0 or more, got {input_usd!r}")
    read = Flicker.read(rows, cluster)
    names, costs = read.table.names, read.costs
    lines = []
    if of == "arms":
        for place, name in enumerate(names):
            head = {"prompt": name[0], "label": name[1]}
            lines.append(head | _line(read.of_arm(place), costs[place], input_usd))
    else:
        for one, other in combinations(range(len(names)), 2):
            head = pair_names(names[one], names[other])
            cost = float(costs[one] + costs[other])
            lines.append(head | _line(read.of_pair(one, other), cost, input_usd))
    return pd.DataFrame(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flicker:
    """The scores of a run mark by mark, on the inputs of the ranking."""

    table: Matrix
    score: Floats
    repeat: Ints
    counts: Flags
    """Which rows count."""
    costs: Floats
    """Dollars a call of each arm; NaN when unknown."""

    @classmethod
    def read(cls, rows: "pd.DataFrame", cluster: Cluster = None) -> "Flicker":
        """Read the rows of a run; without a column `repeat` each row is one."""
        table = matrix(rows, cluster=cluster)
        shared = np.array([table.of_arm(place) for place in range(len(table.names))])
        counts = table.scored & shared[table.arm_of, table.input_of]
        repeat = numbers(rows, "repeat") if "repeat" in rows.columns else np.zeros(len(rows))
        return cls(
            table=table,
            score=numbers(rows, "score"),
            repeat=np.nan_to_num(repeat).astype(np.intp),
            counts=np.asarray(counts, dtype=bool),
            costs=_costs(rows, table),
        )

    def of_arm(self, place: int) -> VarianceSplit:
        """Return the spread of an arm's scores."""
        mine = np.flatnonzero(self.counts & (self.table.arm_of == place))
        lines = self.table.input_of[mine]
        return spread_of(self.table, self.score[mine], lines, self._answers(mine))

    def of_pair(self, one: int, other: int) -> VarianceSplit:
        """Return the spread of B minus A, the n-th repeat of an input with the n-th."""
        import pandas as pd

        both = self.table.of_pair(one, other)
        sides = []
        for place in (one, other):
            mine = np.flatnonzero(self.table.scored & (self.table.arm_of == place))
            mine = mine[both[self.table.input_of[mine]]]
            keys = {"line": self.table.input_of[mine], "repeat": self.repeat[mine]}
            frame = pd.DataFrame({**keys, "score": self.score[mine]})
            sides.append(frame.groupby(["line", "repeat"], as_index=False)["score"].mean())
        found = sides[0].merge(sides[1], on=["line", "repeat"])
        gaps = (found["score_y"] - found["score_x"]).to_numpy(dtype=float)
        lines = found["line"].to_numpy(dtype=np.intp)
        return spread_of(self.table, gaps, lines, np.arange(gaps.size))

    def _answers(self, mine: Ints) -> Ints:
        width = int(self.repeat.max(initial=0)) + 1
        cells = self.table.input_of[mine] * width + self.repeat[mine]
        return np.asarray(np.unique(cells, return_inverse=True)[1], dtype=np.intp)


def _costs(rows: "pd.DataFrame", table: Matrix) -> Floats:
    if "cost_usd" not in rows.columns:
        return np.full(len(table.names), np.nan)
    counts, size = charged(rows), len(table.names)
    calls = np.bincount(table.arm_of[counts], minlength=size)
    dollars = np.bincount(table.arm_of[counts], numbers(rows, "cost_usd")[counts], size)
    return np.where(calls > 0, dollars / np.maximum(calls, 1), np.nan)


def _line(spread: VarianceSplit, call: float, input_usd: float) -> dict[str, Any]:
    """Return one row; *call* is dollars a repeat of an input (of both arms, for a pair)."""
    now = spread.of_mean()
    flicker = np.nan_to_num([spread.repeat, spread.judge / spread.marks]).sum()
    asked = spread.inputs * spread.answers
    between = np.nan_to_num(spread.cluster) / max(spread.clusters, 1)
    an_input = input_usd + spread.answers * call
    known = now > 0.0 and not np.isnan(call)
    split = not np.isnan(spread.repeat) and spread.input > 0.0 and call > 0.0
    return {
        "inputs": spread.inputs,
        "clusters": spread.clusters or None,
        "repeats": spread.answers,
        **{level: getattr(spread, level) for level in LEVELS},
        "standard_error": float(np.sqrt(now)) if spread.inputs > 1 else np.nan,
        "more_repeats": _gain(flicker / asked, asked * call, now) if known else np.nan,
        "more_inputs": _gain(now - between, spread.inputs * an_input, now) if known else np.nan,
        "more_clusters": (
            _gain(now, spread.inputs * an_input, now) if known and spread.clusters else np.nan
        ),
        "best_repeats": (
            max(1, round(float(np.sqrt(flicker * input_usd / (spread.input * call)))))
            if split
            else np.nan
        ),
    }


def _gain(part: float, spent: float, whole: float) -> float:
    """Return the share of the variance that a dollar takes away; it falls as 1 over the spent."""
    return part / whole / spent if spent > 0.0 else float("nan")
