"""
Many comparisons that go together: p-values adjusted by the law of the largest of them.

Bonferroni and Holm allow for comparisons that have nothing in common. Those of a run have: the same
inputs, and an arm in common. Each keeps its own test here; that they go together is taken from the
covariance of the arms' means. How often does any of so many reach as far by luck, if none is real?

Source: Dunnett (1955), JASA 50, 1096-1121 (many to one); Romano & Wolf (2005), JASA 100, 94-108
(steps down); Hothorn, Bretz & Westfall (2008), Biometrical Journal 50(3) (any contrasts, by the
multivariate normal law).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from llmlab.stats.checks import Floats, fraction
from llmlab.stats.multiple import holm

POINTS: Final = 2**15
"""Draws of all arms' means."""
_AT_ONCE: Final = 2**20
"""Numbers that are held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """Differences of two arms each, and how the arms' means vary together."""

    places: Sequence[tuple[int, int]]
    """Of each difference, the lines of its two arms in *covariance*; (-1, -1) where not known."""
    covariance: Floats
    seed: int = 0
    points: int = POINTS

    def drawn(self) -> Iterator[Floats]:
        """Yield the sizes of all differences in standard errors, if none is real, in batches."""
        places = np.asarray(self.places)
        variance = self.covariance.diagonal()
        one, other = places[:, 0], places[:, 1]
        spread = variance[one] + variance[other] - 2.0 * self.covariance[one, other]
        known = (one >= 0) & (spread > 1e-12 * (variance[one] + variance[other]))
        spread = np.sqrt(np.where(known, spread, np.inf))
        values, axes = np.linalg.eigh(self.covariance)
        axes = axes * np.sqrt(np.maximum(values, 0.0))
        rng, left = np.random.default_rng(self.seed), self.points
        while left:
            size = min(left, max(1, _AT_ONCE // len(places)))
            means = rng.normal(size=(size, values.size)) @ axes.T
            yield np.abs(means[:, other] - means[:, one]) / spread
            left -= size

    @property
    def known(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Return of which differences the law is known; of the others Bonferroni's bound is."""
        return np.asarray([one >= 0 for one, _ in self.places], dtype=bool)


def max_t(p: Floats, contrasts: Contrasts) -> Floats:
    """
    Return step-down adjusted p-values, in the order given; NaN stays NaN and does not count.

    The smallest p is measured by how often any of all is as small by luck, the next by how often
    any of the rest is, and so on. None is above Holm's: where draws are too coarse, that counts.
    The chance of any false claim is kept as far as the multivariate normal law and the measured
    covariance hold; each single p is that of its own test.
    """
    p = np.asarray(p, dtype=float)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    if not order.size or np.isnan(contrasts.covariance).any():
        return holm(p)
    edges = -special.ndtri(np.maximum(p[order], 1e-300) / 2.0)
    reached = np.zeros(order.size)
    for sizes in contrasts.drawn():
        largest = np.maximum.accumulate(sizes[:, order[::-1]], axis=1)[:, ::-1]
        reached += (largest >= edges - 1e-9).sum(axis=0)
    beside = np.cumsum(~contrasts.known[order][::-1])[::-1] * p[order]
    found = (reached + 1.0) / (contrasts.points + 1.0) + beside
    adjusted = np.full(p.shape, np.nan)
    steps = np.minimum(found, p[order] * np.arange(order.size, 0, -1))
    adjusted[order] = np.clip(np.maximum.accumulate(np.maximum(steps, p[order])), 0.0, 1.0)
    return adjusted


def each_alone(contrasts: Contrasts, level: float) -> float:
    """
    Return the p-value below which any of all differences falls by luck with chance 1 - *level*.

    Intervals of single differences at 1 less that p hold all together at *level*. It is never
    below Bonferroni's, and that where the law is not known of all.
    """
    alpha, count = 1.0 - fraction("level", level), max(1, len(contrasts.places))
    known = bool(contrasts.known.all()) and not np.isnan(contrasts.covariance).any()
    if count == 1 or not known:
        return alpha / count
    largest = np.sort(np.concatenate([sizes.max(axis=1) for sizes in contrasts.drawn()]))[::-1]
    edge = largest[max(0, int(alpha * (contrasts.points + 1.0)) - 1)]
    return float(np.clip(2.0 * special.ndtr(-np.nextafter(edge, np.inf)), alpha / count, alpha))
