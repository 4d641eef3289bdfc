r"""Scores by name, as a cell gives them: `label`, `number:5%`, `regex:^\d+$`, or a function."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from llmlab.errors import UsageError, suggest
from llmlab.scores.documents import json
from llmlab.scores.label_p import label_p
from llmlab.scores.numeric import number, value_of
from llmlab.scores.ranks import rank_ic
from llmlab.scores.returns import direction, signed_return
from llmlab.scores.scorer import Score, ScoreFunction, Scorer
from llmlab.scores.stated import brier, log_loss
from llmlab.scores.tools import tool
from llmlab.scores.words import contains, exact, label, regex, similarity


def score_of(score: str | Score | ScoreFunction) -> Score:
    """
    Return the score that a name, settings or a function mean.

    Raises:
        UsageError: No score has this name, or what follows its colon does not suit it.
    """
    if isinstance(score, Score):
        return score
    if callable(score):
        return function(score, sample="")
    name, colon, given = str(score).partition(":")
    if name not in SCORES:
        raise UsageError(f"no score is called {score!r}; {suggest(name, [*SCORES, 'judge'])}")
    kind = SCORES[name]
    if not colon:
        return kind.plain()
    if kind.with_words is None:
        raise UsageError(f"score {name!r} takes nothing after its name; got {given!r}")
    return kind.with_words(given)


def scorer_of(score: str | Score | ScoreFunction, targets: Sequence[object]) -> Scorer:
    """
    Make the scorer that *score* means, for inputs whose targets are *targets*.

    Raises:
        UsageError: No score has this name, or the targets do not suit it.
    """
    return score_of(score).make(targets)


def function(score: ScoreFunction, *, sample: str | None) -> Score:
    """
    Take a user's function; one whose first parameter is `answer` gets (answer, row).

    Args:
        score: Returns a number, higher is better, or NaN for what cannot be scored.
        sample: An answer on which it is tried before anything is sent, such as
            `'{"label": "up"}'`; empty, the first target's own words; None, it is not tried.
    """
    name = getattr(score, "__name__", type(score).__name__)
    whole = _first_parameter(score) == "answer"

    def make(_: Sequence[object]) -> Scorer:
        return Scorer(
            name=name,
            value=score,
            of_answer=score if whole else None,
            needs_target=False,
        )

    return Score(name=name, make=make, needs_target=False, sample=sample)


def _first_parameter(function: ScoreFunction) -> str:
    try:
        return next(iter(inspect.signature(function).parameters), "")
    except (TypeError, ValueError):  # a builtin without a signature takes (text, target)
        return ""


def _tolerance(given: str) -> Score:
    """Read `0.5` as an absolute, `5%` as a relative tolerance."""
    try:
        return number(value_of(given), relative=given.strip().endswith("%"))
    except ValueError:
        raise UsageError(f"number:{given} needs a tolerance, such as 0.5 or 5%") from None


def _field(given: str) -> Score:
    return json(field=given)


def _arguments(given: str) -> Score:
    return tool(given)  # type: ignore[arg-type]  # what is no choice is refused there


def _cost(given: str) -> Score:
    try:
        cost = value_of(given)
    except ValueError:
        cost = math.nan
    if not cost >= 0.0:
        raise UsageError(f"signed_return:{given} needs a cost, such as 0.0005 or 0.05%")
    return signed_return(cost)


class ScoreKind(NamedTuple):
    """A score that has a name."""

    plain: Callable[[], Score]
    """Makes it as it is."""
    with_words: Callable[[str], Score] | None = None
    """Makes it of the words after a colon; None where it takes none."""
    of_probabilities: bool = False
    """Whether answers state probabilities, so that they have a calibration."""


SCORES: Final = {
    "label": ScoreKind(label),
    "label_p": ScoreKind(label_p, of_probabilities=True),
    "tool": ScoreKind(tool, _arguments),
    "exact": ScoreKind(exact),
    "contains": ScoreKind(contains, contains),
    "regex": ScoreKind(regex, regex),
    "similarity": ScoreKind(similarity),
    "json": ScoreKind(json, _field),
    "number": ScoreKind(number, _tolerance),
    "direction": ScoreKind(direction),
    "signed_return": ScoreKind(signed_return, _cost),
    "brier": ScoreKind(brier, of_probabilities=True),
    "log_loss": ScoreKind(log_loss, of_probabilities=True),
    "rank_ic": ScoreKind(rank_ic),
}
"""By name."""
