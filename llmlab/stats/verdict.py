"""Say in words what the numbers allow, and no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.arms import Arm
from llmlab.stats.checks import fraction
from llmlab.stats.matrix import Name
from llmlab.stats.outcomes import gap_note, rests_on
from llmlab.stats.paired import Pair
from llmlab.stats.power import detectable

FEW_INPUTS: Final = 30
FEW_CLUSTERS: Final = 10
POWER: Final = 0.8
_FEW_NAMES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result in a sentence, and what must be said beside it."""

    sentence: str
    best: tuple[Name, ...]
    """The highest score; several only when scores are equal."""
    tied: tuple[Name, ...]
    """Other arms that the test does not tell apart from the best."""
    beats_chance: tuple[Name, ...]
    """Arms that beat the best constant answer (Holm-adjusted)."""
    notes: tuple[str, ...]


def verdict(arms: Sequence[Arm], pairs: Sequence[Pair], *, alpha: float = 0.05) -> Verdict:
    """
    Return what *arms* and *pairs* of one run allow to be said.

    Raises:
        UsageError: when there are no arms.
    """
    fraction("alpha", alpha)
    if not arms:
        raise UsageError("there are no arms to judge; run at least one call")
    scored = sorted((arm for arm in arms if not np.isnan(arm.score)), key=lambda arm: -arm.score)
    beating = tuple(arm.name for arm in scored if arm.p_chance_adjusted <= alpha)
    if not scored:
        return Verdict(
            sentence=" ".join(
                filter(None, ("Nothing was scored, so nothing can be compared.", _thin(arms)))
            ),
            best=(),
            tied=(),
            beats_chance=(),
            notes=tuple(_data_notes(arms)),
        )
    best = tuple(arm.name for arm in scored if arm.score == scored[0].score)
    tied = _tied_with(scored, pairs, best, alpha)
    words = [_ranking(scored, best, tied, alpha), _against_chance(scored, beating)]
    if words[1] and not beating:
        all_tied = len(best) + len(tied) == len(scored)
        words = [words[1], "" if all_tied else words[0]]
    notes = [*_data_notes(arms), *_size_notes(scored, pairs, tied, alpha)]
    return Verdict(
        sentence=" ".join(word for word in (_mixed(arms), *words, _thin(arms)) if word),
        best=best,
        tied=tied,
        beats_chance=beating,
        notes=tuple(notes),
    )


def _tied_with(
    scored: Sequence[Arm], pairs: Sequence[Pair], best: tuple[Name, ...], alpha: float
) -> tuple[Name, ...]:
    """Return who is not told apart from the first of the best; unknown is not apart."""
    apart = {frozenset((pair.a, pair.b)) for pair in pairs if pair.p_adjusted <= alpha}
    others = [arm.name for arm in scored if arm.name not in best]
    return tuple(name for name in others if frozenset((best[0], name)) not in apart)


def _ranking(
    scored: Sequence[Arm], best: tuple[Name, ...], tied: tuple[Name, ...], alpha: float
) -> str:
    top = scored[0]
    measured = f"{_number(top.score)} [{_number(top.score_low)}, {_number(top.score_high)}]"
    if len(scored) == 1:
        return f"{_name(top.name)} scores {measured}; there is no other arm to compare it with."
    if len(best) + len(tied) == len(scored):
        return _all_tied(len(scored))
    equal = len(best) - 1 + len(tied)
    if equal == 0:
        others = len(scored) - 1
        rest = "the other arm" if others == 1 else f"each of the {others} others"
        return f"{_name(top.name)} is best with {measured}, above {rest} (adjusted p ≤ {alpha:g})."
    verb = "1 other is" if equal == 1 else f"{equal} others are"
    first = f"{_name(top.name)} is best with {measured}"
    if len(best) > 1:
        first = f"{_names(best)} are best with {measured} each"
        verb = f"{len(tied)} more are" if len(tied) != 1 else "1 more is"
    if not tied:
        return f"{first}, above the rest (adjusted p ≤ {alpha:g})."
    whom = "them" if len(best) > 1 else "it"
    return f"{first}; {verb} tied with {whom} (adjusted p > {alpha:g})."


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
    constant = f"the best constant answer ({_number(chance)})"
    if not beating:
        below = all(arm.score_high < arm.chance for arm in scored)
        return f"No arm beats {constant}: " + (
            "worse than chance." if below else "tied with chance."
        )
    if len(beating) == len(scored):
        return f"It beats {constant}." if len(scored) == 1 else f"All of them beat {constant}."
    return f"{len(beating)} of {len(scored)} arms beat {constant}."


def _data_notes(arms: Sequence[Arm]) -> list[str]:
    notes = []
    parts = [set(arm.backend.split("+")) for arm in arms]
    for backend, words in (
        ("stand-in", "made by the simulator (stand-in): they say nothing about the real model"),
        ("local", "made by the embedded local model: they say nothing about the model named"),
    ):
        count = sum(backend in part for part in parts)
        if count:
            notes.append(f"Rows of {count} of {len(arms)} arms were {words}.")
    notes += _gap_notes(arms)
    failures, calls = sum(arm.failures for arm in arms), sum(arm.calls for arm in arms)
    if failures:
        notes.append(f"{failures:,} of {calls:,} calls failed and carry no score.")
    unpriced = sum(bool(np.isnan(arm.cost_usd)) for arm in arms)
    if unpriced:
        notes.append(f"The cost of {unpriced} of {len(arms)} arms is unknown.")
    return notes


def _thin(arms: Sequence[Arm]) -> str:
    """Say that the verdict rests on part of the answers, where it does."""
    return rests_on([(_name(arm.name), arm.outcomes) for arm in arms])


def _gap_notes(arms: Sequence[Arm]) -> list[str]:
    """Say of each arm how many answers have no score and why; of inputs without a target once."""
    notes = [note for arm in arms if (note := gap_note(_name(arm.name), arm.outcomes))]
    lost, calls = sum(arm.untargeted for arm in arms), sum(arm.calls for arm in arms)
    if lost:
        notes.append(f"{lost:,} of {calls:,} calls are of inputs without a target: not scored.")
    unscored = sum(arm.unscored for arm in arms)
    if unscored and any(arm.scored for arm in arms):
        notes.append(f"{unscored:,} of {calls:,} answers were not scored: see the column error.")
    return notes


def _size_notes(
    scored: Sequence[Arm], pairs: Sequence[Pair], tied: tuple[Name, ...], alpha: float
) -> list[str]:
    notes = []
    inputs = min(arm.inputs for arm in scored)
    if len({arm.inputs for arm in scored}) > 1:
        notes.append(
            "Arms were scored on different inputs; each pair is compared on those it shares."
        )
    if any(pair.inputs == 0 for pair in pairs):
        notes.append("Some arms share no scored input and cannot be compared.")
    if inputs < FEW_INPUTS:
        notes.append(f"Only {inputs} {'input' if inputs == 1 else 'inputs'}: intervals are wide.")
    clusters = [pair.clusters for pair in pairs if pair.clusters]
    if clusters and min(clusters) < FEW_CLUSTERS:
        notes.append(f"Only {min(clusters)} clusters: the test can rarely tell arms apart.")
    if tied or inputs < FEW_INPUTS:
        notes += _detectable_note(pairs, alpha)
    return notes


def _detectable_note(pairs: Sequence[Pair], alpha: float) -> list[str]:
    """Say what would have been seen, with the strictest step of Holm (alpha over pairs)."""
    usable = [pair for pair in pairs if pair.sd > 0.0]
    if not usable:
        return []
    size = int(np.median([pair.inputs for pair in usable]))
    sd = float(np.median([pair.sd for pair in usable]))
    least = detectable(sd, size, POWER, alpha / len(pairs))
    if np.isnan(least):
        return []
    if least > 1.0 and all(abs(pair.difference) <= 1.0 for pair in usable):
        return [f"With {size:,} inputs no possible difference is found in {POWER:.0%} of runs."]
    family = f"{len(pairs)} comparison{'' if len(pairs) == 1 else 's'}"
    found = f"a difference of {_number(least)} is found in {POWER:.0%} of runs"
    test = f"(paired test, {alpha:g} over {family})"
    return [f"With {size:,} inputs {found} {test}; a smaller one may go unseen."]


def _names(names: Sequence[Name]) -> str:
    """Return `a · x, a · y and b · x`; many are counted."""
    if len(names) > _FEW_NAMES:
        return f"{len(names)} arms"
    *rest, last = [_name(name) for name in names]
    return f"{', '.join(rest)} and {last}"


def _name(name: Name) -> str:
    return f"{name[0]} · {name[1]}"


def _number(value: float) -> str:
    if np.isnan(value):
        return "?"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.4g}"  # noqa: PLR2004 - digits
