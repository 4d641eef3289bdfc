"""
Estimate of the highest arm's score, corrected for its selection.

The highest of several means is picked partly for its luck, so it is too high on average and its
plain interval holds too rarely: most of all where the arms are close. Here the winner's mean is
judged by its law *given that it won* (a law cut off where another arm would have won), and kept
within the simultaneous interval of all arms, so that a close race does not make it endless.

Source: Andrews, Kitagawa & McCloskey (2024), "Inference on Winners", Quarterly Journal of
Economics 139(1), 305-358: the hybrid estimate and interval of section III.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import optimize, special, stats

from llmlab.stats.checks import Flags, Floats, fraction
from llmlab.stats.covariance import Together, together
from llmlab.stats.intervals import wilson_limits
from llmlab.stats.matrix import Matrix
from llmlab.stats.spread import INDEPENDENT, Dependence

SHARE: Final = 0.1
"""Part of the error that the simultaneous interval takes, as its authors recommend."""
DRAWS: Final = 10_000
_ROUNDING: Final = 1e-9
LEVELS: Final = 101
"""Scores of so many different values at most are taken to lie on a lattice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """The column with the highest mean, and what it is worth; NaN where that is not known."""

    place: int
    """Of several highest, the first."""
    score: float
    """Its mean as it was measured."""
    estimate: float
    """Median-unbiased given that it won: too high as often as too low."""
    low: float
    high: float
    level: float
    probabilities: Floats
    """Of each column, the chance that its true mean is the highest; they sum to 1."""


def winner(
    values: Floats,
    *,
    depends: Dependence = INDEPENDENT,
    rates: Flags | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Winner:
    """
    Return what the best column of *values* (inputs x columns, none missing) is worth.

    *depends* says how inputs depend on each other; *rates* says which columns are means of 0/1
    scores, whose spread depends on the mean, as in Wilson's interval. `probabilities` are those of
    the true means given the measured ones when nothing was known before (a flat prior).
    """
    fraction("level", level)
    found = together(values, depends)
    if not values.size or np.isnan(found.covariance).any():
        nothing = np.full(values.shape[1], np.nan)
        place = int(np.argmax(np.nan_to_num(found.means, nan=-np.inf)))
        return Winner(
            place=place, score=float(found.means[place]), estimate=np.nan, low=np.nan,
            high=np.nan, level=level, probabilities=nothing,
        )  # fmt: skip
    place = int(np.argmax(found.means))
    law = _Law.of(found, place, values, rate=rates is not None and bool(rates[place]), level=level)
    tail = (1.0 - level) * (1.0 - SHARE) / (1.0 - SHARE * (1.0 - level)) / 2.0
    return Winner(
        place=place,
        score=law.score,
        estimate=law.at(0.5),
        low=law.at(1.0 - tail),
        high=law.at(tail),
        level=level,
        probabilities=_best(found, seed),
    )


def winner_of(table: Matrix, *, level: float = 0.95, seed: int = 0) -> Winner | None:
    """
    Return what the best ranked arm of a run is worth, on the inputs that the ranking rests on.

    `place` and `probabilities` are those of the table's arms; NaN for arms that are not ranked.
    None where fewer than two arms are ranked.
    """
    places = np.flatnonzero(table.ranked)
    if places.size < 2 or not table.compared.any():  # noqa: PLR2004 - one arm is not picked
        return None
    values = table.scores[np.ix_(table.compared, places)]
    depends = table.depends(table.compared)
    found = winner(values, depends=depends, rates=table.whole[places], level=level, seed=seed)
    every = np.full(len(table.names), np.nan)
    every[places] = found.probabilities
    return replace(found, place=int(places[found.place]), probabilities=every)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Law:
    """The law of the winner's mean, given that it won and what else was measured."""

    score: float
    error: float
    size: float
    """Inputs that a rate is worth; NaN for other scores, whose spread is `error` at any mean."""
    room_below: float
    """How much lower it could have come out and still have won."""
    room_above: float
    widest: float
    """Standard errors of the simultaneous interval."""
    freedom: float

    @classmethod
    def of(cls, found: Together, place: int, values: Floats, *, rate: bool, level: float) -> "_Law":
        score, error = float(found.means[place]), float(np.sqrt(found.covariance[place, place]))
        below, above = _room(found, place, values)
        each = 1.0 - (1.0 - SHARE * (1.0 - level)) ** (1.0 / found.means.size)
        inside = 0.0 < score < 1.0 and error > 0.0
        size = score * (1.0 - score) / error**2 if inside else found.freedom + 1.0
        return cls(
            score=score,
            error=error,
            size=size if rate else float("nan"),
            room_below=below,
            room_above=above,
            widest=float(stats.t.isf(each / 2.0, found.freedom)),
            freedom=found.freedom,
        )

    def at(self, chance: float) -> float:
        """Return the true mean under which a mean this high or lower has *chance*."""
        if np.isnan(self.size) and self.error == 0.0:
            return self.score
        z = optimize.brentq(lambda z: self._below(z) - chance, -self.widest, self.widest)
        return self._mean(float(z))

    def _mean(self, z: float) -> float:
        """Return the true mean that the measured one lies *z* standard errors above."""
        if np.isnan(self.size):
            return self.score - z * self.error
        low, high = wilson_limits(self.score, self.size, abs(z))
        return float(low if z > 0.0 else high)

    def _below(self, z: float) -> float:
        """Return the chance of a mean this high or lower, where it lies *z* above the true one."""
        error = self.error
        if not np.isnan(self.size):
            mean = self._mean(z)
            error = float(np.sqrt(mean * (1.0 - mean) / self.size)) or np.inf
        low = max(-self.widest, z - self.room_below / error)
        high = min(self.widest, z + self.room_above / error)
        below, here, above = special.stdtr(self.freedom, (low, z, high)).tolist()
        return float((here - below) / (above - below)) if above > below else float(here)


def _room(found: Together, place: int, values: Floats) -> tuple[float, float]:
    """
    Return how far down and up the winner's mean could move and win, the rest being as it is.

    "The rest" is what of the other means does not move with the winner's.
    """
    variance = found.covariance[place, place]
    others = np.arange(found.means.size) != place
    leads = found.means[place] - found.means[others]
    tied = leads <= 1e-12 * max(1.0, abs(float(found.means[place])))
    leads[tied] = _least_lead(values, int(tied.sum())) if tied.any() else 0.0
    moves = 1.0 - found.covariance[others, place] / (variance if variance > 0.0 else np.inf)
    moves[np.abs(moves) < _ROUNDING] = 0.0
    if variance == 0.0:
        moves[tied & (found.covariance.diagonal()[others] == 0.0)] = 0.0  # the same scores
    down, up = moves > 0.0, moves < 0.0
    return (
        float((leads[down] / moves[down]).min(initial=np.inf)),
        float((leads[up] / -moves[up]).min(initial=np.inf)),
    )


def _least_lead(values: Floats, tied: int) -> float:
    """
    Return what an equal mean is taken to lead by, where the winner is the first of those tied.

    On a lattice equal means are common. A mean stands for half a step either side of it; one of
    several tied wins in its share of cases, and stands in the middle of those.
    """
    levels = np.unique(np.round(values, 9))
    if not 1 < levels.size <= LEVELS:
        return 0.0
    return float(np.diff(levels).min() / values.shape[0] / 2.0 / (tied + 1.0))


def _best(found: Together, seed: int) -> Floats:
    """Draw the true means (Student's t about the measured ones) and count who is highest."""
    rng = np.random.default_rng(seed)
    spread, axes = np.linalg.eigh(found.covariance)
    axes = axes * np.sqrt(np.maximum(spread, 0.0))
    noise = rng.normal(size=(DRAWS, found.means.size)) @ axes.T
    noise /= np.sqrt(rng.chisquare(found.freedom, size=(DRAWS, 1)) / found.freedom)
    drawn = found.means + noise
    highest = drawn.max(axis=1, keepdims=True)
    hits = drawn >= highest - 1e-9 * max(1.0, float(np.abs(found.means).max()))
    return np.asarray((hits / hits.sum(axis=1, keepdims=True)).mean(axis=0))
