"""Scores of words: exact, label, contains, regex, similarity."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from llmlab.errors import UsageError
from llmlab.records import Answer
from llmlab.scores.fields import stated
from llmlab.scores.folded import fold
from llmlab.scores.labels import Labels
from llmlab.scores.numbers import numbers_in, prepared
from llmlab.scores.scorer import Found, Score, Scorer, best_constant, known_targets
from llmlab.scores.targets import agreement, is_number, same, without_zeros, written


def exact(*, ignore_case: bool = False) -> Score:
    """
    Score 1 when the answer is the target, apart from spaces around it.

    Words are compared in NFC; a target that is a number, a date or a boolean by its value, so that
    `1` matches the 1.0 that a column with missing values has for a 1.
    """

    def plain(text: str) -> str:
        stripped = unicodedata.normalize("NFC", text).strip()
        return stripped.casefold() if ignore_case else stripped

    def value(text: str, target: object) -> float:
        if isinstance(target, str):
            return float(plain(text) in {plain(target), without_zeros(plain(target))})
        return agreement(text.strip(), target)

    def make(targets: Sequence[object]) -> Scorer:
        known = [plain(written(target)) for target in known_targets(targets)]
        return Scorer(name="exact", value=value, chance=best_constant(known))

    return Score(name="exact", make=make)


def label(
    aliases: Mapping[str, Sequence[str]] | None = None,
    *,
    labels: Sequence[object] = (),
    field: str | None = None,
) -> Score:
    """
    Score 1 when the label of the answer, in any case, is the target.

    The labels are the targets of the run, *labels* that are possible although no input has them
    for a target (those of a template's schema are known), and *aliases*, other words for them, such
    as `{"positive": ["bullish", "buy"]}`. *field* is the path of the label in a JSON answer. An
    answer with no label, or several, has no score; docs/scores.md says how it is read.
    """

    def make(targets: Sequence[object]) -> Scorer:
        return _label(known_targets(targets), labels, aliases or {}, field)

    return Score(name="label", make=make)


def _label(
    targets: Sequence[object],
    more: Sequence[object],
    aliases: Mapping[str, Sequence[str]],
    field: str | None,
) -> Scorer:
    known = Labels(meanings(targets, more, aliases))
    folded = {_fold(target) for target in targets}

    def offered(choices: Sequence[object]) -> Scorer | None:
        """Return the score that knows *choices*, too, if the targets are among them."""
        fits = folded <= {_fold(each) for each in choices}
        return _label(targets, [*more, *choices], aliases, field) if fits else None

    return Scorer(
        name="label",
        value=lambda said, target: float(said == _fold(target)),
        chance=best_constant(targets),
        read=partial(stated, field=field, read=known.said, taken=known.exactly),
        offered=offered,
    )


def contains(words: str | None = None, *, ignore_case: bool = True) -> Score:
    """
    Score 1 when the answer has *words* in it; the target's words when they are None.

    A target that is a number is in the answer when a number of it has that value.
    """

    def folded(text: str) -> str:
        return fold(text) if ignore_case else unicodedata.normalize("NFC", text)

    def make(_: Sequence[object]) -> Scorer:
        def value(text: str, target: object) -> float:
            if words is None and is_number(target):
                said = numbers_in(prepared(text))
                return float(any(same(each.value, target) for each in said if not each.why))
            wanted = written(target) if words is None else words
            return float(folded(wanted).strip() in folded(text))

        return Scorer(name="contains", value=value, needs_target=words is None)

    return Score(name="contains", make=make, needs_target=words is None)


def regex(pattern: str | None = None) -> Score:
    """
    Score 1 when *pattern* is found in the answer; the target is the pattern when it is None.

    `^` and `$` are those of the whole answer; begin with `(?i)` to ignore case.

    Raises:
        UsageError: The pattern is no regular expression.
    """
    fixed = None if pattern is None else _compiled(pattern)

    def read(answer: Answer) -> Found:
        match = None if fixed is None else fixed.search(answer.text)
        return Found(None if match is None else match[0])

    def make(targets: Sequence[object]) -> Scorer:
        if fixed is not None:
            return Scorer(
                name="regex",
                value=lambda said, _: float(said.value is not None),
                read=read,
                written=lambda said: said.value,
                needs_target=False,
            )
        found = {written(each): _compiled(written(each)) for each in known_targets(targets)}
        return Scorer(
            name="regex",
            value=lambda text, target: float(found[written(target)].search(text) is not None),
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
        return float(Indel.normalized_similarity(text.strip(), written(target)))

    return Score(name="similarity", make=lambda _: Scorer(name="similarity", value=score))


_FEWEST: Final = 2
"""Fewest labels that a score can tell apart."""


def _fold(target: object) -> str:
    return fold(written(target))


_TRUTH: Final = {"true": ("yes",), "false": ("no",)}
"""Other words for labels that are booleans."""


def meanings(
    targets: Sequence[object], more: Sequence[object], aliases: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """
    Return the label of each word, both folded.

    Raises:
        UsageError: There are not two labels, or aliases of one that there is not.
    """
    labels = {_fold(target) for target in (*targets, *more)}
    if len(labels) < _FEWEST and len(targets) != 1:  # one input is a try, such as frame.head(1)
        raise UsageError(
            f"score 'label' needs at least two different targets; all are {sorted(labels)}: "
            "name the others with scores.label(labels=[...])"
        )
    strange = [name for name in aliases if _fold(name) not in labels]
    if strange:
        raise UsageError(
            f"aliases are given for {strange[0]!r}, but the labels are {', '.join(sorted(labels))}"
        )
    known = {**(_TRUTH if labels == set(_TRUTH) else {}), **aliases}
    others = {_fold(word): _fold(name) for name, words in known.items() for word in words}
    return {**others, **{name: name for name in labels}}


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{pattern!r} is no regular expression: {error}") from error
