"""Scores of a direction: whether it is right, and the return of acting on it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from llmlab.scores.fields import stated
from llmlab.scores.scorer import (
    Score,
    Scorer,
    as_float,
    best_constant,
    known_targets,
    numeric,
    real,
)
from llmlab.scores.sides import read_side
from llmlab.scores.unread import Unread

_WORDS = {1: "up", -1: "down", 0: "flat"}


def direction_of(text: str) -> int | None:
    """Return +1 when *text* says up, -1 when it says down, 0 when flat, None when it is unread."""
    said = read_side(text)
    return None if isinstance(said, Unread) else said


def direction(field: str | None = None) -> Score:
    """
    Score 1 when the direction that the answer says is the sign of the target, a return.

    *field* is the path of the direction in a JSON answer. An answer that says none has no score.
    """

    def value(said: int, target: object) -> float:
        return float(said == np.sign(as_float(target)))

    def make(targets: Sequence[object]) -> Scorer:
        values = numeric("direction", known_targets(targets), "returns as targets")
        chance = best_constant([float(sign) for sign in np.sign(values)])
        return Scorer(
            name="direction", value=value, chance=chance, read=_reader(field), written=_WORDS.get
        )

    return Score(name="direction", make=make)


def signed_return(cost: float = 0.0, *, field: str | None = None) -> Score:
    """
    Score the return that acting on the answer earns: target × (+1 up, -1 down, 0 flat).

    *cost* is taken off where a position is taken, in the target's unit (0.0005 is 5 basis
    points). The chance level is the better of always up and always down. An answer that says no
    direction has no score: it is not taken for flat.
    """
    cost = real(cost, "cost")

    def value(said: int, target: object) -> float:
        return said * as_float(target) - cost * abs(said)

    def make(targets: Sequence[object]) -> Scorer:
        values = numeric("signed_return", known_targets(targets), "returns as targets")
        most = float(np.abs(values).max(initial=0.0))
        return Scorer(
            name="signed_return",
            value=value,
            chance=abs(float(values.mean())) - cost if values.size else None,
            low=-most - cost,
            high=most,
            read=_reader(field),
            written=_WORDS.get,
        )

    return Score(name="signed_return", make=make)


def _reader(field: str | None) -> Any:
    return partial(stated, field=field, read=read_side, taken=_taken)


_FEW = 4
"""Words of a value that may be a direction and no sentence about one."""


def _taken(value: Any) -> int | None:
    if not isinstance(value, str) or len(value.split()) > _FEW:
        return None
    return direction_of(value)
