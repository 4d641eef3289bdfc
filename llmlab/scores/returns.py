"""Scores of a view on a price: was the direction right, and what would it have earned."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from llmlab.records import Answer
from llmlab.scores.scorer import Score, Scorer, as_float, best_constant, known_targets, numeric

_UP: Final = frozenset({"up", "rise", "rises", "higher", "buy", "long", "positive", "bullish"})
_DOWN: Final = frozenset({"down", "fall", "falls", "lower", "sell", "short", "negative", "bearish"})
_WORD: Final = re.compile(r"[a-z]+")


def direction_of(text: str) -> int:
    """Return +1 when *text* first says up, -1 when it first says down, 0 when neither."""
    for word in _WORD.findall(text.casefold()):
        if word in _UP or word in _DOWN:
            return 1 if word in _UP else -1
    return 0


def direction() -> Score:
    """Score 1 when the first direction the answer says is the sign of the target, a return."""

    def score(text: str, target: object) -> float:
        return float(direction_of(text) * as_float(target) > 0)

    def make(targets: Sequence[object]) -> Scorer:
        values = numeric("direction", known_targets(targets), "returns as targets")
        chance = best_constant([float(sign) for sign in np.copysign(1.0, values)])
        return Scorer(name="direction", score=score, chance=chance, said=_said)

    return Score(name="direction", make=make)


def signed_return(cost: float = 0.0) -> Score:
    """
    Score the return that acting on the answer earns: target × (+1 up, -1 down, 0 neither).

    *cost* is taken off where a position is taken, in the target's unit (0.0005 is 5 basis
    points). The chance level is the better of always up and always down.
    """

    def score(text: str, target: object) -> float:
        position = direction_of(text)
        return position * as_float(target) - cost * abs(position)

    def make(targets: Sequence[object]) -> Scorer:
        values = numeric("signed_return", known_targets(targets), "returns as targets")
        most = float(np.abs(values).max(initial=0.0))
        return Scorer(
            name="signed_return",
            score=score,
            chance=abs(float(values.mean())) - cost if values.size else None,
            low=-most - cost,
            high=most,
            said=_said,
        )

    return Score(name="signed_return", make=make)


def _said(answer: Answer) -> str | None:
    return {1: "up", -1: "down", 0: None}[direction_of(answer.text)]
