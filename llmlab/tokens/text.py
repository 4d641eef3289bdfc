"""The `Text` block: news, filings, notes; words from outside, marked as data."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from llmlab.tokens.blocks import Form, Pieces
from llmlab.tokens.guard import Flag, defuse, mark

_SENTENCE: Final = re.compile(r"(?<=[.!?])(?:[\"')\]]*)\s+(?=[\"'(\[A-Z0-9])|\n{2,}|(?<=[。！？])")  # noqa: RUF001 - the full stops of Chinese and Japanese


@dataclass(frozen=True)
class Text:
    """
    Words that came from outside: one text, cut by sentences, or items, cut by items.

    Args:
        words: A text, whose first sentences stay; or items (news), oldest first, of which the
            newest stay.
        name: The slot it fills.
        source: Where it came from, for the model to read.
        summary: What stands there when nothing else fits.
        trusted: Words of your own: not marked as data, nothing is changed.
    """

    words: str | Sequence[str]
    name: str = "additional"
    source: str = ""
    summary: str = ""
    trusted: bool = False

    @cached_property
    def snapshot(self) -> str:
        """A hash of the words and of how they are marked."""
        parts = (self.name, self.source, self.summary, str(self.trusted), *self._items)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()

    @property
    def forms(self) -> tuple[Form, ...]:
        """`full`, and `summary` where there is one: words have no compact form."""
        return ("full", "summary") if self.summary else ("full",)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What in the words looks like an attempt to steer the model."""
        return self._defused[1]

    def pieces(self, form: Form, tier: int) -> Pieces:  # noqa: ARG002 - words are the same for every model
        """Write the words between marks that say they are data."""
        head, foot = ("", "") if self.trusted else self._marks
        if form == "summary":
            summary = self.summary if self.trusted else defuse(self.summary)[0]
            return Pieces(head=head, foot=foot, rows=(f"{summary.strip()}\n",), left_out="summary")
        several = not isinstance(self.words, str)
        return Pieces(
            head=head,
            foot=foot,
            rows=self._defused[0],
            keep="last" if several else "first",
            left_out="items" if several else "sentences",
        )

    @property
    def _items(self) -> tuple[str, ...]:
        return (self.words,) if isinstance(self.words, str) else tuple(self.words)

    @cached_property
    def _defused(self) -> tuple[tuple[str, ...], tuple[Flag, ...]]:
        done = [(item, ()) if self.trusted else defuse(item) for item in self._items]
        flags = tuple(flag for _, found in done for flag in found)
        if isinstance(self.words, str):
            return sentences(done[0][0]), flags
        return tuple(f"{' '.join(item.split())}\n" for item, _ in done), flags

    @cached_property
    def _marks(self) -> tuple[str, str]:
        rows, flags = self._defused
        return mark(self.name, "".join(rows), flags, self.source)


def sentences(text: str) -> tuple[str, ...]:
    """Split *text* after its sentences; put together again they are the text and a line break."""
    ends = [match.end() for match in _SENTENCE.finditer(text)]
    starts = [0, *ends]
    found = [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]
    kept = [piece for piece in found if piece]
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    return tuple(kept)
