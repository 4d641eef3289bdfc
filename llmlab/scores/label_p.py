"""
The score of labels by probability: how much of it the model gave to the right label.

In: the log-probabilities of the tokens with which the answer says its label, and of the likeliest
other tokens there. Out: each label's share of what all labels have. What those tokens leave out is
not guessed: where it is too much, the answer is unread.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from llmlab.errors import UsageError
from llmlab.records import Answer, TokenLogprob
from llmlab.scores.fields import stated
from llmlab.scores.folded import fold
from llmlab.scores.labels import Labels
from llmlab.scores.scorer import Score, Scorer, best_constant, known_targets, real
from llmlab.scores.targets import written
from llmlab.scores.unread import Read, Unread
from llmlab.scores.words import meanings

LEAST: Final = 0.9
"""The share of the probability that must be known to belong to labels."""
_AROUND: Final = " \t\r\n\"'`*_#([{<:>\u00ab\u00bb\u201c\u201d\u201e\u2018\u2019\u201a"
"""What may stand before a label: blanks, quotes, marks of Markdown and JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """The label that an answer says, and the share of each label that has one."""

    said: str
    shares: Mapping[str, float]


def label_p(
    aliases: Mapping[str, Sequence[str]] | None = None,
    *,
    labels: Sequence[object] = (),
    field: str | None = None,
    least: float = LEAST,
) -> Score:
    """
    Score the probability that the model gave to the target label, from 0 to 1.

    The labels are those of `scores.label`. Taken are the tokens at the place where the answer says
    its label: each that begins exactly one label counts for it, and shares are of what all labels
    have. An answer without log-probabilities (ask with `logprobs=5`), that says its label twice,
    or of which less than *least* is known to belong to labels, has no score.

    Raises:
        UsageError: *least* is not above 0 and up to 1.
    """
    known = real(least, "least")
    if not 0.0 < known <= 1.0:
        raise UsageError(f"least must be above 0 and up to 1, not {known!r}")

    def make(targets: Sequence[object]) -> Scorer:
        listed = known_targets(targets)
        words = meanings(listed, labels, aliases or {})
        reader = _Reader(words=words, labels=Labels(words), field=field, least=known)
        return Scorer(
            name="label_p",
            read=reader.read,
            value=lambda said, target: said.shares.get(fold(written(target)), 0.0),
            written=lambda said: said.said,
            chance=best_constant(listed),
            probability=lambda said: said.shares[said.said],
        )

    return Score(name="label_p", make=make)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    words: Mapping[str, str]
    """The label of each word, both folded."""
    labels: Labels
    field: str | None
    least: float

    def read(self, answer: Answer) -> Read[Chances]:
        """Return what the labels share at the place where one is said."""
        if not answer.logprobs:
            return Unread("the answer has no log-probabilities: ask for them with logprobs=5")
        said = stated(answer, field=self.field, read=self.labels.said, taken=self.labels.exactly)
        if isinstance(said, Unread):
            return said
        places = list(self._places(answer, said))
        if len(places) != 1:
            often = "more than once" if places else "inside of a token"
            return Unread(f"the answer says {said} {often}: ask for the label alone")
        tokens = answer.logprobs[places[0] :]
        if len(tokens[0].top) < _FEWEST:
            return Unread("only the answer's own tokens have probabilities: ask with logprobs=5")
        return self._shared(said, self._masses(tokens))

    def _shared(self, said: str, masses: Mapping[str, float]) -> Read[Chances]:
        seen = math.fsum(masses.values())
        if seen < self.least or said not in masses:
            return Unread(
                f"only {seen:.1%} of the probability is known to belong to one label or another, "
                f"less than {self.least:.0%}: ask for more with logprobs=, or for the label alone"
            )
        return Chances(said=said, shares={each: mass / seen for each, mass in masses.items()})

    def _places(self, answer: Answer, said: str) -> Iterator[int]:
        """Yield the number of each token with which the label *said* begins."""
        spoken = "".join(each.token for each in answer.logprobs)
        # The tokens of thinking come first, where a server reports them.
        at, begin = 0, max(0, spoken.rfind(answer.text))
        words = [word for word, label in self.words.items() if label == said]
        longest = max(map(len, words)) + _EDGE
        for number, each in enumerate(answer.logprobs):
            rest = spoken[at:]
            own = rest.lstrip(_AROUND)
            first = at + len(rest) - len(own)
            inside = first < at + len(each.token) and at >= begin
            edge = first in (0, begin) or not spoken[first - 1].isalnum()
            if inside and edge and any(_begins(fold(own[:longest]), word) for word in words):
                yield number
            at += len(each.token)

    def _masses(self, tokens: Sequence[TokenLogprob]) -> dict[str, float]:
        """Add up the probability of each label; a beginning of several waits for the next token."""
        masses: dict[str, float] = {}
        before, weight = "", 1.0
        for each in tokens:
            carried = None
            for token, logprob in {**dict(each.top), each.token: each.logprob}.items():
                word = fold(before + token) if before else fold(token.lstrip(_AROUND))
                owners = self._owners(word)
                if len(owners) == 1:
                    (owner,) = owners
                    masses[owner] = masses.get(owner, 0.0) + weight * math.exp(min(logprob, 0.0))
                elif owners and token == each.token:
                    carried = word, weight * math.exp(min(logprob, 0.0))
            if carried is None:
                return masses
            before, weight = carried
        if before in self.words:  # the answer ends with a label that begins another one
            masses[self.words[before]] = masses.get(self.words[before], 0.0) + weight
        return masses

    def _owners(self, word: str) -> set[str]:
        """Return the labels that *word* begins, or that begin it as a word of their own."""
        if not word:
            return set()
        return {
            label for each, label in self.words.items()
            if each.startswith(word) or _begins(word, each)
        }  # fmt: skip


def _begins(text: str, word: str) -> bool:
    """Say whether *text* begins with *word*, whole."""
    return text.startswith(word) and not text[len(word) : len(word) + 1].isalnum()


_FEWEST: Final = 2
"""Tokens at a place below which there is nothing to compare."""
_EDGE: Final = 8
"""Characters beyond a label that are looked at: it must end there."""
