"""The verdict in words: no more than the tests support."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.against import Against
from llmlab.stats.arms import Arm
from llmlab.stats.baseline import told_against
from llmlab.stats.checks import fraction
from llmlab.stats.matrix import Name, name_of
from llmlab.stats.notes import (
    Lead,
    data_notes,
    lead_of,
    missing_notes,
    number,
    size_notes,
    winner_notes,
    winner_words,
)
from llmlab.stats.outcomes import rests_on
from llmlab.stats.paired import Pair

_FEW_NAMES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result in a sentence, and what must be said beside it."""

    sentence: str
    best: tuple[Name, ...]
    """The highest score; several only when scores are equal."""
    tied: tuple[Name, ...]
    """Other arms that the test does not tell apart from the best; with a baseline all others."""
    beats_chance: tuple[Name, ...]
    """Arms that beat the best constant answer (Holm-adjusted)."""
    notes: tuple[str, ...]
    above: tuple[Name, ...] = ()
    """With a baseline: arms that the test puts above it."""
    below: tuple[Name, ...] = ()


def verdict(
    arms: Sequence[Arm], pairs: Sequence[Pair], *, alpha: float = 0.05, against: Against = None
) -> Verdict:
    """
    Return what *arms* and *pairs* of one run allow to be said.

    Arms are ranked on the inputs that all of them have a score for, on which the pairs rest too;
    an arm with too few scores is compared with the best on its own and not ranked. With *against*
    the sentence is of the arms against that baseline, which is A of each pair.

    Raises:
        UsageError: when there are no arms.
    """
    fraction("alpha", alpha)
    if not arms:
        raise UsageError("there are no arms to judge; run at least one call")
    scored = _by_score(arms)
    beating = tuple(arm.name for arm in scored if arm.p_chance_adjusted <= alpha)
    if not any(arm.compared for arm in scored):
        return _unranked(arms, scored, beating)
    if against is not None:
        return _of_baseline(arms, pairs, beating, against, alpha)
    return _of_best(arms, pairs, beating, alpha)


def _of_best(
    arms: Sequence[Arm], pairs: Sequence[Pair], beating: tuple[Name, ...], alpha: float
) -> Verdict:
    """Return the verdict of a run whose arms are all compared with each other."""
    scored = _by_score(arms)
    ranked = [arm for arm in scored if arm.compared]
    best = tuple(arm.name for arm in ranked if arm.score == ranked[0].score)
    tied = _tied_with(ranked, pairs, best, alpha)
    aside = [arm for arm in scored if not arm.compared]
    ranking = _ranking(ranked, pairs, best, tied, alpha)
    if len(best) + len(tied) < len(ranked):
        ranking += f" {winner_words(ranked)}".rstrip()
    words = [ranking, _against_chance(scored, beating)]
    if words[1] and not beating:
        all_tied = len(best) + len(tied) == len(ranked) and not aside
        words = [words[1], "" if all_tied else words[0]]
    words += [_set_aside(arm, best[0], pairs, alpha) for arm in aside]
    missing = missing_notes(ranked, pairs, _leads(ranked, pairs, best, tied))
    winner, size = winner_notes(ranked, (*best, *tied)), size_notes(ranked, pairs, tied, alpha)
    return Verdict(
        sentence=" ".join(word for word in (_mixed(arms), *words, _thin(arms)) if word),
        best=best,
        tied=tied,
        beats_chance=beating,
        notes=(*data_notes(arms), *missing, *winner, *size),
    )


def _of_baseline(
    arms: Sequence[Arm],
    pairs: Sequence[Pair],
    beating: tuple[Name, ...],
    against: Against,
    alpha: float,
) -> Verdict:
    """Return the verdict of a run whose arms are compared with a baseline, and not ranked."""
    scored = _by_score(arms)
    ranked, told = [arm for arm in scored if arm.compared], told_against(pairs, against, alpha)
    base_of = {pair.b: pair.a for pair in pairs}
    words = [told.sentence, _against_chance(scored, beating)]
    words += [
        _set_aside(arm, base_of.get(arm.name, arm.name), pairs, alpha)
        for arm in scored
        if not arm.compared
    ]
    best = tuple(arm.name for arm in ranked if arm.score == ranked[0].score)
    missing = missing_notes(ranked, pairs, told.leads)
    return Verdict(
        sentence=" ".join(word for word in (_mixed(arms), *words, _thin(arms)) if word),
        best=best,
        tied=tuple(arm.name for arm in ranked if arm.name not in best),
        beats_chance=beating,
        notes=(*data_notes(arms), *missing, *size_notes(ranked, pairs, told.untold, alpha)),
        above=told.above,
        below=told.below,
    )


def _by_score(arms: Sequence[Arm]) -> list[Arm]:
    return sorted((arm for arm in arms if not np.isnan(arm.score)), key=lambda arm: -arm.score)


def _leads(
    ranked: Sequence[Arm], pairs: Sequence[Pair], best: tuple[Name, ...], tied: tuple[Name, ...]
) -> list[Lead]:
    """Return how far the best leads those that it is above."""
    behind = {arm.name for arm in ranked} - {*best, *tied}
    found = (lead_of(pair, best[0]) for pair in pairs)
    return [lead for lead in found if lead is not None and lead.over in behind]


def _unranked(arms: Sequence[Arm], scored: Sequence[Arm], beating: tuple[Name, ...]) -> Verdict:
    """Say that nothing was scored, or that the arms share no input."""
    words = ["Nothing was scored, so nothing can be compared.", _thin(arms)]
    if scored:
        words = [
            "No input has a score of every arm, so the arms cannot be ranked.",
            _against_chance(scored, beating),
            _thin(arms),
        ]
    return Verdict(
        sentence=" ".join(word for word in words if word),
        best=(),
        tied=(),
        beats_chance=beating,
        notes=tuple(data_notes(arms)),
    )


def _tied_with(
    ranked: Sequence[Arm], pairs: Sequence[Pair], best: tuple[Name, ...], alpha: float
) -> tuple[Name, ...]:
    """Return whom not every one of the best is above; what is unknown is not above."""
    others = [arm.name for arm in ranked if arm.name not in best]
    return tuple(
        name for name in others if not all(_above(pairs, one, name, alpha) for one in best)
    )


def _above(pairs: Sequence[Pair], one: Name, other: Name, alpha: float) -> bool:
    """Say whether the test puts *one* above *other*: the sign of the pair decides, not the rank."""
    for pair in pairs:
        if {pair.a, pair.b} == {one, other}:
            lead = pair.difference if pair.b == one else -pair.difference
            return pair.p_adjusted <= alpha and lead > 0.0
    return False


def _set_aside(arm: Arm, best: Name, pairs: Sequence[Pair], alpha: float) -> str:
    """Say why an arm is not ranked, and how it stands against the best on what both have."""
    said = f"{name_of(arm.name)} has scores on {arm.inputs:,} inputs only and is not ranked"
    pair = next((pair for pair in pairs if {pair.a, pair.b} == {arm.name, best}), None)
    if pair is None or not pair.inputs:
        return f"{said}."
    side = "not told apart from"
    if _above(pairs, arm.name, best, alpha):
        side = "above"
    elif _above(pairs, best, arm.name, alpha):
        side = "below"
    return f"{said}; on the {pair.inputs:,} that it shares with {name_of(best)} it is {side} it."


def _ranking(
    scored: Sequence[Arm],
    pairs: Sequence[Pair],
    best: tuple[Name, ...],
    tied: tuple[Name, ...],
    alpha: float,
) -> str:
    top = scored[0]
    measured = f"{number(top.score)} [{number(top.score_low)}, {number(top.score_high)}]"
    measured += _where(top, pairs)
    if len(scored) == 1:
        return f"{name_of(top.name)} scores {measured}; there is no other arm to compare it with."
    if len(best) + len(tied) == len(scored):
        return _all_tied(len(scored))
    equal = len(best) - 1 + len(tied)
    if equal == 0:
        others = len(scored) - 1
        rest = "the other arm" if others == 1 else f"each of the {others} others"
        return (
            f"{name_of(top.name)} is best with {measured}, above {rest} (adjusted p ≤ {alpha:g})."
        )
    verb = "1 other is" if equal == 1 else f"{equal} others are"
    first = f"{name_of(top.name)} is best with {measured}"
    if len(best) > 1:
        first = f"{_names(best)} are best with {measured} each"
        verb = f"{len(tied)} more are" if len(tied) != 1 else "1 more is"
    if not tied:
        return f"{first}, above the rest (adjusted p ≤ {alpha:g})."
    whom = "them" if len(best) > 1 else "it"
    return f"{first}; {verb} tied with {whom} (adjusted p > {alpha:g})."


def _where(arm: Arm, pairs: Sequence[Pair]) -> str:
    """Say on how many inputs the ranking rests, where that is not all."""
    whole = max((pair.inputs + pair.missing for pair in pairs), default=arm.compared)
    if arm.compared == whole:
        return ""
    return f" on the {arm.compared:,} of {whole:,} inputs that every ranked arm has a score for"


def _all_tied(count: int) -> str:
    return "Both arms are tied." if count == 2 else f"All {count} arms are tied."  # noqa: PLR2004


def _mixed(arms: Sequence[Arm]) -> str:
    """Say first of all that live and simulated answers stand side by side, where they do."""
    backends = {part for arm in arms for part in arm.backend.split("+") if part}
    if "live" not in backends or len(backends) == 1:
        return ""
    others = sum(arm.backend != "live" for arm in arms)
    return (
        f"Mixed: {others} of {len(arms)} arms hold answers that are not the model's own, so a "
        "difference to a live arm says nothing about the models."
    )


def _against_chance(scored: Sequence[Arm], beating: tuple[Name, ...]) -> str:
    chance = scored[0].chance
    if np.isnan(chance):
        return ""
    constant = f"the best constant answer ({number(chance)})"
    if not beating:
        below = all(arm.score_high < arm.chance for arm in scored)
        return f"No arm beats {constant}: " + (
            "worse than chance." if below else "tied with chance."
        )
    if len(beating) == len(scored):
        return f"It beats {constant}." if len(scored) == 1 else f"All of them beat {constant}."
    return f"{len(beating)} of {len(scored)} arms beat {constant}."


def _thin(arms: Sequence[Arm]) -> str:
    """Say that the verdict rests on part of the answers, where it does."""
    return rests_on([(name_of(arm.name), arm.outcomes) for arm in arms])


def _names(names: Sequence[Name]) -> str:
    """Return `a · x, a · y and b · x`; many are counted."""
    if len(names) > _FEW_NAMES:
        return f"{len(names)} arms"
    *rest, last = [name_of(name) for name in names]
    return f"{', '.join(rest)} and {last}"
