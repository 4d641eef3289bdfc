"""Arms against a baseline: which is compared with which, and what may be said of them."""

from collections.abc import Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np

from llmlab.errors import UsageError, suggest
from llmlab.stats.covariance import together
from llmlab.stats.matrix import Matrix, Name, name_of
from llmlab.stats.max_t import Contrasts, max_t
from llmlab.stats.multiple import holm

Against: TypeAlias = "str | tuple[str, str] | None"
"""The baseline: a prompt, a model's label, an arm (`prompt · label`, or both); None for none."""


def places_of(names: Sequence[Name], against: Against = None) -> list[tuple[int, int]]:
    """
    Return which arms are compared, as places in *names*: every two, or the baseline with others.

    An arm is compared with all others; a prompt that several models answered with the other prompts
    of the same model; a model with the other models on the same prompt.

    Raises:
        UsageError: No prompt, model or arm is called so, or nothing else is there to compare.
    """
    if against is None:
        return list(combinations(range(len(names)), 2))
    mine = _called(names, against)
    others = [name for name in names if name not in mine]
    alone = len(mine) == 1
    # Of the arms of one prompt the label is what they differ in, and the other way round.
    shared = 1 if len({name[0] for name in mine}) == 1 else 0
    found = [
        (one, other) for one in mine for other in others if alone or one[shared] == other[shared]
    ]
    if not found:
        raise UsageError(f"against={said(against)!r}: there is no other arm to compare with it")
    at = {name: place for place, name in enumerate(names)}
    return [(at[one], at[other]) for one, other in found]


def _called(names: Sequence[Name], against: str | tuple[str, str]) -> list[Name]:
    """Return the arms of a prompt, of a model, or the one that is named."""
    ways = (
        [name for name in names if against in (name, name_of(name))],
        [name for name in names if name[0] == against],
        [name for name in names if name[1] == against],
    )
    found = [way for way in ways if way]
    if len(found) == 1 or (found and all(way == found[0] for way in found)):
        return found[0]
    if found:
        listed = ", ".join(repr(name_of(name)) for way in found for name in way)
        raise UsageError(f"against={against!r} is a prompt and a model; say one of {listed}")
    short = dict.fromkeys([*(name[0] for name in names), *(name[1] for name in names)])
    known = [*short, *map(said, names)]
    hint = suggest(said(against), known, most=2, otherwise=f"there are {', '.join(short)}")
    raise UsageError(f"against={said(against)!r} is no prompt, model or arm; {hint}")


def said(against: str | tuple[str, str]) -> str:
    """Return a baseline as people read it."""
    return against if isinstance(against, str) else name_of(against)


def adjusted(
    table: Matrix, places: Sequence[tuple[int, int]], p: Sequence[float], adjust: str
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return *p* of the pairs at *places* for all of them together: `holm`, or `max-t`."""
    if adjust == "holm" or not table.compared.any():
        return holm(p)
    return max_t(np.asarray(p, dtype=float), contrasts_of(table, places))


def contrasts_of(table: Matrix, places: Sequence[tuple[int, int]]) -> Contrasts:
    """Return how the differences of a run go together, on the inputs of the ranking."""
    ranked = np.flatnonzero(table.ranked)
    at = {int(place): line for line, place in enumerate(ranked)}
    values = table.scores[np.ix_(table.compared, ranked)]
    lines = [
        (at[one], at[other]) if one in at and other in at else (-1, -1) for one, other in places
    ]
    covariance = together(values, table.depends(table.compared)).covariance
    return Contrasts(places=lines, covariance=covariance)
