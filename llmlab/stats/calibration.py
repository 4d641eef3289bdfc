"""Calibration of stated probabilities: Brier's score and its decomposition."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, Ints, at_least, fraction, same_length
from llmlab.stats.intervals import numbered, wilson_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The answers whose stated probability lies in [low, high)."""

    low: float
    high: float
    count: int
    """Inputs; repeats of one share its weight."""
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
    """Inputs: what came is one thing, however often it was asked about."""
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
    inputs: Sequence[object] | None = None,
) -> Calibration:
    """
    Return how well stated *probabilities* match *outcomes* (0 or 1); NaN pairs are left out.

    *inputs* says which input each answer is of: its repeats count as one, for they are about one
    outcome. Bins have equal width or equal count; empty ones are not listed.

    Raises:
        UsageError: when lengths differ, a value lies outside its range, or nothing is left.

    Source: Brier (1950); Murphy (1973), J. Applied Meteorology 12, 595-600; Stephenson, Coelho
    & Jolliffe (2008), Weather and Forecasting 23, 752-757, for the within-bin part.
    """
    forecast, came, kept = _checked(probabilities, outcomes)
    units = _units(inputs, kept)
    weight = (1.0 / np.bincount(units))[units]
    weight /= weight.sum()
    at_least("bins", bins, 1)
    fraction("level", level)
    edges = _edges(forecast, bins, by)
    codes = np.clip(np.searchsorted(edges, forecast, side="right") - 1, 0, edges.size - 2)
    said_of = _Said(forecast=forecast, came=came, weight=weight, units=units)
    parts, listed = _binned(said_of, codes, edges, level)
    share = np.array([one.weight.sum() for one in parts])
    said = np.array([one.forecast for one in listed])
    true = np.array([one.observed for one in listed])
    base = float((weight * came).sum())
    brier = float((weight * (forecast - came) ** 2).sum())
    uncertainty = base * (1.0 - base)
    return Calibration(
        count=int(units.max()) + 1,
        brier=brier,
        reliability=float((share * (said - true) ** 2).sum()),
        resolution=float((share * (true - base) ** 2).sum()),
        uncertainty=uncertainty,
        within=sum(part.within for part in parts),
        skill=1.0 - brier / uncertainty if uncertainty else float("nan"),
        calibration_error=float((share * np.abs(said - true)).sum()),
        bins=listed,
    )


def _binned(
    said_of: "_Said", codes: Ints, edges: Floats, level: float
) -> tuple[list["_Said"], tuple[Bin, ...]]:
    """Return what is in each bin that is not empty, and the bins as they are listed."""
    filled = np.unique(codes)
    parts = [said_of.part(codes == at) for at in filled]
    limits = [(float(edges[at]), float(edges[at + 1])) for at in filled]
    return parts, tuple(_bin(each, part, level) for each, part in zip(limits, parts, strict=True))


def _checked(
    probabilities: Sequence[float] | Floats, outcomes: Sequence[float] | Floats
) -> tuple[Floats, Floats, Flags]:
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
    return forecast, came, keep


def _units(inputs: Sequence[object] | None, kept: Flags) -> Ints:
    if inputs is None:
        return np.arange(int(kept.sum()), dtype=np.intp)
    same_length("probabilities and inputs", len(inputs), kept.size)
    return numbered([each for each, there in zip(inputs, kept, strict=True) if there])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """Some answers: what they stated, what came, their weight, and which input they are of."""

    forecast: Floats
    came: Floats
    weight: Floats
    units: Ints

    def part(self, lines: Flags) -> "_Said":
        """Return some of them."""
        return _Said(
            forecast=self.forecast[lines],
            came=self.came[lines],
            weight=self.weight[lines],
            units=self.units[lines],
        )

    def mean(self, values: Floats) -> float:
        """Return the weighted mean."""
        return float((self.weight * values).sum() / self.weight.sum())

    @property
    def within(self) -> float:
        """Return the variance less twice the covariance inside of this part, times its weight."""
        gaps = self.forecast - self.mean(self.forecast)
        came = self.came - self.mean(self.came)
        return float((self.weight * (gaps**2 - 2.0 * gaps * came)).sum())

    @property
    def size(self) -> float:
        """Return how many inputs of equal weight they are worth (Kish)."""
        by_input = np.bincount(self.units, weights=self.weight)
        return float(by_input.sum() ** 2 / (by_input**2).sum())


def _edges(forecast: Floats, bins: int, by: Literal["width", "count"]) -> Floats:
    if by == "width":
        return np.linspace(0.0, 1.0, bins + 1)
    inner = np.unique(np.quantile(forecast, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def _bin(edges: tuple[float, float], part: _Said, level: float) -> Bin:
    observed = part.mean(part.came)
    z = float(-special.ndtri((1.0 - level) / 2.0))
    low, high = wilson_limits(observed, part.size, z)
    return Bin(
        low=edges[0],
        high=edges[1],
        count=int(np.unique(part.units).size),
        forecast=part.mean(part.forecast),
        observed=observed,
        observed_low=low,
        observed_high=high,
    )
