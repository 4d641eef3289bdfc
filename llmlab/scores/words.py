"""Scores of words: exact, label, contains, regex, similarity."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from llmlab.errors import UsageError
from llmlab.records import Answer
from llmlab.scores.scorer import Score, Scorer, best_constant, known_targets


def exact(*, ignore_case: bool = False) -> Score:
    """Score 1 when the answer is the target, blanks around it aside."""

    def plain(text: object) -> str:
        stripped = str(text).strip()
        return stripped.casefold() if ignore_case else stripped

    def make(targets: Sequence[object]) -> Scorer:
        return Scorer(
            name="exact",
            score=lambda text, target: float(plain(text) == plain(target)),
            chance=best_constant([plain(target) for target in known_targets(targets)]),
        )

    return Score(name="exact", make=make)


def label(aliases: Mapping[str, Sequence[str]] | None = None) -> Score:
    """
    Score 1 when the first label that the answer says, in any case, is the target.

    The labels are the targets of the run; *aliases* are other words for them, such as
    `{"positive": ["bullish", "buy"]}`.
    """

    def make(targets: Sequence[object]) -> Scorer:
        known = known_targets(targets)
        meanings = _meanings(known, aliases or {})
        spoken = _spoken(meanings)

        def said(text: str) -> str | None:
            found = spoken.search(text)
            return None if found is None else meanings[found[0].casefold()]

        def score(text: str, target: object) -> float:
            return float(said(text) == _fold(target))

        return Scorer(
            name="label",
            score=score,
            chance=best_constant(known),
            said=lambda answer: said(answer.text),
        )

    return Score(name="label", make=make)


def contains(words: str | None = None, *, ignore_case: bool = True) -> Score:
    """Score 1 when the answer has *words* in it; the target's words when they are None."""

    def fold(text: object) -> str:
        return str(text).casefold() if ignore_case else str(text)

    def make(_: Sequence[object]) -> Scorer:
        def score(text: str, target: object) -> float:
            return float(fold(target if words is None else words).strip() in fold(text))

        return Scorer(name="contains", score=score, needs_target=words is None)

    return Score(name="contains", make=make, needs_target=words is None)


def regex(pattern: str | None = None) -> Score:
    """
    Score 1 when *pattern* is found in the answer; the target is the pattern when it is None.

    `^` and `$` are those of the whole answer; begin with `(?i)` to ignore case.

    Raises:
        UsageError: The pattern is no regular expression.
    """
    fixed = None if pattern is None else _compiled(pattern)

    def make(targets: Sequence[object]) -> Scorer:
        found = {str(each): _compiled(str(each)) for each in known_targets(targets)}

        def search(text: str, target: object) -> re.Match[str] | None:
            return (fixed or found[str(target)]).search(text)

        def said(answer: Answer) -> object:
            match = None if fixed is None else fixed.search(answer.text)
            return None if match is None else match[0]

        return Scorer(
            name="regex",
            score=lambda text, target: float(search(text, target) is not None),
            said=None if fixed is None else said,
            needs_target=fixed is None,
        )

    return Score(name="regex", make=make, needs_target=fixed is None)


def similarity() -> Score:
    """
    Score how alike answer and target are, from 0 to 1: 1 - distance / (both lengths).

    The distance is that of insertions and deletions (longest common subsequence), as rapidfuzz
    computes it; it is symmetric, which difflib's ratio is not.

    Raises:
        UsageError: rapidfuzz is not installed.
    """
    try:
        from rapidfuzz.distance import Indel
    except ImportError as error:
        raise UsageError("score 'similarity' needs rapidfuzz: pip install rapidfuzz") from error

    def score(text: str, target: object) -> float:
        return float(Indel.normalized_similarity(text.strip(), str(target).strip()))

    return Score(name="similarity", make=lambda _: Scorer(name="similarity", score=score))


_FEWEST: Final = 2
"""One label cannot be told from another."""


def _fold(target: object) -> str:
    return str(target).strip().casefold()


def _meanings(targets: Sequence[object], aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the label that each word stands for, both in small letters."""
    labels = {_fold(target) for target in targets}
    if len(labels) < _FEWEST and len(targets) != 1:  # one input is a try, such as frame.head(1)
        raise UsageError(
            f"score 'label' needs at least two different targets; all are {sorted(labels)}"
        )
    strange = [name for name in aliases if _fold(name) not in labels]
    if strange:
        raise UsageError(
            f"aliases are given for {strange[0]!r}, but the labels are {', '.join(sorted(labels))}"
        )
    others = {_fold(word): _fold(name) for name, words in aliases.items() for word in words}
    return {**others, **{name: name for name in labels}}


def _spoken(meanings: Mapping[str, str]) -> re.Pattern[str]:
    words = "|".join(map(re.escape, sorted(meanings, key=len, reverse=True)))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{pattern!r} is no regular expression: {error}") from error
