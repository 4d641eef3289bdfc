"""Cost per call and per right answer, and latency, of each arm, with intervals."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import stats

from llmlab.stats.checks import Flags, Floats, Ints, fraction, same_length
from llmlab.stats.clusters import Cluster
from llmlab.stats.intervals import Interval, mean_interval, quantile_interval
from llmlab.stats.matrix import Matrix, charged, matrix, numbers
from llmlab.stats.spread import Dependence, spread

if TYPE_CHECKING:
    import pandas as pd

QUANTILES: Final = (0.5, 0.95, 0.99)


def ratio_interval(
    top: Floats, bottom: Floats, codes: Ints | None = None, level: float = 0.95, steps: int = 0
) -> Interval:
    """
    Return the interval for mean(top) / mean(bottom) of paired values.

    With *codes* both means are cluster-robust, or of the long run where those are dates whose
    targets look *steps* ahead. Where the lower mean cannot be told from zero there is no upper
    limit: it is infinite.

    Source: Fieller (1954), JRSS B 16(2), 175-185.
    """
    same_length("top and bottom", top.size, bottom.size)
    fraction("level", level)
    units = top.size if codes is None else int(np.unique(codes).size)
    if units < 2:  # noqa: PLR2004 - no spread
        return Interval(low=np.nan, high=np.nan, level=level, method="Fieller")
    x, y = float(top.mean()), float(bottom.mean())
    depends = Dependence(codes, steps)
    (xx, xy, yy), freedom = _covariance(top, bottom, depends)
    t = float(stats.t.isf((1.0 - level) / 2.0, freedom)) ** 2
    # The ratios r with (x - r y)^2 <= t^2 var(x - r y): between the roots of a quadratic.
    a, b, c = y * y - t * yy, x * y - t * xy, x * x - t * xx
    root = b * b - a * c
    if a <= 0.0 or root < 0.0:
        return Interval(low=0.0, high=np.inf, level=level, method="Fieller")
    reach = float(np.sqrt(root))
    return Interval(low=(b - reach) / a, high=(b + reach) / a, level=level, method="Fieller")


def costs(rows: "pd.DataFrame", *, cluster: Cluster = None, level: float = 0.95) -> "pd.DataFrame":
    """
    Return dollars for 1,000 calls and for a point of score (a right answer), one row an arm.

    An input's cost is the mean of its calls, failed ones included unless they certainly cost
    nothing; NaN where any price is unknown. An input that was paid for and has no score brings no
    point: what it cost is part of what the right answers cost. Cheapest first.
    """
    import pandas as pd

    table = matrix(rows, ("cost_usd",), cluster=cluster)
    counted = charged(rows)
    means = _means(table, numbers(rows, "cost_usd"), counted)
    lines = [_line(table, at, means[:, at], counted, level) for at in range(len(table.names))]
    return pd.DataFrame(lines).sort_values("cost_per_1000_usd", ignore_index=True)


def latencies(rows: "pd.DataFrame", *, level: float = 0.95) -> "pd.DataFrame":
    """
    Return p50, p95 and p99 of latency with exact limits, one row an arm, fastest first.

    Successful calls only; a limit that so few calls cannot give is NaN.
    """
    import pandas as pd

    lines = []
    known = rows[(rows["status"] == "ok") & rows["latency_s"].notna()]
    for (prompt, label), part in known.groupby(["prompt", "label"], observed=True):
        values = numbers(part, "latency_s")
        line: dict[str, Any] = {"prompt": prompt, "label": label, "calls": values.size}
        for q in QUANTILES:
            found, name = quantile_interval(values, q, level), f"p{q * 100:.0f}"
            line |= {
                f"{name}_s": float(np.quantile(values, q)),
                f"{name}_low": found.low,
                f"{name}_high": found.high,
            }
        lines.append(line)
    columns = None if lines else ["prompt", "label", "calls", "p50_s"]
    return pd.DataFrame(lines, columns=columns).sort_values("p50_s", ignore_index=True)


def _covariance(
    top: Floats, bottom: Floats, depends: Dependence
) -> tuple[tuple[float, float, float], float]:
    """Return the (co)variances of both means, and the fewest degrees of freedom they have."""
    # Brought to one size, or their sum would be one of them alone.
    scale = float(top.std()) / (float(bottom.std()) or 1.0) or 1.0
    x, y = spread(top, depends), spread(bottom * scale, depends)
    both = spread(top + bottom * scale, depends)
    xx, yy = x.error**2, y.error**2
    xy = (both.error**2 - xx - yy) / 2.0
    # What rounding, or another choice of cosines, may have made of it.
    xy = float(np.clip(xy, -np.sqrt(xx * yy), np.sqrt(xx * yy)))
    return (xx, xy / scale, yy / scale**2), min(x.freedom, y.freedom, both.freedom)


def _means(table: Matrix, cost: Floats, counted: Flags) -> Floats:
    """Return the mean cost of a call by input and arm; NaN where there was none."""
    shape = table.scores.shape
    cells = table.input_of * shape[1] + table.arm_of
    sums = np.bincount(cells, weights=cost, minlength=shape[0] * shape[1])
    counts = np.bincount(cells, weights=counted, minlength=shape[0] * shape[1])
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(shape)


def _line(table: Matrix, at: int, cost: Floats, counted: Flags, level: float) -> dict[str, object]:
    asked = table.input_of[(table.arm_of == at) & counted]
    mine = np.unique(asked)
    paid, score = cost[mine], table.scores[mine, at]
    shared = None if table.codes is None else table.codes[mine]
    per_call = _mean_interval(paid, Dependence(shared, table.steps), level)
    points = np.nan_to_num(score, nan=0.0)
    right = ratio_interval(paid, points, shared, level, table.steps)
    gain = float(points.mean()) if points.size else np.nan
    return {
        "prompt": table.names[at][0],
        "label": table.names[at][1],
        "inputs": int((~np.isnan(score)).sum()),
        "cost_per_1000_usd": 1_000.0 * float(paid.mean()) if paid.size else np.nan,
        "cost_low": 1_000.0 * per_call.low,
        "cost_high": 1_000.0 * per_call.high,
        "cost_per_point_usd": float(paid.mean()) / gain if gain > 0.0 else np.inf,
        "point_low": right.low,
        "point_high": right.high,
    }


def _mean_interval(values: Floats, depends: Dependence, level: float) -> Interval:
    if np.isnan(values).any():
        return Interval(low=np.nan, high=np.nan, level=level, method="none")
    return mean_interval(values, level, depends)
