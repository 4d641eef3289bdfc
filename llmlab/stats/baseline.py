"""What the pairs with a baseline allow to say: who is above it, below, or not told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmlab.stats.against import Against, said
from llmlab.stats.matrix import Name, name_of
from llmlab.stats.notes import Lead, lead_of, number
from llmlab.stats.paired import Pair

_FEW_NAMES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldAgainst:
    """The arms of the pairs with a baseline, by what the test says of them, and the sentence."""

    sentence: str
    above: tuple[Name, ...]
    below: tuple[Name, ...]
    untold: tuple[Name, ...]
    leads: tuple[Lead, ...]
    """Of the claimed differences, each told so that it leads."""


def told_against(pairs: Sequence[Pair], against: Against, alpha: float) -> ToldAgainst:
    """Return what *pairs*, whose A is the baseline, say of each B; the sign is that of the pair."""
    clear = [pair for pair in pairs if pair.p_adjusted <= alpha]
    above = [pair for pair in clear if pair.difference > 0.0]
    below = [pair for pair in clear if pair.difference < 0.0]
    found = {pair.b for pair in (*above, *below)}
    untold = [pair for pair in pairs if pair.b not in found]
    leads = [lead_of(pair, pair.b) for pair in above] + [lead_of(pair, pair.a) for pair in below]
    return ToldAgainst(
        sentence=_sentence(pairs, above, below, against, alpha),
        above=tuple(pair.b for pair in above),
        below=tuple(pair.b for pair in below),
        untold=tuple(pair.b for pair in untold),
        leads=tuple(lead for lead in leads if lead is not None),
    )


def _sentence(
    pairs: Sequence[Pair],
    above: Sequence[Pair],
    below: Sequence[Pair],
    against: Against,
    alpha: float,
) -> str:
    what, left = _what(pairs, against), len(pairs) - len(above) - len(below)
    if len(pairs) == 1:
        return _one(pairs[0], what, alpha, above=bool(above), below=bool(below))
    head = f"{len(above)} of {len(pairs)} arms {_is(len(above))} above {what}"
    if not above:
        head = f"None of {len(pairs)} arms is above {what}"
    parts = [f"{head} (adjusted p {'≤' if above else '>'} {alpha:g}){_listed(above)}"]
    if below:
        parts.append(
            f"{len(below)} {_is(len(below))} below (adjusted p ≤ {alpha:g}){_listed(below)}"
        )
    if left:
        parts.append(f"{left} {_is(left)} not told apart from it")
    return "; ".join(parts) + "."


def _one(pair: Pair, what: str, alpha: float, *, above: bool, below: bool) -> str:
    name = name_of(pair.b)
    if not (above or below):
        return f"{name} is not told apart from {what} (p > {alpha:g})."
    return f"{name} is {'above' if above else 'below'} {what} by {_size(pair)} (p ≤ {alpha:g})."


def _what(pairs: Sequence[Pair], against: Against) -> str:
    """Return the baseline in words: an arm, or a prompt or model that several arms have."""
    bases = {pair.a for pair in pairs}
    if len(bases) == 1:
        return name_of(bases.pop())
    shared = "model" if len({base[0] for base in bases}) == 1 else "prompt"
    return f"{said(against or '')} with the same {shared}"


def _listed(pairs: Sequence[Pair]) -> str:
    """Return the arms with their differences, largest first; many are left to the table."""
    if not 0 < len(pairs) <= _FEW_NAMES:
        return ""
    ordered = sorted(pairs, key=lambda pair: -abs(pair.difference))
    return ": " + ", ".join(f"{name_of(pair.b)} by {_size(pair)}" for pair in ordered)


def _size(pair: Pair) -> str:
    """Return the size of a difference with the interval of its pair alone."""
    low, high = (pair.low, pair.high) if pair.difference > 0.0 else (-pair.high, -pair.low)
    return f"{number(abs(pair.difference))} [{number(low)}, {number(high)}]"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
