"""How far two or more judges agree beyond what chance would give: kappa and alpha."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints, fraction, same_length
from llmlab.stats.intervals import wilson_limits
from llmlab.stats.spread import summed

Metric = Literal["nominal", "ordinal", "interval"]
LEFT_OUT: Final = 500
"""Groups of the jackknife at most; more units are left out in seeded blocks."""
_NEAR: Final = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A coefficient of agreement: 1 is full, 0 is what chance gives."""

    value: float
    """NaN where only one value was ever given: nothing could have disagreed."""
    low: float
    high: float
    error: float
    units: int
    """Answers that two or more judges marked."""
    observed: float
    """Share of marks that are the same (weighted, where kappa has weights)."""
    method: str


def kappa(
    one: Sequence[object] | npt.NDArray[Any],
    other: Sequence[object] | npt.NDArray[Any],
    *,
    weights: Literal["linear", "quadratic"] | None = None,
    codes: Ints | None = None,
    level: float = 0.95,
) -> Agreement:
    """
    Return Cohen's kappa of two judges' marks of the same answers.

    *weights* count near misses in part; marks are then numbers, taken in their order. *codes* is
    the cluster of each answer: limits come from the large-sample error of Fleiss, Cohen & Everitt,
    cluster by cluster, by Student's law on Fisher's scale. Where all marks agree that error is 0,
    and the lower limit comes from Wilson's for the share that agrees.

    Raises:
        UsageError: Lengths differ, or there is no mark.

    Source: Cohen (1960), Educational and Psychological Measurement 20, 37-46; Fleiss, Cohen &
    Everitt (1969), Psychological Bulletin 72, 323-327.
    """
    fraction("level", level)
    a, b, size = _coded(one, other)
    weight = _weights(size, weights)
    rows, columns = np.bincount(a, minlength=size) / a.size, np.bincount(b, minlength=size) / a.size
    hits, expected = weight[a, b], float(rows @ weight @ columns)
    observed = float(hits.mean())
    method = "kappa" if weights is None else f"kappa, {weights}"
    if expected >= 1.0:
        return _unknown(a.size, observed, method)
    value = (observed - expected) / (1.0 - expected)
    chance = (weight @ columns)[a] + (rows @ weight)[b]
    pull = _pull(hits - observed, chance - 2.0 * expected, value) / (1.0 - expected)
    error, units = _error(pull / a.size, codes)
    low, high = _limits(value, error, units, level, 1.0 - expected)
    return Agreement(
        value=value, low=low, high=high, error=error, units=a.size, observed=observed,
        method=method,
    )  # fmt: skip


def _pull(hits: Floats, chance: Floats, value: float) -> Floats:
    """Return how much each answer moves kappa: by its agreement, and by what it does to chance."""
    return hits - (1.0 - value) * chance


def _error(pull: Floats, codes: Ints | None) -> tuple[float, int]:
    """Return the error of a sum of pulls, those of one cluster together, and how many these are."""
    units = pull if codes is None else summed(pull, codes)
    scale = units.size / (units.size - 1) if units.size > 1 else np.nan
    return float(np.sqrt((units**2).sum() * scale)), units.size


def alpha(
    marks: Floats, *, metric: Metric = "nominal", codes: Ints | None = None, level: float = 0.95
) -> Agreement:
    """
    Return Krippendorff's alpha of *marks*, answers x judges, NaN where a judge gave none.

    *metric* says what a disagreement weighs: all alike, by ranks, or by the squared distance.
    Limits by the jackknife over answers, or clusters. An answer with one mark does not count.

    Raises:
        UsageError: No answer has two marks, or *metric* is unknown.

    Source: Krippendorff (2019), "Content Analysis", 4th ed., chapter 12; Hayes & Krippendorff
    (2007), Communication Methods and Measures 1, 77-89; Tukey (1958) for the jackknife.
    """
    fraction("level", level)
    if metric not in _METRICS:
        raise UsageError(f"metric must be one of {', '.join(_METRICS)}, not {metric!r}")
    table = np.asarray(marks, dtype=float)
    pairable = (~np.isnan(table)).sum(axis=1) > 1
    table = table[pairable]
    if not table.size:
        raise UsageError("no answer has the marks of two judges")
    measure, method = _METRICS[metric], f"alpha, {metric}"
    value, observed = measure(table), _same(table)
    if np.isnan(value):
        return _unknown(table.shape[0], observed, method)
    groups = _groups(table.shape[0], None if codes is None else codes[pairable])
    count = int(groups.max()) + 1
    error = float("nan")
    if count > 1:
        left = np.array([measure(table[groups != each]) for each in range(count)])
        left = np.where(np.isnan(left), value, left)
        error = float(np.sqrt((count - 1) / count * ((left - left.mean()) ** 2).sum()))
    low, high = _limits(value, error, count, level, _chance(table))
    return Agreement(
        value=value, low=low, high=high, error=error, units=table.shape[0], observed=observed,
        method=method,
    )  # fmt: skip


def _coded(
    one: Sequence[object] | npt.NDArray[Any], other: Sequence[object] | npt.NDArray[Any]
) -> tuple[Ints, Ints, int]:
    a, b = np.asarray(one), np.asarray(other)
    same_length("the marks of two judges", a.size, b.size)
    if not a.size:
        raise UsageError("there is no answer that both judges marked")
    values, codes = np.unique(np.concatenate([a, b]), return_inverse=True)
    codes = codes.astype(np.intp)
    return codes[: a.size], codes[a.size :], int(values.size)


def _weights(size: int, kind: Literal["linear", "quadratic"] | None) -> Floats:
    if kind is None or size == 1:
        return np.eye(size)
    gap = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / (size - 1)
    return np.asarray(1.0 - (gap if kind == "linear" else gap**2), dtype=float)


def _limits(
    value: float, error: float, units: int, level: float, room: float
) -> tuple[float, float]:
    """Return the limits; where every mark agrees, those of the disagreement that was missed."""
    tail = (1.0 - level) / 2.0
    if value >= 1.0:
        share, _ = wilson_limits(1.0, float(units), float(stats.norm.isf(tail)))
        return 1.0 - (1.0 - share) / room, 1.0
    if units < 2:  # noqa: PLR2004 - one unit shows no spread
        return float("nan"), float("nan")
    # On Fisher's scale, where a coefficient near 1 varies as one near 0 does.
    centre = np.arctanh(max(value, -_NEAR))
    half = float(stats.t.isf(tail, units - 1)) * error / (1.0 - max(value, -_NEAR) ** 2)
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


def _unknown(units: int, observed: float, method: str) -> Agreement:
    nan = float("nan")
    return Agreement(
        value=nan, low=nan, high=nan, error=nan, units=units, observed=observed, method=method
    )


def _groups(units: int, codes: Ints | None) -> Ints:
    """Return what the jackknife leaves out at a time: an answer, a cluster, or a block of them."""
    own = np.arange(units) if codes is None else np.unique(codes, return_inverse=True)[1]
    count = int(own.max()) + 1
    if count <= LEFT_OUT:
        return np.asarray(own, dtype=np.intp)
    blocks = np.random.default_rng(0).permutation(count) % LEFT_OUT
    return np.asarray(blocks[own], dtype=np.intp)


def _nominal(table: Floats) -> float:
    known = ~np.isnan(table)
    each, total = known.sum(axis=1), int(known.sum())
    missed = seen = 0.0
    for value in np.unique(table[known]):
        mine = (table == value).sum(axis=1)
        missed += float((mine * (each - mine) / np.maximum(each - 1, 1)).sum())
        seen += float(mine.sum()) ** 2
    expected = (total**2 - seen) / (total - 1)
    return 1.0 - missed / expected if expected > 0.0 else float("nan")


def _interval(table: Floats) -> float:
    known = ~np.isnan(table)
    each, filled = known.sum(axis=1), np.where(known, table, 0.0)
    total, whole = int(known.sum()), filled.sum()
    centred = np.where(known, table - whole / total, 0.0)
    inside = each * (centred**2).sum(axis=1) - centred.sum(axis=1) ** 2
    missed = float((2.0 * inside / np.maximum(each - 1, 1)).sum())
    expected = 2.0 * total * float((centred**2).sum()) / (total - 1)
    return 1.0 - missed / expected if expected > 0.0 else float("nan")


def _ordinal(table: Floats) -> float:
    """Return alpha by ranks: Krippendorff's ordinal distance is that of the middle ranks."""
    ranks = np.full(table.shape, np.nan)
    known = ~np.isnan(table)
    ranks[known] = stats.rankdata(table[known])
    return _interval(ranks)


_METRICS: Final[dict[str, Callable[[Floats], float]]] = {
    "nominal": _nominal, "ordinal": _ordinal, "interval": _interval,
}  # fmt: skip


def _same(table: Floats) -> float:
    """Return the share of pairs of marks of one answer that are the same, each answer alike."""
    shares = []
    for row in table:
        _, counts = np.unique(row[~np.isnan(row)], return_counts=True)
        n = counts.sum()
        shares.append(float((counts * (counts - 1)).sum() / (n * (n - 1))))
    return float(np.mean(shares))


def _chance(table: Floats) -> float:
    """Return the share of pairs of marks that chance would make differ."""
    _, counts = np.unique(table[~np.isnan(table)], return_counts=True)
    n = counts.sum()
    return float(1.0 - (counts * (counts - 1)).sum() / (n * (n - 1)))
