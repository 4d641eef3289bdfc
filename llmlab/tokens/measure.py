"""Formatted blocks and what their rows cost, kept by content so that the second time is free."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeVar

from llmlab.catalogue import Model
from llmlab.tokens.blocks import Block, Form, Pieces
from llmlab.tokens.count import Counters
from llmlab.tokens.kinds import Kind, kind_of

_KEPT: Final = 256

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A block in one form, with the tokens of its parts."""

    form: Form
    pieces: Pieces
    kind: Kind
    around: int
    """Tokens of head and foot."""
    gap: int
    """Tokens of the line that stands for rows left out."""
    sums: tuple[int, ...]
    """Tokens of the first 0, 1, 2 ... rows that are kept."""

    @property
    def whole(self) -> int:
        """Tokens with every row."""
        return self.around + self.sums[-1]


class Measures:
    """
    Formatting kept by (snapshot, form, tier), costs by that and the tokenizer.

    256 of each, the least recently used go first; safe across threads.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._written: OrderedDict[Hashable, Pieces] = OrderedDict()
        self._measured: OrderedDict[Hashable, Measured] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, block: Block, form: Form, model: Model | str, tier: int) -> Measured:
        """Return a block's pieces in one form with their costs."""
        page = (block.snapshot, form, tier)
        key = (*page, self._counters.yardstick(model))
        with self._lock:
            found = self._measured.get(key)
            if found is not None:
                self._measured.move_to_end(key)
                return found
        measured = self._measure(self._pieces(block, page), form, model)
        return self._keep(self._measured, key, measured)

    def _pieces(self, block: Block, page: tuple[str, Form, int]) -> Pieces:
        with self._lock:
            found = self._written.get(page)
        return found or self._keep(self._written, page, block.pieces(page[1], page[2]))

    def _measure(self, pieces: Pieces, form: Form, model: Model | str) -> Measured:
        parts = (pieces.head, pieces.foot, pieces.gap(len(pieces.rows)), *pieces.rows)
        kind = kind_of(f"{pieces.head}{''.join(pieces.rows[:64])}")
        head, foot, gap, *rows = self._counters.sizes(parts, model, kind)
        kept = rows if pieces.keep == "first" else rows[::-1]
        return Measured(
            form=form,
            pieces=pieces,
            kind=kind,
            around=head + foot,
            gap=gap,
            sums=tuple(accumulate(kept, initial=0)),
        )

    def _keep(self, where: OrderedDict[Hashable, T], key: Hashable, value: T) -> T:
        with self._lock:
            where[key] = value
            while len(where) > _KEPT:
                where.popitem(last=False)
        return value
