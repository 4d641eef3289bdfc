"""Pivot rows once: inputs down, arms across, repeats averaged within an input."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd

Name: TypeAlias = tuple[str, str]
"""An arm: (prompt, label)."""

Cluster: TypeAlias = "str | Mapping[Any, Any] | pd.Series[Any] | None"
"""A column of the rows, a mapping or Series from input id to cluster, or one along the rows."""

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


def matrix(rows: "pd.DataFrame", also: tuple[str, ...] = ()) -> Matrix:
    """
    Return the scores of *rows* by input and arm, both in order of their names.

    Raises:
        UsageError: when there are no rows, or a column of `NEEDED` or *also* is absent.
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
    return Matrix(
        names=names,
        inputs=tuple(inputs),
        scores=_means(cells, score[scored], (len(inputs), len(names))),
        arm_of=arm_of.astype(np.intp),
        input_of=input_of,
        scored=scored,
        whole=_whole(arm_of[scored], score[scored], len(names)),
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


def cluster_codes(table: Matrix, rows: "pd.DataFrame", cluster: Cluster) -> Ints | None:
    """
    Return the cluster of each input as a small number, or None when there is none.

    Raises:
        UsageError: when an input has no cluster, or two.
    """
    if cluster is None:
        return None
    import pandas as pd

    found = pd.Series(_cluster_by_input(table, rows, cluster), dtype=object)
    found = found.reindex(pd.Index(table.inputs, dtype=object))
    lost = found.index[found.isna()]
    if len(lost):
        raise UsageError(f"input {lost[0]!r} has no cluster ({len(lost)} in all)")
    return _factorise(found)[1]


def _cluster_by_input(
    table: Matrix, rows: "pd.DataFrame", cluster: "str | Mapping[Any, Any] | pd.Series[Any]"
) -> dict[object, object]:
    if isinstance(cluster, str):
        _check(rows, (cluster,))
        return _constant(table, rows[cluster])
    if isinstance(cluster, Mapping):
        return dict(cluster)
    # Rows first: whole-number ids could pass for the numbers of rows.
    if cluster.index.equals(rows.index):
        return _constant(table, cluster)
    if cluster.index.has_duplicates:
        raise UsageError("cluster is indexed neither like the rows nor by distinct input_id")
    return dict(cluster.items())


def _constant(table: Matrix, values: "pd.Series[Any]") -> dict[object, object]:
    """Read one cluster an input; two are a slip worth a line."""
    uniques, codes = _factorise(values)
    low = np.full(len(table.inputs), np.iinfo(np.intp).max)
    high = np.full(len(table.inputs), -1)
    np.minimum.at(low, table.input_of, codes)
    np.maximum.at(high, table.input_of, codes)
    torn = np.flatnonzero((low != high) & (high >= 0))
    if torn.size:
        raise UsageError(f"input {table.inputs[torn[0]]!r} lies in more than one cluster")
    return {key: uniques[code] for key, code in zip(table.inputs, high, strict=True) if code >= 0}


def _check(rows: "pd.DataFrame", needed: tuple[str, ...]) -> None:
    lost = [column for column in needed if column not in rows.columns]
    if lost:
        raise UsageError(f"rows lack the column(s) {', '.join(lost)}")
    if not len(rows):
        raise UsageError("there are no rows to compare; run at least one call")


def _factor(rows: "pd.DataFrame", column: str) -> tuple[list[object], Ints]:
    """Number the values of a column in the order of their text, whatever order rows have."""
    uniques, codes = _factorise(rows[column])
    if (codes < 0).any():
        raise UsageError(f"column {column!r} has a missing value; every row needs one")
    order = sorted(range(len(uniques)), key=lambda place: str(uniques[place]))
    rank = np.empty(len(uniques), dtype=np.intp)
    rank[order] = np.arange(len(uniques))
    return [uniques[place] for place in order], rank[codes]


def _factorise(values: "pd.Series[Any]") -> tuple[list[object], Ints]:
    import pandas as pd

    codes, uniques = pd.factorize(values)
    return list(uniques), np.asarray(codes, dtype=np.intp)


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
