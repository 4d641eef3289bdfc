"""When a model says 80 %, is it right four times in five?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints, at_least, fraction, same_length
from llmlab.stats.intervals import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The answers whose stated probability lies in [low, high)."""

    low: float
    high: float
    count: int
    forecast: float
    """Mean stated probability."""
    observed: float
    """Share that came true."""
    observed_low: float
    observed_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Brier's score and its parts: brier = reliability - resolution + uncertainty + within."""

    count: int
    brier: float
    """Mean squared error of the probabilities; 0 is perfect."""
    reliability: float
    """Distance of the bins from the diagonal; small is good."""
    resolution: float
    """How far bins lie from the base rate; large is good."""
    uncertainty: float
    """Base rate times its complement: Brier's score of the best constant."""
    within: float
    """What binning hides: spread of the probabilities inside the bins."""
    skill: float
    """1 - brier / uncertainty; NaN when everything came out the same."""
    calibration_error: float
    """Expected calibration error: mean distance from the diagonal, weighted by count."""
    bins: tuple[Bin, ...]


def calibration(
    probabilities: Sequence[float] | Floats,
    outcomes: Sequence[float] | Floats,
    *,
    bins: int = 10,
    by: Literal["width", "count"] = "width",
    level: float = 0.95,
) -> Calibration:
    """
    Return how well stated *probabilities* match *outcomes* (0 or 1); NaN pairs are left out.

    Bins have equal width or equal count; empty ones are not listed.

    Raises:
        UsageError: when lengths differ, a value lies outside its range, or nothing is left.

    Source: Brier (1950); Murphy (1973), J. Applied Meteorology 12, 595-600; Stephenson, Coelho
    & Jolliffe (2008), Weather and Forecasting 23, 752-757, for the within-bin part.
    """
    forecast, came = _checked(probabilities, outcomes)
    at_least("bins", bins, 1)
    fraction("level", level)
    edges = _edges(forecast, bins, by)
    codes = np.clip(np.searchsorted(edges, forecast, side="right") - 1, 0, edges.size - 2)
    listed = _bins(edges, codes, forecast, came, level)
    share = np.array([one.count for one in listed]) / came.size
    said = np.array([one.forecast for one in listed])
    true = np.array([one.observed for one in listed])
    base, brier = float(came.mean()), float(((forecast - came) ** 2).mean())
    uncertainty = base * (1.0 - base)
    return Calibration(
        count=int(came.size),
        brier=brier,
        reliability=float((share * (said - true) ** 2).sum()),
        resolution=float((share * (true - base) ** 2).sum()),
        uncertainty=uncertainty,
        within=_within(forecast, came, codes, edges.size - 1),
        skill=1.0 - brier / uncertainty if uncertainty else float("nan"),
        calibration_error=float((share * np.abs(said - true)).sum()),
        bins=listed,
    )


def _checked(
    probabilities: Sequence[float] | Floats, outcomes: Sequence[float] | Floats
) -> tuple[Floats, Floats]:
    forecast = np.asarray(probabilities, dtype=float)
    came = np.asarray(outcomes, dtype=float)
    same_length("probabilities and outcomes", forecast.size, came.size)
    keep = ~(np.isnan(forecast) | np.isnan(came))
    forecast, came = forecast[keep], came[keep]
    if not came.size:
        raise UsageError("there is no probability with a known outcome")
    if (forecast < 0.0).any() or (forecast > 1.0).any():
        raise UsageError("probabilities must lie between 0 and 1 (80 % is 0.8)")
    if not np.isin(came, (0.0, 1.0)).all():
        raise UsageError("outcomes must be 0 or 1")
    return forecast, came


def _edges(forecast: Floats, bins: int, by: Literal["width", "count"]) -> Floats:
    if by == "width":
        return np.linspace(0.0, 1.0, bins + 1)
    inner = np.unique(np.quantile(forecast, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def _within(forecast: Floats, came: Floats, codes: Ints, size: int) -> float:
    """Return within-bin variance less twice the covariance, over all answers."""
    counts = np.maximum(np.bincount(codes, minlength=size), 1)
    said = (np.bincount(codes, weights=forecast, minlength=size) / counts)[codes]
    true = (np.bincount(codes, weights=came, minlength=size) / counts)[codes]
    spread = ((forecast - said) ** 2).mean()
    together = ((forecast - said) * (came - true)).mean()
    return float(spread - 2.0 * together)


def _bins(
    edges: Floats, codes: Ints, forecast: Floats, came: Floats, level: float
) -> tuple[Bin, ...]:
    counts = np.bincount(codes, minlength=edges.size - 1)
    said = np.bincount(codes, weights=forecast, minlength=edges.size - 1)
    true = np.bincount(codes, weights=came, minlength=edges.size - 1)
    return tuple(
        _bin((float(edges[at]), float(edges[at + 1])), int(counts[at]), said[at], true[at], level)
        for at in np.flatnonzero(counts)
    )


def _bin(edges: tuple[float, float], count: int, said: float, true: float, level: float) -> Bin:
    interval = wilson(true, count, level)
    return Bin(
        low=edges[0],
        high=edges[1],
        count=count,
        forecast=float(said / count),
        observed=float(true / count),
        observed_low=interval.low,
        observed_high=interval.high,
    )
