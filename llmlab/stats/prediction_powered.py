"""Prediction-powered inference (PPI++): few marks by people, many by a judge."""

from dataclasses import dataclass

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, fraction, same_length
from llmlab.stats.shares import total
from llmlab.stats.spread import INDEPENDENT, Dependence, Spread, spread, summed


@dataclass(frozen=True, slots=True, kw_only=True)
class Powered:
    """A mean of people's marks, with a judge's marks of more inputs to sharpen it."""

    inputs: int
    """Inputs that the judge marked."""
    gold: int
    """Of those, the ones that people marked."""
    value: float
    low: float
    high: float
    p: float
    """Two-sided, of a mean of 0; NaN where no error is known."""
    weight: float
    """Weight of the judge's marks: 0 ignores them."""
    gold_value: float
    """People's marks alone."""
    gold_low: float
    gold_high: float
    judge_value: float
    """The judge alone, over all inputs."""


def powered(
    gold: Floats, judge: Floats, *, depends: Dependence = INDEPENDENT, level: float = 0.95
) -> Powered:
    """
    Return the mean of people's marks over all inputs, by PPI++ with its power-tuned weight.

    *gold* and *judge* have one value an input, *gold* NaN where people did not look; which ones
    they looked at must not hang on the marks (drawn at random, say). Whatever the judge's bias,
    it cancels: what it says of inputs without marks is only used against what it says of those
    with. The weight is kept within 0 and 1. *depends* says how inputs depend on
    each other.

    Raises:
        UsageError: Fewer than two inputs have both marks, or the judge misses one.

    Source: Angelopoulos, Duchi & Zrnic (2023), "PPI++: Efficient Prediction-Powered Inference",
    arXiv 2311.01453; Angelopoulos et al. (2023), Science 382, 669-674.
    """
    fraction("level", level)
    same_length("gold and judge", gold.size, judge.size)
    if np.isnan(judge).any():
        raise UsageError("the judge marked not every input; leave the others out")
    known = ~np.isnan(gold)
    n, rest = int(known.sum()), int((~known).sum())
    if n < 2:  # noqa: PLR2004 - no spread without two
        raise UsageError("people's marks of at least two inputs are needed")
    weight = _weight(gold[known], judge[known], judge[~known])
    value = float(gold[known].mean())
    if rest:
        value += weight * float(judge[~known].mean() - judge[known].mean())
    alone = float(gold[known].mean())
    sharp = _error(_pull(gold, judge, known, weight), known, depends)
    plain = _error(_pull(gold, judge, known, 0.0), known, depends)
    half, gold_half = sharp.reach(level), plain.reach(level)
    return Powered(
        inputs=gold.size, gold=n, value=value, low=value - half, high=value + half,
        p=sharp.p_beyond(value), weight=weight, gold_value=alone,
        gold_low=alone - gold_half, gold_high=alone + gold_half,
        judge_value=float(judge.mean()),
    )  # fmt: skip


def _weight(gold: Floats, judge: Floats, others: Floats) -> float:
    """Return the weight that makes the variance smallest."""
    if not others.size:
        return 0.0
    spread = float(np.concatenate([judge, others]).var(ddof=1))
    if spread == 0.0:
        return 0.0
    together = float(((gold - gold.mean()) * (judge - judge.mean())).mean())
    return float(np.clip(together / ((1.0 + gold.size / others.size) * spread), 0.0, 1.0))


def _pull(gold: Floats, judge: Floats, known: Flags, weight: float) -> Floats:
    """Return how much each input moves the estimate."""
    n, rest = int(known.sum()), int((~known).sum())
    own = gold[known] - weight * judge[known]
    pull = np.zeros(gold.size)
    pull[known] = (own - own.mean()) / n * np.sqrt(n / (n - 1))
    if rest > 1 and weight:
        others = judge[~known]
        pull[~known] = weight * (others - others.mean()) / rest * np.sqrt(rest / (rest - 1))
    return pull


def _error(pull: Floats, known: Flags, depends: Dependence) -> Spread:
    """Return the standard error and its degrees of freedom: inputs, or clusters, people marked."""
    codes = depends.codes
    if codes is None:
        return Spread(float(np.sqrt((pull**2).sum())), float(known.sum()) - 1.0)
    freedom = float(np.unique(codes[known]).size) - 1.0
    if depends.steps:
        found = total(pull, depends)
        return Spread(found.error, min(found.freedom, freedom))
    # The inputs with marks say what CR2 adds, and how few degrees of freedom unequal clusters have.
    marked = np.where(known, pull, 0.0)
    robust = spread(marked[known], Dependence(codes[known]))
    plain = float((summed(marked, codes) ** 2).sum())
    added = (robust.error * float(known.sum())) ** 2 / plain if plain > 0.0 else 1.0
    return Spread(float(np.sqrt((summed(pull, codes) ** 2).sum() * added)), robust.freedom)
