"""The mean of paired differences: what is tested, and the tests that must agree."""

from collections.abc import Callable

import numpy as np
from scipy import special

from llmlab.stats.checks import Floats, same_length
from llmlab.stats.means import (
    SKEWED,
    Mean,
    StudentMean,
    TestedMean,
    agreed,
    mean_of,
    only_zero,
    tested,
)
from llmlab.stats.rates import PairedRates, mid_p
from llmlab.stats.spread import INDEPENDENT, Dependence, Spread

Flipped = Callable[[], tuple[float, str]]
"""Gives the sign-flip test of a pair when it is needed: its p-value and name."""


def paired_t(a: Floats, b: Floats) -> float:
    """Return the two-sided p-value of Student's paired test; NaN below two pairs."""
    same_length("a and b", len(a), len(b))
    gaps = np.asarray(b, dtype=float) - np.asarray(a, dtype=float)
    gaps = gaps[~np.isnan(gaps)]
    if gaps.size < 2:  # noqa: PLR2004 - one pair has no spread
        return float("nan")
    error = float(gaps.std(ddof=1)) / np.sqrt(gaps.size)
    if error == 0.0:
        return 1.0 if gaps[0] == 0.0 else 0.0
    return float(2.0 * special.stdtr(gaps.size - 1, -abs(gaps.mean()) / error))


def binary(values: Floats) -> bool:
    """Return whether every score is 0 or 1."""
    return bool(((values == 0.0) | (values == 1.0)).all())


def counts(gaps: Floats) -> PairedRates:
    """Return the inputs that only one of two 0/1 arms got right."""
    return PairedRates(int((gaps < 0.0).sum()), int((gaps > 0.0).sum()), int(gaps.size))


def laws(
    gaps: Floats,
    ends: tuple[float, float],
    depends: Dependence = INDEPENDENT,
    measured: Spread | None = None,
    *,
    rates: bool,
) -> list[tuple[Mean, str]]:
    """
    Return what B minus A says of its mean, in each way that must agree.

    *ends* are the least and the largest difference there can be. Scores of 0 and 1 (*rates*) have
    Tango's statistic; with clusters that of the clusters as well, for no luck may narrow it.
    """
    if not rates:
        return [mean_of(gaps, ends, depends, measured)]
    plain: list[tuple[Mean, str]] = [(counts(gaps), "McNemar score")]
    if depends.codes is None:
        return plain
    law = mean_of(gaps, ends, depends, measured)
    # Where nothing is known of the clusters, inputs cannot speak for them.
    return [law] if np.isnan(law[0].above(0.0)) else [law, *plain]


def compared(
    gaps: Floats,
    ends: tuple[float, float],
    depends: Dependence,
    level: float,
    measured: Spread,
    *,
    rates: bool,
    flipped: Flipped,
) -> TestedMean:
    """
    Return the test of two arms on the same inputs (at least one), and its interval.

    A difference is claimed only where each of these claims it: Student's law (cluster-robust, or
    long-run) and the sign flips, which need no law; of 0/1 scores Tango's statistic and mid-p.
    Few bounded scores that are skewed, or all alike, have a law of their own.
    """
    found = laws(gaps, ends, depends, measured, rates=rates)
    parts = [tested(law, level, name) for law, name in found]
    if rates and not np.isnan(parts[0].p):
        one = counts(gaps)
        parts.append(only_zero(mid_p(one.only_a, one.only_b), level, "McNemar mid-p"))
    if isinstance(found[0][0], StudentMean) and not depends.steps:
        p, name = flipped()
        parts.append(only_zero(p, level, depends.kind + name))
    whole = agreed(parts)
    skewed = found[0][1].endswith(SKEWED) and not whole.test.endswith(SKEWED)
    return whole._replace(test=whole.test + SKEWED) if skewed else whole
