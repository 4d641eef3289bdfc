"""The standard error of a mean, and on how many degrees of freedom it rests."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from llmlab.stats.checks import Floats, Ints
from llmlab.stats.serial import serial_spread


@dataclass(frozen=True, slots=True)
class Dependence:
    """How inputs depend on each other: clusters, or dates in order whose targets look ahead."""

    codes: Ints | None = None
    steps: int = 0
    """Dates that a target looks ahead; 0 where clusters are in no order."""

    def units(self, count: int) -> int:
        """Return how many independent looks *count* inputs are, at most."""
        if self.codes is None:
            return count
        return max(1, int(np.unique(self.codes).size) // max(1, self.steps))

    @property
    def kind(self) -> str:
        """Return what goes before the name of a test."""
        return "" if self.codes is None else "cluster "


INDEPENDENT: Final = Dependence()


class Spread(NamedTuple):
    """Standard error of a mean; NaN where it cannot be known."""

    error: float
    freedom: float
    """Of Student's law; a fraction where clusters are unequal."""

    def reach(self, level: float) -> float:
        """Return half the width of Student's interval."""
        if not self.freedom > 0.0:
            return float("nan")
        return float(-special.stdtrit(self.freedom, (1.0 - level) / 2.0)) * self.error

    def p_beyond(self, distance: float) -> float:
        """Return Student's two-sided p-value of a mean *distance* away from what is tested."""
        if not (self.error > 0.0 and self.freedom > 0.0):
            return float("nan")
        return float(2.0 * special.stdtr(self.freedom, -abs(distance) / self.error))


UNKNOWN: Final = Spread(float("nan"), float("nan"))


def spread(values: Floats, depends: Dependence = INDEPENDENT) -> Spread:
    """
    Return the spread of the mean of *values* (no NaN).

    Dates whose targets look ahead have the long-run spread: see `serial`. It is unknown below two
    values, or clusters, and where there are no more dates than targets look ahead.
    """
    codes = depends.codes
    if values.size < 2:  # noqa: PLR2004 - one value has no spread
        return UNKNOWN
    if codes is None:
        return Spread(float(values.std(ddof=1) / np.sqrt(values.size)), values.size - 1.0)
    gaps = values - values.mean()
    sums, sizes = summed(gaps, codes), summed(np.ones(values.size), codes)
    inside = float((gaps**2).sum())
    if sizes.size < 2:  # noqa: PLR2004 - one cluster shows no spread between clusters
        return UNKNOWN
    clustered = _clustered(sums, sizes, inside)
    if not depends.steps:
        return clustered
    if sizes.size <= depends.steps:  # all targets overlap: one stretch of time
        return UNKNOWN
    error, freedom = serial_spread(sums, depends.steps)
    return Spread(error / values.size, min(freedom, clustered.freedom))


def summed(values: Floats, codes: Ints) -> Floats:
    """Return the sum of *values* in each cluster, or date, in the order of *codes*."""
    there = np.bincount(codes) > 0
    return np.asarray(np.bincount(codes, weights=values)[there], dtype=float)


def averaged(values: Floats, codes: Ints) -> Floats:
    """Return the mean of *values* in each cluster, or date, in the order of *codes*."""
    return np.asarray(summed(values, codes) / summed(np.ones(values.size), codes))


def _clustered(sums: Floats, sizes: Floats, inside: float) -> Spread:
    """
    Return the cluster-robust error of a mean, for clusters of any sizes.

    CR2: each cluster's sum of residuals is raised by what the mean took out of it. That is
    unbiased for independent values; where those of a cluster go together, as measured, what it
    then lacks is added. Degrees of freedom are Bell and McCaffrey's: few where few large clusters
    make up the mean; clusters less one where all are of one size.

    Source: Bell & McCaffrey (2002), Survey Methodology 28(2); Imbens & Kolesar (2016), Review of
    Economics and Statistics 98(4), for the working model; Pustejovsky & Tipton (2018), J. Business
    & Economic Statistics 36(4).
    """
    n = float(sizes.sum())
    share = sizes / n
    raised = 1.0 / (1.0 - share)
    variance = float((sums**2 * raised).sum()) / n**2
    freedom = _freedom(raised / n**2, share, sizes)
    alike = _together(sums, sizes, inside)
    # Variance of a cluster's sum, in units of that of a value: alone, and going together.
    worked = sizes * (1.0 - alike) + sizes**2 * alike
    expected = float((raised / n**2 * _left(share, worked)).sum())
    lacks = float(worked.sum()) / n**2 / expected if expected > 0.0 else 1.0
    return Spread(float(np.sqrt(variance * max(1.0, lacks))), freedom)


def _left(share: Floats, worked: Floats) -> Floats:
    """Return the variance of each cluster's sum once the mean is taken out."""
    return np.asarray(worked - 2.0 * share * worked + share**2 * worked.sum())


def _freedom(weight: Floats, share: Floats, worked: Floats) -> float:
    """
    Return Satterthwaite's degrees of freedom of the CR2 variance.

    The sums have covariance K = diag(v) - s v' - v s' + V s s' (s shares, v variances, V their
    sum); with weights E the freedom is tr(EK)^2 / tr(EKEK), which needs no more than sums.
    """
    total = float(worked.sum())
    diagonal = _left(share, worked)
    rest = diagonal - worked
    a, b = float((weight * share**2).sum()), float((weight * worked**2).sum())
    c = float((weight * share * worked).sum())
    crossed = total**2 * a**2 + 2.0 * a * b + 2.0 * c**2 - 4.0 * total * a * c
    crossed += float((weight**2 * (diagonal**2 - rest**2)).sum())
    return float((weight * diagonal).sum()) ** 2 / crossed


def _together(sums: Floats, sizes: Floats, inside: float) -> float:
    """Return the correlation of two values of a cluster, by the products of residuals."""
    both = float((sizes * (sizes - 1.0)).sum())
    variance = inside / float(sizes.sum())
    if not both or not variance:
        return 0.0
    return float(np.clip((float((sums**2).sum()) - inside) / both / variance, 0.0, 1.0))
