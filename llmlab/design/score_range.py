"""How far apart two scores of one input can be: what a test that looks early must know."""

import math

from llmlab.errors import UsageError
from llmlab.scores.scorer import Scorer


def bound_of(scorer: Scorer) -> float:
    """
    Return the largest difference that two scores of one input can have.

    Raises:
        UsageError: The score has no range, or an input alone has no score.
    """
    if scorer.aggregate is not None:
        raise UsageError(f"stop_when_clear cannot use {scorer.name!r}: one input has no such score")
    width = scorer.high - scorer.low
    if not 0.0 < width < math.inf:
        raise UsageError(
            f"stop_when_clear needs a score with a range, which {scorer.name!r} has not: "
            "give a tolerance (number:5%), or a function with values in 0..1"
        )
    return width
