"""Scores of stated probabilities: Brier and logarithmic, turned so that higher is better."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from llmlab.errors import UsageError
from llmlab.records import Answer
from llmlab.scores.chances import doubtful_document, read_probability
from llmlab.scores.digits import Mark
from llmlab.scores.fields import stated
from llmlab.scores.numbers import only_number, prepared
from llmlab.scores.numeric import by_decimal
from llmlab.scores.scorer import Floats, Score, Scorer, as_float, known_targets, numeric, real
from llmlab.scores.unread import Read, Unread

Value: TypeAlias = Callable[[float, float], float]
"""From the probability stated, and whether it happened (0 or 1), to a score."""

CLIP: Final = 1e-6
"""A stated probability counts as at least this far from 0 and 1: a wrong certainty costs 13.8."""


def probability_of(text: str) -> float | None:
    """
    Return the probability that *text* states: a percentage, or a number from 0 to 1; None if none.

    `70` without a percent sign is no probability: it may be a price.
    """
    said = read_probability(text)
    return None if isinstance(said, Unread) else said


def brier(
    missing: float | None = None, *, field: str | None = None, decimal: Mark | None = None
) -> Score:
    """
    Score minus the squared error of the probability stated for the target, 0 or 1.

    *missing* is the score of an answer that states none, or is cut, empty or refused; NaN (left
    out) when it is None, which favours a model that states none where it is unsure: -0.25 counts
    that as 50 %. *field* is the path of the probability in a JSON answer.

    Source: Brier (1950), Monthly Weather Review 78, 1-3.
    """

    def value(stated: float, came: float) -> float:
        return -((stated - came) ** 2)

    silent = None if missing is None else real(missing, "missing")
    made = partial(_scorer, "brier", value, silent, -1.0, field, decimal)
    return Score(name="brier", make=made)


def log_loss(
    missing: float | None = None, *, field: str | None = None, decimal: Mark | None = None
) -> Score:
    """
    Score the logarithm of the probability stated for what happened (minus log loss); see `brier`.

    Source: Good (1952), JRSS B 14, 107-114.
    """

    def value(stated: float, came: float) -> float:
        held = min(max(stated, CLIP), 1.0 - CLIP)
        return came * math.log(held) + (1.0 - came) * math.log(1.0 - held)

    silent = None if missing is None else real(missing, "missing")
    made = partial(_scorer, "log_loss", value, silent, math.log(CLIP), field, decimal)
    return Score(name="log_loss", make=made)


def _scorer(
    name: str,
    value: Value,
    silent: float | None,
    low: float,
    field: str | None,
    decimal: Mark | None,
    targets: Sequence[object],
) -> Scorer:
    came = _outcomes(name, targets)
    base = float(came.mean()) if came.size else 0.5
    chance = float(np.mean([value(base, each) for each in came])) if came.size else None

    def make(mark: Mark | None) -> Scorer:
        return Scorer(
            name=name,
            value=lambda said, target: value(said, as_float(target)),
            read=_reader(field, mark),
            written=repr,
            silent=silent,
            chance=chance,
            low=low,
            high=0.0,
        )

    return by_decimal(make, decimal)


def _reader(field: str | None, mark: Mark | None) -> Callable[[Answer], Read[float]]:
    read = partial(read_probability, mark=mark)

    def taken(value: Any) -> float | None:
        if isinstance(value, str):
            said = read(value) if only_number(prepared(value)) is not None else None
            return said if isinstance(said, float) else None
        possible = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if possible and 0.0 <= value <= 1.0 else None

    doubt = partial(doubtful_document, chance=lambda value: taken(value) is not None)
    return partial(stated, field=field, read=read, taken=taken, doubt=doubt)


def _outcomes(name: str, targets: Sequence[object]) -> Floats:
    came = numeric(name, known_targets(targets), "targets of 0 and 1")
    wrong = came[(came != 0.0) & (came != 1.0)]
    if wrong.size:
        raise UsageError(
            f"score {name!r} needs targets of 0 and 1 (it happened or not); got {wrong[0]:g}: "
            "for returns make a column such as frame['up'] = (frame['return'] > 0).astype(int)"
        )
    return came
