"""
Fit context blocks into a number of tokens, by priority, without cutting inside a row.

1. A block marked `must` is written whole, in its first form. If these alone do not fit, that is
   a `TokenBudgetError` that says how many tokens are missing.
2. The rest is reserved from the highest priority down: each block gets up to its minimum.
3. From the highest priority down again, a block may use its reserve and all that nobody reserved.
   It takes the best of: full; compact; compact with whole rows left out; summary; nothing. What
   it leaves goes to the blocks below.

Blocks are therefore shown lexicographically: with more tokens, the first block (by priority) that
is shown differently is shown more fully. The order in which blocks are given decides nothing;
equal priorities go by name.

Costs are sums over rows, counted once a row. The finished text is counted again as a whole; in
the rare case that merging across rows made it longer than the sum, packing is done once more for
that many tokens less, so the result never exceeds the room.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from llmlab.catalogue import Model
from llmlab.errors import TokenBudgetError
from llmlab.tokens.blocks import Block, BlockRule, Form
from llmlab.tokens.count import Counters
from llmlab.tokens.measure import Measured, Measures
from llmlab.tokens.shares import Packed, Share

__all__ = ["Packed", "Packer", "Share", "pack"]

_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to show a block."""

    form: Form | None
    shown: int = 0
    tokens: int = 0


_NOTHING: Final = _Choice(None)


@dataclass(frozen=True, slots=True)
class _Ruled:
    """A block, the slot it fills, and how much it matters."""

    name: str
    block: Block
    rule: BlockRule


class Packer:
    """Packs blocks for one lab; keeps formatted and counted blocks between calls."""

    def __init__(self, counters: Counters | None = None) -> None:
        self.counters = counters or Counters()
        self._measures = Measures(self.counters)

    def pack(
        self,
        blocks: Sequence[Block] | Mapping[str, Block],
        tokens: int,
        model: Model | str,
        *,
        rules: Mapping[str, BlockRule] | None = None,
        tier: int = 2,
    ) -> Packed:
        """
        Return the blocks as text of at most *tokens* tokens of *model*.

        Args:
            blocks: In any order, each under its own name, or by the slots they fill.
            tokens: What they may have together.
            model: By whose tokenizer; an estimate counts at its upper bound.
            rules: By the blocks' names; a block without one has priority 50.
            tier: 1 or 2, handed to the blocks' formatting.

        Raises:
            TokenBudgetError: What must be shown does not fit, or two blocks have one name.
        """
        ruled = _in_order(blocks, rules or {})
        spare = tokens
        for _ in range(_TRIES):
            packed = self._once(ruled, spare, tokens, model, tier)
            over = packed.used - tokens
            if over <= 0:
                return packed
            spare -= over
        raise TokenBudgetError(
            f"the blocks do not fit {tokens:,} tokens of {model}: raise the budget"
        )

    def _once(
        self,
        ruled: Sequence[_Ruled],
        spare: int,
        tokens: int,
        model: Model | str,
        tier: int,
    ) -> Packed:
        ways = [self._ways(each.block, model, tier) for each in ruled]
        musts = [way[0].whole for way, each in zip(ways, ruled, strict=True) if each.rule.must]
        left = spare - sum(musts)
        if left < 0:
            named = ", ".join(each.name for each in ruled if each.rule.must)
            raise TokenBudgetError(
                f"{named} must be shown whole and need {sum(musts):,} tokens; {tokens:,} are "
                f"there: {-left:,} are missing. Raise the budget, lower max_tokens, or shorten them"
            )
        shares = []
        reserves = _reserves([each.rule for each in ruled], left)
        pool = left - sum(reserves)
        for each, way, reserve in zip(ruled, ways, reserves, strict=True):
            chosen = _whole(way[0]) if each.rule.must else _best(way, reserve + pool)
            pool += reserve - (0 if each.rule.must else chosen.tokens)
            shares.append(self._share(each, way, chosen, model))
        return Packed(shares=tuple(shares), room=tokens, tier=tier, model=str(_name(model)))

    def _share(
        self, ruled: _Ruled, ways: Sequence[Measured], chosen: _Choice, model: Model | str
    ) -> Share:
        way = next((way for way in ways if way.form == chosen.form), None)
        text = way.pieces.text(chosen.shown) if way else ""
        counted = self.counters.sizes((text,), model, way.kind)[0] if way else 0
        first = ways[0]
        return Share(
            name=ruled.name,
            rule=ruled.rule,
            wanted=first.whole,
            given=max(chosen.tokens, counted),
            form=chosen.form,
            rows=len(first.pieces.rows),
            shown=0 if chosen.form in {None, "summary"} else chosen.shown,
            text=text,
        )

    def _ways(self, block: Block, model: Model | str, tier: int) -> tuple[Measured, ...]:
        return tuple(self._measures.of(block, form, model, tier) for form in block.forms)


def pack(
    blocks: Sequence[Block] | Mapping[str, Block],
    tokens: int,
    model: Model | str,
    *,
    rules: Mapping[str, BlockRule] | None = None,
    tier: int = 2,
) -> Packed:
    """Pack once, without keeping what was formatted and counted; see `Packer.pack`."""
    return Packer().pack(blocks, tokens, model, rules=rules, tier=tier)


def _in_order(
    blocks: Sequence[Block] | Mapping[str, Block], rules: Mapping[str, BlockRule]
) -> list[_Ruled]:
    named = list(blocks.items() if isinstance(blocks, Mapping) else ((b.name, b) for b in blocks))
    names = [name for name, _ in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TokenBudgetError(f"two blocks are called {twice[0]!r}: give each its own name")
    ruled = [_Ruled(name, block, rules.get(name, BlockRule())) for name, block in named]
    return sorted(ruled, key=lambda each: (-each.rule.priority, each.name))


def _reserves(rules: Sequence[BlockRule], left: int) -> list[int]:
    """Give each block up to its minimum, from the highest priority down."""
    minimums = [0 if rule.must else rule.minimum for rule in rules]
    filled = [min(left, total) for total in accumulate(minimums)]
    return [after - before for before, after in zip([0, *filled], filled, strict=False)]


def _best(ways: Sequence[Measured], allowed: int) -> _Choice:
    """
    Return the fullest way that fits: whole forms first, then fewer rows, then the summary.

    Every way that fits *allowed* fits more, so the choice never gets worse with more tokens.
    """
    written = [way for way in ways if way.form != "summary"]
    for way in written:
        if way.whole <= allowed:
            return _whole(way)
    if written:
        cut = _cut(written[-1], allowed)
        if cut.shown:
            return cut
    brief = [way for way in ways if way.form == "summary" and way.whole <= allowed]
    return _whole(brief[0]) if brief else _NOTHING


def _whole(way: Measured) -> _Choice:
    return _Choice(way.form, len(way.pieces.rows), way.whole)


def _cut(way: Measured, allowed: int) -> _Choice:
    """Keep as many whole rows as fit beside the head, the foot and the line for the others."""
    shown = bisect_right(way.sums, allowed - way.around - way.gap) - 1
    if shown <= 0:
        return _NOTHING
    shown = min(shown, len(way.pieces.rows) - 1)
    return _Choice(way.form, shown, way.around + way.gap + way.sums[shown])


def _name(model: Model | str) -> str:
    return model if isinstance(model, str) else model.name
