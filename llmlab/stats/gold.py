"""Compare a judge's scores with people's marks of some of the answers."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.agreement import alpha, kappa
from llmlab.stats.checks import Flags, Floats, Ints, fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.intervals import Interval, mean_interval, numbered
from llmlab.stats.matrix import Matrix, matrix, numbers, pair_names
from llmlab.stats.multiple import holm
from llmlab.stats.prediction_powered import Powered, powered
from llmlab.stats.spread import INDEPENDENT, Dependence

if TYPE_CHECKING:
    import pandas as pd

Gold: TypeAlias = "Mapping[str, Any] | pd.Series[Any] | pd.DataFrame"
"""Marks by request hash, along the rows, or a frame of prompt, model, input (repeat) and score."""

WORDS: Final = {"right": 1.0, "wrong": 0.0, "none": np.nan}
"""What marks in words are worth, as `lab.mark` keeps them."""
MANY: Final = 20
"""Different marks above which a share of equal ones says nothing: kappa is then not given."""
_SHORT: Final = {"input": "input_id", "model": "label", "mark": "score"}


def marks_of(rows: "pd.DataFrame", gold: Gold) -> Floats:
    """
    Return people's mark of each row; NaN where there is none.

    Raises:
        UsageError: *gold* fits no row, marks an answer twice, or is not understood.
    """
    import pandas as pd

    if isinstance(gold, pd.DataFrame):
        found = _joined(rows, gold)
    elif isinstance(gold, pd.Series) and gold.index.equals(rows.index):
        found = gold
    elif "request_hash" in rows.columns:
        by_hash = dict(gold.items())
        found = rows["request_hash"].astype("object").map(by_hash.get)
    else:
        raise UsageError("rows have no request_hash; give marks along the rows, or as a frame")
    marks = np.array([_worth(each) for each in found], dtype=float)
    if np.isnan(marks).all():
        raise UsageError("people marked no answer of this run")
    return marks


def _joined(rows: "pd.DataFrame", gold: "pd.DataFrame") -> "pd.Series[Any]":
    frame = gold.rename(columns={k: v for k, v in _SHORT.items() if v not in gold.columns})
    keys = ["prompt", "label", "input_id", *(["repeat"] if "repeat" in frame.columns else [])]
    lost = [name for name in (*keys, "score") if name not in frame.columns]
    if lost:
        raise UsageError(f"the marks lack the column(s) {', '.join(lost)}")
    frame = frame[[*keys, "score"]].astype(dict.fromkeys(keys, "str"))
    if frame.duplicated(keys).any():
        raise UsageError("an answer is marked twice; give one mark an answer")
    left = rows[keys].astype("str")
    joined: pd.Series[Any] = left.merge(frame, on=keys, how="left")["score"]
    return joined


def _worth(mark: Any) -> float:
    if isinstance(mark, str):
        if mark not in WORDS:
            raise UsageError(f"a mark is a number, right or wrong, not {mark[:40]!r}")
        return WORDS[mark]
    return float("nan") if mark is None else float(mark)


def agreement(
    rows: "pd.DataFrame", gold: Gold, *, cluster: Cluster = None, level: float = 0.95
) -> "pd.DataFrame":
    """
    Return how far the scores of a run, a judge's, agree with people's marks.

    First all arms together, then one row an arm: `same` is the share of equal marks, `kappa`
    Cohen's, `alpha` Krippendorff's with squared distances, `bias` the judge minus people. Answers
    to one input move together, and inputs of one cluster. With more than `MANY` different marks
    kappa is NaN.
    """
    import pandas as pd

    fraction("level", level)
    table, marks = matrix(rows, cluster=cluster), marks_of(rows, gold)
    score = numbers(rows, "score")
    both = table.scored & ~np.isnan(marks)
    if not both.any():
        raise UsageError("no answer has both a score and a mark")
    arms = [(("all", "all"), both)]
    for place, name in enumerate(table.names):
        arms.append((name, both & (table.arm_of == place)))
    lines = [
        {"prompt": name[0], "label": name[1], **_agreed(table, score, marks, mine, level)}
        for name, mine in arms
        if mine.any()
    ]
    return pd.DataFrame(lines)


def _agreed(
    table: Matrix, score: Floats, marks: Floats, mine: Flags, level: float
) -> dict[str, float]:
    judge, people = score[mine], marks[mine]
    lines = table.input_of[mine]
    codes = np.asarray(lines if table.codes is None else table.codes[lines], dtype=np.intp)
    if table.steps:  # blocks of dates: what lies further apart shares no target
        codes //= table.steps
    codes = numbered(codes)
    by_value = np.unique(np.concatenate([judge, people])).size <= MANY
    found = kappa(judge, people, codes=codes, level=level) if by_value else None
    interval = alpha(np.column_stack([judge, people]), metric="interval", codes=codes, level=level)
    bias = _bias(table, judge, people, lines, level)
    nan = float("nan")
    return {
        "marks": int(mine.sum()),
        "same": float((judge == people).mean()),
        "kappa": nan if found is None else found.value,
        "kappa_low": nan if found is None else found.low,
        "kappa_high": nan if found is None else found.high,
        "alpha": interval.value,
        "alpha_low": interval.low,
        "alpha_high": interval.high,
        "bias": float((judge - people).mean()),
        "bias_low": bias.low,
        "bias_high": bias.high,
    }


def _bias(table: Matrix, judge: Floats, people: Floats, lines: Ints, level: float) -> Interval:
    """Return the interval of the judge's mean minus people's, as of any mean of a run."""
    marks = np.concatenate([judge, people])
    known = marks.min() >= 0.0 and marks.max() <= 1.0
    codes = lines if table.codes is None else table.codes[lines]
    alone = table.codes is None and np.unique(lines).size == lines.size
    depends = INDEPENDENT if alone else Dependence(codes, table.steps)
    ends = (-1.0, 1.0) if known else (-np.inf, np.inf)
    return mean_interval(judge - people, level, depends, ends)


def prediction_powered(
    rows: "pd.DataFrame",
    gold: Gold,
    *,
    of: str = "pairs",
    cluster: Cluster = None,
    level: float = 0.95,
) -> "pd.DataFrame":
    """
    Return what people would say of every pair (or arm), from some marks of theirs and a judge.

    One row a pair, `difference` being B minus A in people's marks, on the inputs of the ranking;
    `p_adjusted` Holm over pairs. `gold_...` is people alone, `judge_...` the judge alone. Inputs
    with marks must have been picked without regard to the answers. See `powered`.

    Raises:
        UsageError: *of* is neither `pairs` nor `arms`, or no two inputs are marked for it.
    """
    import pandas as pd

    if of not in ("arms", "pairs"):
        raise UsageError(f"of must be 'arms' or 'pairs', not {of!r}")
    table, marks = matrix(rows, cluster=cluster), marks_of(rows, gold)
    people = _by_input(table, marks)
    if of == "arms":
        return pd.DataFrame(_arms_powered(table, people, level))
    names, lines = table.names, []
    for one, other in combinations(range(len(names)), 2):
        head = pair_names(names[one], names[other])
        judge = table.scores[:, other] - table.scores[:, one]
        marked = people[:, other] - people[:, one]
        found = _powered(table, judge, marked, table.of_pair(one, other), level)
        lines.append(head | _said(found, "difference") | {"p": found.p})
    frame = pd.DataFrame(lines)
    return frame.assign(p_adjusted=holm(frame["p"].to_numpy(dtype=float))) if lines else frame


def _arms_powered(table: Matrix, people: Floats, level: float) -> list[dict[str, Any]]:
    """Return a line an arm: its score in people's marks."""
    lines = []
    for place, name in enumerate(table.names):
        judge, inputs = table.scores[:, place], table.of_arm(place)
        found = _powered(table, judge, people[:, place], inputs, level)
        lines.append({"prompt": name[0], "label": name[1]} | _said(found, "score"))
    return lines


def _by_input(table: Matrix, marks: Floats) -> Floats:
    """Return people's marks as inputs x arms, repeats averaged."""
    shape = len(table.inputs), len(table.names)
    known = ~np.isnan(marks)
    cells = (table.input_of * shape[1] + table.arm_of)[known]
    counts = np.bincount(cells, minlength=shape[0] * shape[1])
    sums = np.bincount(cells, weights=marks[known], minlength=counts.size)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(shape)


def _powered(table: Matrix, judge: Floats, people: Floats, lines: Flags, level: float) -> Powered:
    return powered(people[lines], judge[lines], depends=table.depends(lines), level=level)


def _said(found: Powered, name: str) -> dict[str, float]:
    return {
        "inputs": found.inputs,
        "gold": found.gold,
        name: found.value,
        "low": found.low,
        "high": found.high,
        "weight": found.weight,
        f"gold_{name}": found.gold_value,
        "gold_low": found.gold_low,
        "gold_high": found.gold_high,
        f"judge_{name}": found.judge_value,
    }
