"""A share of some inputs, where inputs may count in part and depend on each other."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from llmlab.stats.checks import Flags, Floats
from llmlab.stats.intervals import wilson_limits
from llmlab.stats.spread import Dependence, Spread, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A share with its limits; NaN where there is nothing to be a share of."""

    value: float
    low: float
    high: float


def share(part: Floats, whole: Floats, depends: Dependence, level: float) -> Proportion:
    """
    Return the sum of *part* over the sum of *whole*, both by input, with Wilson's limits.

    Where every input counts once and none depend on each other, the size is the sum of *whole*,
    which is taken as given. Else it is the size at which a plain sample would vary as the share
    does between inputs, clusters or dates (the linearised variance of a ratio), never above the
    calls behind it.

    Source: Wilson (1927), JASA 22, 209-212; Franco et al. (2019), J. Survey Statistics and
    Methodology 7(3), for the effective size; Cochran (1977), section 6.3, for the ratio.
    """
    size = float(whole.sum())
    if size <= 0.0:
        return Proportion(value=float("nan"), low=float("nan"), high=float("nan"))
    value, tail = float(min(1.0, part.sum() / size)), (1.0 - level) / 2.0
    there = whole > 0.0
    if depends.codes is None and bool(np.isin(np.stack([part, whole]), (0.0, 1.0)).all()):
        low, high = wilson_limits(value, size, float(stats.norm.isf(tail)))
        return Proportion(value=value, low=low, high=high)
    some = among(depends, there)
    found = total((part - value * whole)[there], some)
    if np.isnan(found.error):
        return Proportion(value=value, low=float("nan"), high=float("nan"))
    units = int(there.sum()) if some.codes is None else int(np.unique(some.codes).size)
    worth, freedom = max(1.0, float(units // max(1, depends.steps))), units - 1.0
    if found.error > 0.0 and 0.0 < value < 1.0:
        # Never above the calls behind it: an input that counts in part was asked that often.
        calls = size / float(whole[there].min()) if depends.codes is None else size
        worth = min(max(1.0, value * (1.0 - value) * (size / found.error) ** 2), calls)
        freedom = found.freedom
    low, high = wilson_limits(value, worth, float(stats.t.isf(tail, freedom)))
    return Proportion(value=value, low=low, high=high)


def among(depends: Dependence, lines: Flags) -> Dependence:
    """Return how some inputs depend on each other."""
    if depends.codes is None:
        return depends
    return Dependence(depends.codes[lines], depends.steps)


def total(pull: Floats, depends: Dependence) -> Spread:
    """Return the spread of the sum of *pull*, which adds up to zero."""
    found = spread(pull, depends)
    return Spread(found.error * pull.size, found.freedom)
