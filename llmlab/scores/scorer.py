"""What a score is: how it reads an answer, how it values what it read, and its range."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from llmlab.errors import UsageError
from llmlab.records import Answer

Floats: TypeAlias = npt.NDArray[np.float64]

ScoreFunction: TypeAlias = Callable[..., Any]
"""`score(text, target)` or `score(answer, row)`; a number, higher is better."""

AnswerFunction: TypeAlias = Callable[[Answer, Mapping[str, object]], float]
"""`score(answer, row)`: the whole answer, and the line of the frame it is about."""

Aggregate: TypeAlias = Callable[[Floats, Floats, "Sequence[object] | None"], Floats]
"""`(said, targets, groups)`, a number an input, to a number an input: their mean is the score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A score that knows the targets of its run."""

    name: str
    score: Callable[[str, object], float]
    """From the text and the target; NaN when the text says nothing that can be valued."""
    chance: float | None = None
    """What the best constant answer would get on these targets; None when that is unknown."""
    low: float = 0.0
    high: float = 1.0
    """The range of one score, as the sequential test needs it; infinite when it has none."""
    said: Callable[[Answer], object] | None = None
    """What the score takes the answer to say, for the column `said`; None when it is nothing."""
    of_answer: AnswerFunction | None = None
    """Takes the place of `score` where more than text and target is needed."""
    aggregate: Aggregate | None = None
    """Takes the place of `score` for what only many inputs have, such as a correlation."""
    needs_target: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A score by its settings, before the targets are known."""

    name: str
    make: Callable[[Sequence[object]], Scorer]
    needs_target: bool = True
    sample: str | None = None
    """What a user's function is tried on before anything is sent: empty, the first target's own
    words; None, nothing."""


def best_constant(targets: Sequence[object]) -> float | None:
    """Return the share of the commonest target: what one answer to all would score."""
    if not targets:
        return None
    counts = Counter(str(target).strip().casefold() for target in targets)
    return max(counts.values()) / len(targets)


def known_targets(targets: Sequence[object]) -> list[object]:
    """Leave out the targets that are missing: their inputs get no score."""
    return [target for target in targets if not missing(target)]


def missing(target: object) -> bool:
    """Say whether a target is not there: None, or NaN as pandas reads an empty field."""
    return target is None or (isinstance(target, Real) and math.isnan(float(target)))


def numeric(name: str, targets: Sequence[object], what: str = "numeric targets") -> Floats:
    """
    Return *targets* as floats.

    Raises:
        UsageError: One is not a number.
    """
    for target in targets:
        if not isinstance(target, Real):
            raise UsageError(f"score {name!r} needs {what}; {target!r} is not a number")
    return np.array([float(target) for target in targets], dtype=float)  # type: ignore[arg-type]


def as_float(target: object) -> float:
    """Return a target that was checked to be a number."""
    return float(target)  # type: ignore[arg-type]  # checked by `numeric` when the scorer was made
