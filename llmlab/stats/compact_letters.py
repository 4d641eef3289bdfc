"""Compact letters: names that share a letter are tied."""

from collections.abc import Hashable, Iterable, Sequence
from string import ascii_letters
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def compact_letters(
    names: Sequence[Name], significant: Iterable[tuple[Name, Name]]
) -> dict[Name, str]:
    """
    Return letters such that two names share one exactly when they are not told apart.

    Letters run in the order of *names*: hand them over best first and the best carries `a`.
    Past 52 letters a name reads `a1`, `b1` and so on, with a space between letters.

    Source: Piepho (2004), "An algorithm for a letter-based representation of all-pairwise
    comparisons", J. Computational and Graphical Statistics 13(2): insert and absorb.
    """
    groups: list[frozenset[Name]] = [frozenset(names)] if names else []
    for one, other in significant:
        groups = _absorb(_split(groups, one, other))
    place = {name: index for index, name in enumerate(names)}
    ordered = sorted(groups, key=lambda group: sorted(place[name] for name in group))
    gap = "" if len(ordered) <= len(ascii_letters) else " "
    letters = [_letter(index) for index in range(len(ordered))]
    return {
        name: gap.join(
            letter for letter, group in zip(letters, ordered, strict=True) if name in group
        )
        for name in names
    }


def _split(groups: list[frozenset[Name]], one: Name, other: Name) -> list[frozenset[Name]]:
    parted: list[frozenset[Name]] = []
    for group in groups:
        parted += [group - {one}, group - {other}] if {one, other} <= group else [group]
    return parted


def _absorb(groups: list[frozenset[Name]]) -> list[frozenset[Name]]:
    distinct = list(dict.fromkeys(groups))
    return [group for group in distinct if not any(group < larger for larger in distinct)]


def _letter(index: int) -> str:
    turn, place = divmod(index, len(ascii_letters))
    return ascii_letters[place] + (str(turn) if turn else "")
