"""
How many tokens a text has for a model, how that is known, and between which bounds.

Where the model's vocabulary is published and installed the count is exact. Elsewhere it is the
o200k count times a measured ratio for the family and the kind of text, corrected by what the
answers so far have taught (`learn`).
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

from llmlab.budget.encoders import Encoder, encoder
from llmlab.budget.families import Family, family_of
from llmlab.budget.kinds import KINDS, Kind, kind_of
from llmlab.budget.learn import Learned
from llmlab.catalogue import Model
from llmlab.records import Prompt

_BASE: Final = "o200k_base"
_KEPT: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Tokens of a text, and how far they can be trusted."""

    tokens: int
    how: Literal["exact", "estimate"]
    low: int
    high: int
    """About 19 of 20 texts lie between `low` and `high`; both are `tokens` where it is exact."""
    kind: Kind
    by: str
    """Who counted, such as `toktok o200k_base` or `o200k_base x 1.143 (claude-3)`."""
    raw: int
    """The estimate before anything learned; what `Counters.learn` compares with."""

    def __str__(self) -> str:
        if self.how == "exact":
            return f"{self.tokens:,} tokens (exact, {self.by})"
        return f"{self.tokens:,} tokens ({self.low:,} to {self.high:,}, {self.by})"


class Counters:
    """
    Every tokenizer, what was counted already, and what was learned; safe across threads.

    Counts are kept by the text's hash and length, not with the text: 65,536 of them, the least
    recently used go first.
    """

    def __init__(self, *, learned: Learned | None = None, kept: int = _KEPT) -> None:
        self.learned = learned or Learned()
        self._kept = kept
        self._known: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, text: str, model: Model | str) -> Count:
        """Count *text* for a `Model`, a `provider/model`, or a bare model id."""
        family = family_of(model)
        exact = _own(family)
        if exact is not None:
            tokens = self._tokens((text,), exact, family.encoding)[0]
            return Count(
                tokens=tokens, how="exact", low=tokens, high=tokens,
                kind="prose", by=exact.by, raw=tokens,
            )  # fmt: skip
        return self._estimate(text, family, _name(model))

    def prompt(self, prompt: Prompt, model: Model | str) -> Count:
        """Count a whole prompt: its words, and the frame that the chat template puts around."""
        family = family_of(model)
        parts = [self.count(part, model) for part in (prompt.system, prompt.user) if part]
        middle, low, high = family.frame
        message = family.message if prompt.system else 0
        longest = max(parts, key=lambda part: part.raw)
        framed = replace(
            longest,
            tokens=sum(part.tokens for part in parts) + middle + message,
            low=sum(part.low for part in parts) + low,
            high=sum(part.high for part in parts) + high + message,
            raw=sum(part.raw for part in parts) + middle + message,
            how="estimate",
            by=f"{longest.by}, with the chat frame",
        )
        return self._taught(framed, _name(model)) if _own(family) is None else framed

    def sizes(self, pieces: Sequence[str], model: Model | str, kind: Kind) -> list[int]:
        """
        Count many pieces of one block at once; estimates are rounded up, at their upper bound.

        The kind of text is that of the whole block: a row alone is too short to tell.
        """
        family = family_of(model)
        exact = _own(family)
        if exact is not None:
            return self._tokens(pieces, exact, family.encoding)
        base = self._tokens(pieces, _base(), _BASE)
        high = self._ratio(family, _name(model), kind)[2]
        return [math.ceil(tokens * high) for tokens in base]

    def yardstick(self, model: Model | str) -> tuple[Hashable, ...]:
        """Return what decides a model's counts; equal for models that count alike."""
        family = family_of(model)
        if _own(family) is not None:
            return (family.encoding,)
        name = _name(model)
        return (family.name, *((kind, self.learned.of(name, kind)) for kind in KINDS))

    def learn(self, model: Model | str, counted: Count, reported: int) -> None:
        """
        Take in the input tokens that the provider reported for the prompt that was *counted*.

        A model whose own vocabulary counts has nothing to learn.
        """
        if _own(family_of(model)) is not None:
            return
        with self._lock:
            self.learned = self.learned.update(
                _name(model), counted.kind, estimated=counted.raw, reported=reported
            )

    def _estimate(self, text: str, family: Family, name: str) -> Count:
        kind = kind_of(text)
        base = self._tokens((text,), _base(), _BASE)[0]
        middle, low, high = self._ratio(family, name, kind)
        raw = family.ratios[kind][0]
        taught = self.learned.of(name, kind)
        learned = f", learned from {taught.answers}" if taught else ""
        return Count(
            tokens=round(base * middle),
            how="estimate",
            low=math.floor(base * low),
            high=math.ceil(base * high),
            kind=kind,
            by=f"{_BASE} x {middle:.3f} ({family.name}{learned})",
            raw=round(base * raw),
        )

    def _taught(self, counted: Count, name: str) -> Count:
        """Put what was learned on whole prompts in place of the sum of the parts' bands."""
        taught = self.learned.of(name, counted.kind)
        if taught is None:
            return counted
        below, above = taught.band()
        return replace(
            counted,
            tokens=round(counted.raw * taught.factor),
            low=math.floor(counted.raw * below),
            high=math.ceil(counted.raw * above),
        )

    def _ratio(self, family: Family, name: str, kind: Kind) -> tuple[float, float, float]:
        """Tokens per o200k token: the family's, or its middle times what was learned."""
        middle, low, high = family.ratios[kind]
        taught = self.learned.of(name, kind)
        if taught is None:
            return middle, low, high
        below, above = taught.band()
        return middle * taught.factor, middle * below, middle * above

    def _tokens(self, texts: Sequence[str], by: Encoder, encoding: str) -> list[int]:
        """Look the counts up; what is not known is counted in one batch."""
        keys = [(encoding, hash(text), len(text)) for text in texts]
        with self._lock:
            found = [self._known.get(key) for key in keys]
            for key, value in zip(keys, found, strict=True):
                if value is not None:
                    self._known.move_to_end(key)
        absent = [at for at, value in enumerate(found) if value is None]
        counted = by.batch([texts[at] for at in absent]) if absent else []
        self._keep({keys[at]: tokens for at, tokens in zip(absent, counted, strict=True)})
        fresh = iter(counted)
        return [next(fresh) if value is None else value for value in found]

    def _keep(self, counted: dict[tuple[str, int, int], int]) -> None:
        if not counted:
            return
        with self._lock:
            self._known.update(counted)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)


def count(text: str, model: Model | str, *, counters: Counters | None = None) -> Count:
    """
    Return how many tokens *text* has for *model*.

    Args:
        text: Any text; special tokens in it are plain text.
        model: A `Model`, a `provider/model`, or a bare id such as `gpt-4o`.
        counters: Where counts are kept and corrections learned; without it, one per process.
    """
    return (counters or _shared()).count(text, model)


@cache
def _shared() -> Counters:
    return Counters()


def _own(family: Family) -> Encoder | None:
    """The family's published vocabulary, if its package is installed."""
    return encoder(family.encoding) if family.published else None


def _base() -> Encoder:
    """Return o200k, by which the others are estimated; it is always there, or says what is not."""
    found = encoder(_BASE)
    assert found is not None  # noqa: S101 - encoder() raises for OpenAI's, None is for extras
    return found


def _name(model: Model | str) -> str:
    return model if isinstance(model, str) else model.name
