"""Scores of stated probabilities: Brier and logarithmic, turned so that higher is better."""

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np

from llmlab.errors import UsageError
from llmlab.scores.numeric import numbers_of
from llmlab.scores.scorer import Floats, Score, Scorer, as_float, known_targets, numeric

Value: TypeAlias = Callable[[float, float], float]
"""From the probability stated and what came (0 or 1) to a score."""

CLIP: Final = 1e-6
"""Of a stated probability in the logarithmic score: certainty that is wrong costs 13.8."""


def probability_of(text: str) -> float | None:
    """
    Return the probability that *text* states: its first percentage, else its first number in 0..1.

    `70` without a percent sign is no probability: it may be a price.
    """
    said = numbers_of(text)
    found = [value for value, percent in said if percent] or [value for value, _ in said]
    return next((value for value in found if 0.0 <= value <= 1.0), None)


def brier(missing: float | None = None) -> Score:
    """
    Score minus the squared error of the probability stated for the target, 0 or 1.

    *missing* is the score of an answer that states none; NaN (left out) when it is None,
    which favours a model that is silent where it is unsure: -0.25 takes that for 50 %.

    Source: Brier (1950), Monthly Weather Review 78, 1-3.
    """

    def value(stated: float, came: float) -> float:
        return -((stated - came) ** 2)

    return Score(name="brier", make=lambda targets: _scorer("brier", targets, value, missing, -1.0))


def log_loss(missing: float | None = None) -> Score:
    """
    Score the logarithm of the probability stated for what came (minus the log loss).

    Source: Good (1952), JRSS B 14, 107-114.
    """

    def value(stated: float, came: float) -> float:
        held = min(max(stated, CLIP), 1.0 - CLIP)
        return came * math.log(held) + (1.0 - came) * math.log(1.0 - held)

    low = math.log(CLIP)
    return Score(
        name="log_loss", make=lambda targets: _scorer("log_loss", targets, value, missing, low)
    )


def _scorer(
    name: str,
    targets: Sequence[object],
    value: Value,
    missing: float | None,
    low: float,
) -> Scorer:
    came = _outcomes(name, targets)

    def score(text: str, target: object) -> float:
        stated = probability_of(text)
        if stated is None:
            return math.nan if missing is None else missing
        return value(stated, as_float(target))

    base = float(came.mean()) if came.size else 0.5
    return Scorer(
        name=name,
        score=score,
        chance=float(np.mean([value(base, each) for each in came])) if came.size else None,
        low=low,
        high=0.0,
        said=lambda answer: probability_of(answer.text),
    )


def _outcomes(name: str, targets: Sequence[object]) -> Floats:
    came = numeric(name, known_targets(targets), "targets of 0 and 1")
    wrong = came[(came != 0.0) & (came != 1.0)]
    if wrong.size:
        raise UsageError(
            f"score {name!r} needs targets of 0 and 1 (it came or not); got {wrong[0]:g}: "
            "for returns make a column such as frame['up'] = (frame['return'] > 0).astype(int)"
        )
    return came
