"""
Token counts: how many tokens a text has for a model, exact or estimated, with bounds.

Where the model's vocabulary is published and installed the count is exact. Elsewhere it is the
o200k count times a measured ratio for the family and the kind of text, corrected by what answers
reported so far (`learn`).
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

from llmlab.catalogue import Model
from llmlab.errors import ConfigError
from llmlab.records import Prompt
from llmlab.tokens.encoders import Encoder, encoder
from llmlab.tokens.estimate import BASE, estimate, ratio
from llmlab.tokens.families import Family, family_of
from llmlab.tokens.kinds import Kind, kind_of
from llmlab.tokens.learn import CountCorrection, Learned

_KEPT: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Token count of a text, and its bounds."""

    tokens: int
    how: Literal["exact", "estimate"]
    low: int
    high: int
    """About 19 of 20 texts lie between `low` and `high`; both are `tokens` where it is exact."""
    kind: Kind
    by: str
    """Who counted, such as `toktok o200k_base` or `o200k_base x 1.127 (claude-3)`."""
    words: tuple[tuple[Kind, float], ...]
    """Tokens of the words by kind, without learned corrections; the input of `Counters.learn`."""

    def __str__(self) -> str:
        if self.how == "exact":
            return f"{self.tokens:,} tokens (exact, {self.by})"
        return f"{self.tokens:,} tokens ({self.low:,} to {self.high:,}, {self.by})"


class Counters:
    """
    All tokenizers, a cache of counts, and learned corrections; safe across threads.

    Counts are kept by the text's hash and length, not with the text: 65,536 of them, the least
    recently used go first.
    """

    def __init__(
        self,
        *,
        learned: Learned | None = None,
        kept: int = _KEPT,
        encoders: Callable[[str], Encoder | None] = encoder,
    ) -> None:
        self.learned = learned or Learned()
        self._encoders = encoders
        self._kept = kept
        self._known: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, text: str, model: Model | str) -> Count:
        """Count *text* for a `Model`, a `provider/model`, or a bare model id."""
        family = family_of(model)
        exact = self._own(family)
        if exact is not None:
            tokens = self._tokens((text,), exact, family.encoding)[0]
            return Count(
                tokens=tokens, how="exact", low=tokens, high=tokens,
                kind="prose", by=exact.by, words=(("prose", tokens),),
            )  # fmt: skip
        return self._estimate(text, family, _name(model))

    def prompt(self, prompt: Prompt, model: Model | str) -> Count:
        """Count a whole prompt: its words, and the frame that the chat template adds."""
        family = family_of(model)
        parts = [self.count(part, model) for part in prompt.texts]
        middle, low, high = family.frame
        message = family.message * (len(prompt.turns) + bool(prompt.system))
        longest = max(parts, key=lambda part: part.tokens)
        framed = replace(
            longest,
            tokens=sum(part.tokens for part in parts) + middle + message,
            low=sum(part.low for part in parts) + low,
            high=sum(part.high for part in parts) + high + message,
            words=_together(parts),
            how="estimate",
            by=f"{longest.by}, with the chat frame",
        )
        taught = self.learned.of(_name(model))
        words = framed if taught is None else _predicted(framed, taught)
        return _with_files(words, prompt, _name(model)) if prompt.attachments else words

    def sizes(self, pieces: Sequence[str], model: Model | str, kind: Kind) -> list[int]:
        """
        Count many pieces of one block at once; estimates are rounded up, at their upper bound.

        The kind of text is that of the whole block: a row alone is too short to tell.
        """
        family = family_of(model)
        exact = self._own(family)
        if exact is not None:
            return self._tokens(pieces, exact, family.encoding)
        base = self._tokens(pieces, self._base(), BASE)
        high = ratio(kind, family, self.learned.of(_name(model)))[2]
        return [math.ceil(tokens * high) for tokens in base]

    def yardstick(self, model: Model | str) -> tuple[Hashable, ...]:
        """Return a key of all that decides a model's counts; equal for models that count alike."""
        family = family_of(model)
        if self._own(family) is not None:
            return (family.encoding,)
        name = _name(model)
        return (family.name, name, self.learned.of(name))

    def learn(self, model: Model | str, counted: Count, reported: int) -> None:
        """
        Learn from the input tokens that the provider *reported* for the prompt that was *counted*.

        A model whose own vocabulary is used has nothing to learn.
        """
        family = family_of(model)
        if self._own(family) is not None:
            return
        with self._lock:
            self.learned = self.learned.update(
                _name(model), dict(counted.words), reported=reported, frame=family.frame[0]
            )

    def _estimate(self, text: str, family: Family, name: str) -> Count:
        kind = kind_of(text)
        base = self._tokens((text,), self._base(), BASE)[0]
        found = estimate(base, kind, family, self.learned.of(name))
        return Count(
            tokens=found.tokens,
            how="estimate",
            low=found.low,
            high=found.high,
            kind=kind,
            by=found.by,
            words=((kind, base * family.ratios[kind][0]),),
        )

    def _own(self, family: Family) -> Encoder | None:
        """Return the encoder of the family's published vocabulary, if its package is there."""
        return self._encoders(family.encoding) if family.published else None

    def _base(self) -> Encoder:
        """Return o200k, by which the others are estimated."""
        found = self._encoders(BASE)
        if found is None:
            raise ConfigError(f"no vocabulary {BASE}: pip install --force-reinstall llmlab")
        return found

    def _tokens(self, texts: Sequence[str], by: Encoder, encoding: str) -> list[int]:
        """Return counts from the cache; texts not in it are counted in one batch."""
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


def count_prompt(prompt: Prompt, model: Model | str) -> Count:
    """Return how many tokens a whole prompt has, the chat frame included."""
    return _shared().prompt(prompt, model)


@cache
def _shared() -> Counters:
    return Counters()


def _together(parts: Sequence[Count]) -> tuple[tuple[Kind, float], ...]:
    """Add up the words of parts by kind."""
    total: dict[Kind, float] = {}
    for part in parts:
        for kind, tokens in part.words:
            total[kind] = total.get(kind, 0.0) + tokens
    return tuple(total.items())


def _with_files(words: Count, prompt: Prompt, name: str) -> Count:
    """Add the tokens of images and PDFs by the vendor's rule; a third less or more is possible."""
    from llmlab.tokens.images import tokens_of

    files = tokens_of(prompt.attachments, name)
    # Of a PDF whose pages nobody counted, any number of tokens can come.
    sure = tokens_of([each for each in prompt.attachments if each.width or each.pages], name)
    return replace(
        words,
        tokens=words.tokens + files,
        low=words.low + sure * 2 // 3,
        high=words.high + files * 4 // 3,
        by=f"{words.by}, files by the vendor's rule",
    )


def _predicted(framed: Count, taught: CountCorrection) -> Count:
    """Replace the sum of the parts by the prediction learned from whole prompts."""
    middle, low, high = taught.predict(dict(framed.words), framed=True)
    return replace(framed, tokens=round(middle), low=math.floor(low), high=math.ceil(high))


def _name(model: Model | str) -> str:
    return model if isinstance(model, str) else model.name
