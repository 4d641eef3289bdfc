"""Figures of a series of returns: information ratio, volatility, drawdown, and what is traded."""

from typing import NamedTuple

import numpy as np

from llmlab.stats.checks import Floats
from llmlab.stats.spread import Dependence, spread


class Ratio(NamedTuple):
    """An information ratio and a volatility, both a year, with their limits."""

    value: float
    low: float
    high: float
    volatility: float
    volatility_low: float
    volatility_high: float


def information_ratio(
    returns: Floats, *, steps: int = 1, per_year: float = 252.0, level: float = 0.95
) -> Ratio:
    """
    Return the mean over the volatility of *returns*, one a date in order, both of a year.

    A year's variance counts the autocovariances of dates whose positions overlap (lags below
    *steps*; Lo 2002). The limits come from the long-run spread of the ratio's influence values,
    with Student's law on few cosines (`serial`), so that they allow for dates that remember and
    for fat tails.

    Source: Lo (2002), Financial Analysts Journal 58(4); Ledoit & Wolf (2008), J. Empirical
    Finance 15, for the delta method with a robust spread.
    """
    gaps = returns - returns.mean()
    square = gaps**2
    for lag in range(1, min(steps, returns.size)):
        weight = 2.0 * max(0.0, 1.0 - lag / per_year)
        square[:-lag] += weight * gaps[lag:] * gaps[:-lag]
    variance = float(square.mean())
    if not variance > 0.0:
        nan = float("nan")
        return Ratio(nan, nan, nan, nan, nan, nan)
    sd, mean = float(np.sqrt(variance)), float(returns.mean())
    depends = Dependence(np.arange(returns.size), steps)
    pull = gaps / sd - mean / (2.0 * sd**3) * (square - variance)
    half = spread(pull, depends).reach(level)
    wide = spread(square, depends).reach(level) / (2.0 * variance)
    scale = float(np.sqrt(per_year))
    return Ratio(
        value=scale * mean / sd,
        low=scale * (mean / sd - half),
        high=scale * (mean / sd + half),
        volatility=scale * sd,
        volatility_low=float(scale * sd * np.exp(-wide)),
        volatility_high=float(scale * sd * np.exp(wide)),
    )


def max_drawdown(returns: Floats) -> float:
    """Return how far the sum of *returns* ever fell from where it was highest (0 at the start)."""
    return float(deepest_fall(np.cumsum(returns)))


def deepest_fall(paths: Floats) -> Floats:
    """Return the same of each path of sums, along the last axis."""
    highest = np.maximum.accumulate(np.maximum(paths, 0.0), axis=-1)
    return np.asarray((highest - paths).max(axis=-1))


def traded(held: Floats, steps: int, *, netted: bool) -> Floats:
    """
    Return what each date's positions buy and sell, as a share of the capital behind them.

    Positions *held* (dates x assets) replace those taken *steps* dates before; what stays is not
    traded, and the last ones are closed at the end. Where assets are not known (*netted* False)
    every position is opened and closed: the most that it can cost.
    """
    if not netted:
        return np.asarray(2.0 * np.abs(held).sum(axis=1))
    before = np.zeros_like(held)
    before[steps:] = held[:-steps]
    made = np.abs(held - before).sum(axis=1)
    made[-steps:] += np.abs(held[-steps:]).sum(axis=1)
    return np.asarray(made)
