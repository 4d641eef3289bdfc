"""Deflated Sharpe ratio: correct the best of many trials for selection."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from llmlab.errors import UsageError
from llmlab.stats.checks import Floats, Ints, at_least, fraction, known
from llmlab.stats.spread import Dependence, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """A winner's mean over its SD, against what the best of so many trials shows by luck."""

    trials: int
    sharpe: float
    """Mean over SD of the winner's differences, an input each."""
    threshold: float
    """Expected highest Sharpe ratio of `trials` that are worth nothing."""
    probability: float
    """That the true ratio is above the threshold; below 0.95 it may well be luck."""


def expected_max(trials: int, sd: float = 1.0) -> float:
    """
    Return the expected highest of *trials* independent normal draws with mean 0.

    Source: Bailey & Lopez de Prado (2014), "The Deflated Sharpe Ratio", J. Portfolio Management
    40(5), 94-107, equation 1 (the Gumbel approximation); 0 for a single trial.
    """
    if at_least("trials", trials, 1) == 1:
        return 0.0
    high = stats.norm.isf(1.0 / trials)
    higher = stats.norm.isf(1.0 / (trials * np.e))
    return sd * float((1.0 - np.euler_gamma) * high + np.euler_gamma * higher)


def deflated_sharpe(
    sharpe: float,
    *,
    observations: float,
    trials: int,
    trials_sd: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    freedom: float | None = None,
) -> float:
    """
    Return the probability that a ratio found as the best of *trials* is real.

    All ratios are per observation, not annual. `trials_sd` is the SD of the ratios over the
    trials; `kurtosis` is 3 for a normal law. *observations* need not be whole: what so many
    independent ones would be worth. With *freedom* (clusters less one) Student's law takes the
    normal one's place.

    Source: Bailey & Lopez de Prado (2014), equation 2.
    """
    if observations <= 1.0:
        raise UsageError(f"observations must be above 1, got {observations!r}")
    spread = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    if spread <= 0.0:
        raise UsageError("skew and kurtosis do not belong to one distribution")
    lead = sharpe - expected_max(trials, trials_sd)
    ratio = lead * np.sqrt(observations - 1.0) / np.sqrt(spread)
    return float(stats.norm.cdf(ratio) if freedom is None else stats.t.cdf(ratio, freedom))


def deflate(
    differences: Sequence[float] | Floats,
    trials: int,
    *,
    trials_sd: float | None = None,
    codes: Ints | None = None,
    steps: int = 0,
) -> Deflated:
    """
    Return the winner's deflated ratio from its paired *differences* to the baseline.

    *codes* is the cluster of each difference (or its date, whose targets look *steps* ahead):
    those of one cluster move together, so they are worth fewer observations (never more), and
    Student's law counts the clusters.

    *trials* counts every variant that was tried, the dropped ones too. `trials_sd` is the SD of
    mean/SD over those variants; if it is not known, 1/sqrt(n) is what worthless ones show.

    Raises:
        UsageError: when there are fewer than two differences, or they are all alike.
    """
    values = np.asarray(differences, dtype=float)
    gaps = known(values)
    codes = None if codes is None else codes[~np.isnan(values)]
    if gaps.size < 2 or np.ptp(gaps) == 0.0:  # noqa: PLR2004 - no spread
        raise UsageError("deflation needs at least two differences that are not all alike")
    sharpe = float(gaps.mean() / gaps.std(ddof=1))
    worth, freedom = _worth(gaps, Dependence(codes, steps))
    sd = 1.0 / float(np.sqrt(worth)) if trials_sd is None else trials_sd
    return Deflated(
        trials=trials,
        sharpe=sharpe,
        threshold=expected_max(trials, sd),
        probability=deflated_sharpe(
            sharpe, observations=worth, trials=trials, trials_sd=sd, freedom=freedom, **_shape(gaps)
        ),
    )


def _shape(gaps: Floats) -> dict[str, float]:
    return {
        "skew": float(stats.skew(gaps)),
        "kurtosis": float(stats.kurtosis(gaps, fisher=False)),
    }


def _worth(gaps: Floats, depends: Dependence) -> tuple[float, float | None]:
    """
    Return how many independent differences these are worth, and the degrees of freedom.

    The size over the design effect, which is the cluster-robust variance of the mean over that
    without clusters (Kish 1965, "Survey Sampling", section 5.4).
    """
    if depends.codes is None:
        return float(gaps.size), None
    found = spread(gaps, depends)
    if np.isnan(found.error):
        raise UsageError("deflation needs differences of at least two clusters")
    effect = found.error**2 * gaps.size / float(gaps.var(ddof=1))
    return float(gaps.size / max(1.0, effect)), found.freedom


def best_of(p: float, trials: int) -> float:
    """
    Return the p-value of the best of *trials* independent tests (Sidak).

    Source: Sidak (1967), JASA 62, 626-633.
    """
    if p in (0.0, 1.0):
        return p
    return float(-np.expm1(at_least("trials", trials, 1) * np.log1p(-fraction("p", p))))
