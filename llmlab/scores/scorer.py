"""From an answer's text and a target to a number."""

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from llmlab.errors import UsageError

ScoreFunction: TypeAlias = Callable[[str, object], float]
"""`score(text, target)`, in [0, 1] unless its docstring says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A score by name; `chance` is what the best constant answer would get on these targets."""

    name: str
    score: ScoreFunction
    chance: float | None = None


def scorer_of(score: str | ScoreFunction, targets: Sequence[object]) -> Scorer:
    """
    Make the scorer that *score* names, for inputs whose targets are *targets*.

    Raises:
        UsageError: No score has this name, or the targets do not suit it.
    """
    if callable(score):
        return Scorer(name=getattr(score, "__name__", "score"), score=score)
    if score not in _MAKERS:
        near = difflib.get_close_matches(score, _MAKERS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(_MAKERS)}"
        raise UsageError(f"no score is called {score!r}{hint}")
    return _MAKERS[score](targets)


def _exact(targets: Sequence[object]) -> Scorer:
    def exact(text: str, target: object) -> float:
        return float(text.strip() == str(target).strip())

    return Scorer(name="exact", score=exact, chance=_best_constant(targets))


def _label(targets: Sequence[object]) -> Scorer:
    """The first of the targets' labels that the answer says, in any case, must be the right one."""
    labels = sorted({str(target).strip() for target in targets}, key=len, reverse=True)
    if len(labels) < 2:  # noqa: PLR2004 - one label cannot be told from another
        raise UsageError(
            f"score 'label' needs at least two different targets; all are {labels[:1]}"
        )
    spoken = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, labels))})(?!\w)", re.IGNORECASE)

    def label(text: str, target: object) -> float:
        said = spoken.search(text)
        return float(said is not None and said[0].casefold() == str(target).strip().casefold())

    return Scorer(name="label", score=label, chance=_best_constant(targets))


_NUMBER: Final = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*%?")


def number_of(text: str) -> float | None:
    """Return the first number that *text* says; a percent sign divides by 100."""
    said = _NUMBER.search(text)
    if said is None:
        return None
    digits = said[0].replace(",", "").strip()
    if digits.endswith("%"):
        return float(digits.rstrip("% ")) / 100.0
    return float(digits)


def _number(targets: Sequence[object]) -> Scorer:
    """Minus the absolute error of the first number in the answer; no number scores NaN."""
    for target in targets:
        if not isinstance(target, int | float):
            raise UsageError(f"score 'number' needs numeric targets; {target!r} is not a number")

    def number(text: str, target: object) -> float:
        said = number_of(text)
        return math.nan if said is None else -abs(said - float(target))  # type: ignore[arg-type]

    return Scorer(name="number", score=number)


_UP: Final = frozenset({"up", "rise", "higher", "buy", "long", "positive"})
_DOWN: Final = frozenset({"down", "fall", "lower", "sell", "short", "negative"})
_WORD: Final = re.compile(r"[a-z]+")


def direction_of(text: str) -> int:
    """Return +1 when *text* first says up, -1 when it first says down, 0 when neither."""
    for word in _WORD.findall(text.casefold()):
        if word in _UP or word in _DOWN:
            return 1 if word in _UP else -1
    return 0


def _direction(targets: Sequence[object]) -> Scorer:
    """A hit when the first direction the answer says is the sign of the target (a return)."""
    for target in targets:
        if not isinstance(target, int | float):
            raise UsageError(f"score 'direction' needs returns as targets; got {target!r}")
    signs = [math.copysign(1.0, float(target)) for target in targets]  # type: ignore[arg-type]

    def direction(text: str, target: object) -> float:
        return float(direction_of(text) * float(target) > 0)  # type: ignore[arg-type]

    return Scorer(name="direction", score=direction, chance=_best_constant(signs))


def _best_constant(targets: Sequence[object]) -> float | None:
    """The share of the commonest target: what always giving the same answer would score."""
    if not targets:
        return None
    counts = Counter(str(target).strip().casefold() for target in targets)
    return max(counts.values()) / len(targets)


_MAKERS: Final[dict[str, Callable[[Sequence[object]], Scorer]]] = {
    "label": _label,
    "exact": _exact,
    "number": _number,
    "direction": _direction,
}
