"""What a score is: how it reads an answer, how it values what it read, and its range."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from llmlab.checks.plain import plain
from llmlab.errors import UsageError
from llmlab.records import Answer, Usage
from llmlab.scores.folded import fold
from llmlab.scores.targets import is_number, plain_value, written
from llmlab.scores.targets import missing as missing  # noqa: PLC0414 - asked for here by `runs`
from llmlab.scores.unread import Read, Unread

Floats: TypeAlias = npt.NDArray[np.float64]

ScoreFunction: TypeAlias = Callable[..., Any]
"""`score(text, target)` or `score(answer, row)`; a number, higher is better."""

AnswerFunction: TypeAlias = Callable[[Answer, Mapping[str, object]], float]
"""`score(answer, row)`: the whole answer, and the line of the frame it is about."""

Aggregate: TypeAlias = Callable[[Floats, Floats, "Sequence[object] | None"], Floats]
"""`(said, targets, groups)`, a number an input, to a number an input: their mean is the score."""


class Found(NamedTuple):
    """What was read, and a fault for which it scores 0 whatever the target."""

    value: Any
    wrong: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A score that knows the targets of its run."""

    name: str
    value: Callable[[Any, object], float]
    """From what was read (the text, where nothing reads) and the target to the score."""
    read: Callable[[Answer], Read[Any]] | None = None
    """What the answer says, or why that cannot be read; None when the words count as they are."""
    informed: "Callable[[Sequence[str]], Scorer | None] | None" = None
    """Returns this score with the decimal mark that these texts show; None when they show none."""
    written: Callable[[Any], str | None] = lambda said: None if said is None else str(said)
    """What was read, as the column `said` has it."""
    offered: "Callable[[Sequence[object]], Scorer | None] | None" = None
    """Returns this score with the choices that a schema offers; None if they do not suit."""
    silent: float | None = None
    """The score of an unread answer, where `missing=` gives one."""
    chance: float | None = None
    """What the best constant answer would get on these targets; None when that is unknown."""
    low: float = 0.0
    high: float = 1.0
    """The range of one score, as early stopping needs it; infinite when it has none."""
    of_answer: AnswerFunction | None = None
    """Takes the place of `value` where more than text and target is needed."""
    aggregate: Aggregate | None = None
    """Takes the place of `value` for what only many inputs have, such as a correlation."""
    needs_target: bool = True
    reads_calls: bool = False
    """Whether it reads calls of tools; to any other score an answer of calls alone says nothing."""
    probability: Callable[[Any], float] | None = None
    """The probability of what was read, for its column; it is known by log-probabilities."""

    def score(self, text: str, target: object) -> float:
        """Return the score of *text* alone; NaN when it cannot be read."""
        said: Any = text
        if self.read is not None:
            said = self.read(Answer(text=text, usage=Usage(), finish="stop", model=""))
        if isinstance(said, Unread):
            return math.nan if self.silent is None else self.silent
        return float(self.value(said, target))


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
    counts = Counter(fold(written(target)) for target in targets)
    return max(counts.values()) / len(targets)


def known_targets(targets: Sequence[object]) -> list[object]:
    """Leave out the targets that are missing: their inputs get no score."""
    return [target for target in targets if not missing(target)]


def numeric(name: str, targets: Sequence[object], what: str = "numeric targets") -> Floats:
    """
    Return *targets* as floats.

    Raises:
        UsageError: One is not a number.
    """
    for target in targets:
        if not (is_number(target) or isinstance(plain_value(target), bool)):
            raise UsageError(f"score {name!r} needs {what}; {target!r} is not a number")
    return np.array([as_float(target) for target in targets], dtype=float)


def real(value: object, name: str) -> float:
    """
    Return a number that a caller gave, such as NumPy's or a Decimal, as a float.

    Raises:
        UsageError: It is none.
    """
    made = plain(value)
    if isinstance(made, bool) or not isinstance(made, int | float):
        raise UsageError(f"{name} must be a number, not {made!r}")
    return float(made)


def as_float(target: object) -> float:
    """Return a target that was checked to be a number."""
    return float(plain_value(target))
