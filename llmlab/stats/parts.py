"""Scores by part of a run (ticker, month or any column), adjusted for the number of parts."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from scipy import stats

from llmlab.errors import UsageError
from llmlab.stats.arms import arms
from llmlab.stats.checks import Flags, Floats, Ints, fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.differences import binary
from llmlab.stats.matrix import Matrix, matrix
from llmlab.stats.means import SERIAL
from llmlab.stats.multiple import holm
from llmlab.stats.shares import total
from llmlab.stats.spread import Spread, spread, summed

if TYPE_CHECKING:
    import pandas as pd

By: TypeAlias = "str | Mapping[Any, Any] | pd.Series[Any] | None"
"""A column of the rows, a period of `as_of`, or a mapping or Series from input id to part."""

Measure: TypeAlias = "Callable[..., pd.DataFrame]"
"""What says something of rows, `among` some inputs."""

PERIODS: Final = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
"""Periods of `as_of` that may be asked for where there is no such column."""
PART: Final = "part"
"""What the column of parts is called that came without a name."""


def by_part(
    rows: "pd.DataFrame", by: By, *, cluster: Cluster = None, level: float = 0.95
) -> "pd.DataFrame":
    """
    Return each arm's score in each part of the inputs, and how it differs from its other inputs.

    `score_low` and `score_high` are the limits of one part looked at alone; `all_low` and
    `all_high` hold for all `looks` (arms x parts) together (Bonferroni). `difference` is the
    part minus the rest, `p` its two-sided test, `p_adjusted` Holm over all looks: of 20 parts one
    is below .05 by luck. Scores rest on the inputs of the ranking; an input without a part is
    left out.

    Raises:
        UsageError: There is no such column, nothing has a part, or an input has two.
    """
    import pandas as pd

    fraction("level", level)
    table = matrix(rows, cluster=cluster)
    wanted = np.array([table.of_arm(place) for place in range(len(table.names))])
    kept = rows[wanted[table.arm_of, table.input_of]]
    name, parts = parts_of(rows, by, table)
    looks = len(parts) * len(table.names)
    levels = level, 1.0 - (1.0 - level) / looks
    lines = [
        {"prompt": line["prompt"], "label": line["label"], name: value, **line}
        for value, inputs in parts.items()
        for line in _lines(kept, table, inputs, cluster, levels)
    ]
    frame = pd.DataFrame(lines)
    frame["p_adjusted"] = holm(frame["p"].to_numpy(dtype=float))
    return frame.assign(looks=looks)


def in_parts(
    measure: "Measure",
    rows: "pd.DataFrame",
    by: By,
    *,
    cluster: Cluster = None,
    level: float = 0.95,
) -> "pd.DataFrame":
    """
    Return what *measure* says of all inputs, or of each part of them, one under the other.

    The limits of parts hold for all parts together (Bonferroni); `looks` is their number.
    """
    import pandas as pd

    if by is None:
        return measure(rows, cluster=cluster, level=level, among=None)
    name, parts = parts_of(rows, by, matrix(rows, cluster=cluster))
    each = 1.0 - (1.0 - level) / len(parts)
    found = []
    for value, inputs in parts.items():
        frame = measure(rows, cluster=cluster, level=each, among=inputs)
        frame.insert(2, name, value)
        found.append(frame)
    return pd.concat(found, ignore_index=True).assign(looks=len(parts))


def parts_of(rows: "pd.DataFrame", by: By, table: Matrix) -> tuple[str, dict[Any, Flags]]:
    """
    Return the name of the parts, and which inputs of *table* are in each.

    Raises:
        UsageError: There is no such column, nothing has a part, or an input has two.
    """
    import pandas as pd

    name, found = _by_input(rows, by)
    found.index = found.index.map(str)
    part = found.reindex([str(each) for each in table.inputs])
    if not part.notna().any():
        raise UsageError(f"no input has a {name}")
    codes, values = pd.factorize(part, sort=True)
    return name, {value: np.asarray(codes == at) for at, value in enumerate(values)}


def _by_input(rows: "pd.DataFrame", by: By) -> "tuple[str, pd.Series[Any]]":
    import pandas as pd

    if isinstance(by, Mapping):
        return PART, pd.Series(dict(by), dtype=object)
    if isinstance(by, pd.Series):
        if by.index.has_duplicates:
            raise UsageError("by= is a Series: index it by distinct input_id")
        return PART if by.name is None else str(by.name), by.copy()
    if by is None:
        raise UsageError("by= says nothing: name a column, or give a mapping from input id to part")
    column = _column(rows, by)
    pairs = pd.DataFrame({"input": rows["input_id"].to_numpy(dtype=object), by: column.to_numpy()})
    pairs = pairs.dropna().drop_duplicates()
    torn = pairs["input"].duplicated()
    if torn.any():
        first = pairs["input"].iloc[int(torn.to_numpy().argmax())]
        raise UsageError(f"input {first!r} has more than one {by}; parts are of inputs")
    return by, pd.Series(pairs[by].to_numpy(), index=pairs["input"].to_numpy())


def _column(rows: "pd.DataFrame", by: str) -> "pd.Series[Any]":
    if by in rows.columns:
        column = rows[by]
        kind = column.dtype
        return column.astype(kind.categories.dtype) if hasattr(kind, "categories") else column
    if by in PERIODS and "as_of" in rows.columns and rows["as_of"].notna().any():
        when = rows["as_of"].dt.tz_localize(None).dt.to_period(PERIODS[by])
        said: pd.Series[Any] = when.astype("str").where(when.notna(), None)
        return said
    if by in PERIODS:
        raise UsageError(f"no row has an as_of to take the {by} from: give as_of= when running")
    raise UsageError(
        f"rows have no column {by!r}; by= is one of their columns, one of {', '.join(PERIODS)}, "
        "or a mapping from input id to part"
    )


def _lines(
    rows: "pd.DataFrame",
    table: Matrix,
    inputs: Flags,
    cluster: Cluster,
    levels: tuple[float, float],
) -> list[dict[str, Any]]:
    names = [name for name, mine in zip(table.inputs, inputs, strict=True) if mine]
    part = rows[rows["input_id"].isin(names)]
    alone, together = (
        {arm.name: arm for arm in arms(part, compared=(), cluster=cluster, level=level)}
        if len(part)
        else {}
        for level in levels
    )
    lines = []
    for place, name in enumerate(table.names):
        if name not in alone or not alone[name].inputs:
            continue
        low, high = together[name].score_low, together[name].score_high
        lines.append(
            {
                "prompt": name[0],
                "label": name[1],
                "inputs": alone[name].inputs,
                "score": alone[name].score,
                "score_low": alone[name].score_low,
                "score_high": alone[name].score_high,
                "all_low": low,
                "all_high": high,
                **_against_rest(table, place, inputs),
            }
        )
    return lines


def _against_rest(table: Matrix, place: int, inputs: Flags) -> dict[str, float | str]:
    """Return the part's mean less that of the other inputs, and the p-value of that."""
    lines = table.of_arm(place)
    mine, rest = lines & inputs, lines & ~inputs
    one, other = table.scores[mine, place], table.scores[rest, place]
    if not one.size or not other.size:
        return {"difference": float("nan"), "p": float("nan"), "test": "none"}
    if table.steps:
        p, test = _in_time(table, place, mine, rest), SERIAL
    else:
        p, test = _unpaired(one, other, table.clusters_of(mine), table.clusters_of(rest))
    return {"difference": float(one.mean() - other.mean()), "p": p, "test": test}


def _unpaired(
    one: Floats, other: Floats, codes: Ints | None, rest: Ints | None
) -> tuple[float, str]:
    """
    Return the two-sided p-value of two means on different inputs, and how it was found.

    Fisher's exact test for 0/1 scores; else Welch's t. With clusters their sums are the units:
    the variance of each mean is cluster-robust, one cluster on both sides counted together, and
    the degrees of freedom are those of the side with fewer clusters.
    """
    if codes is not None and rest is not None:
        return _clustered(one, other, codes, rest), "cluster t"
    if binary(one) and binary(other):
        counts = [[int(side.sum()), int(side.size - side.sum())] for side in (one, other)]
        return float(stats.fisher_exact(np.array(counts)).pvalue), "Fisher exact"
    if min(one.size, other.size) < 2:  # noqa: PLR2004 - one input shows no spread
        return float("nan"), "none"
    # A part whose scores are all the same shows no spread of its own: it is given the rest's.
    equal = bool(min(np.ptp(one), np.ptp(other)) == 0.0)
    if equal and np.ptp(one) == np.ptp(other):
        return float("nan"), "none"
    p = float(stats.ttest_ind(one, other, equal_var=equal).pvalue)
    return p, "Student" if equal else "Welch"


def _in_time(table: Matrix, place: int, mine: Flags, rest: Flags) -> float:
    """Return the p-value where targets overlap: the long-run spread of what moves the gap."""
    pull = np.zeros(len(table.inputs))
    gap = 0.0
    for side, sign in ((mine, 1.0), (rest, -1.0)):
        scores = table.scores[side, place]
        pull[side] = sign * (scores - scores.mean()) / scores.size
        gap += sign * float(scores.mean())
    both = mine | rest
    found = total(pull[both], table.depends(both))
    sides = [spread(table.scores[side, place], table.depends(side)) for side in (mine, rest)]
    freedom = min(found.freedom, *(side.freedom for side in sides))
    return Spread(found.error, freedom).p_beyond(gap)


def _clustered(one: Floats, other: Floats, codes: Ints, rest: Ints) -> float:
    sides = min(np.unique(codes).size, np.unique(rest).size)
    if sides < 2:  # noqa: PLR2004 - one cluster shows no spread
        return float("nan")
    pull = np.concatenate([(one - one.mean()) / one.size, -(other - other.mean()) / other.size])
    sums = summed(pull, np.concatenate([codes, rest]))
    error = float(np.sqrt((sums**2).sum() * sides / (sides - 1)))
    return Spread(error, sides - 1.0).p_beyond(float(one.mean() - other.mean()))
