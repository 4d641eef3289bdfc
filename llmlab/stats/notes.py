"""Notes beside a verdict: backends, missing scores, too few inputs."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from llmlab.stats.arms import Arm
from llmlab.stats.matrix import Name, name_of
from llmlab.stats.means import SERIAL, SKEWED
from llmlab.stats.outcomes import gap_note
from llmlab.stats.paired import Pair
from llmlab.stats.reach import Reach, least_of, worth

FEW_INPUTS: Final = 30
FEW_CLUSTERS: Final = 10
POWER: Final = 0.8


def data_notes(arms: Sequence[Arm]) -> list[str]:
    """Say who answered in the models' place, what failed, and whose cost is unknown."""
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


def _gap_notes(arms: Sequence[Arm]) -> list[str]:
    """Say of each arm how many answers have no score and why; of inputs without a target once."""
    notes = [note for arm in arms if (note := gap_note(name_of(arm.name), arm.outcomes))]
    lost, calls = sum(arm.untargeted for arm in arms), sum(arm.calls for arm in arms)
    if lost:
        notes.append(f"{lost:,} of {calls:,} calls are of inputs without a target: not scored.")
    unscored = sum(arm.unscored for arm in arms)
    if unscored and any(arm.scored for arm in arms):
        notes.append(f"{unscored:,} of {calls:,} answers were not scored: see the column error.")
    return notes


def size_notes(
    scored: Sequence[Arm], pairs: Sequence[Pair], tied: tuple[Name, ...], alpha: float
) -> list[str]:
    """Say what so few inputs or clusters cannot show."""
    notes = []
    inputs = min(arm.compared for arm in scored)
    if any(pair.inputs == 0 for pair in pairs):
        notes.append("Some arms share no scored input and cannot be compared.")
    if inputs < FEW_INPUTS:
        notes.append(f"Only {inputs} {'input' if inputs == 1 else 'inputs'}: intervals are wide.")
    notes += _skewed_note(scored, pairs)
    few = _few_units(pairs, alpha)
    if few:
        return [*notes, few]
    clusters = [pair.clusters for pair in pairs if pair.clusters]
    if clusters and min(clusters) < FEW_CLUSTERS:
        notes.append(f"Only {min(clusters)} clusters: the test can rarely tell arms apart.")
    if tied or inputs < FEW_INPUTS:
        notes += _detectable_note(pairs, alpha)
    return notes


def _skewed_note(scored: Sequence[Arm], pairs: Sequence[Pair]) -> list[str]:
    """Say where scores are too few and too skewed for Student's law, and their range not known."""
    arms = sum(arm.score_method.endswith(SKEWED) for arm in scored)
    of_pairs = sum(pair.test.endswith(SKEWED) for pair in pairs)
    if not arms and not of_pairs:
        return []
    whose = f"{arms} of {len(scored)} arms"
    if pairs:
        whose += f" and differences of {of_pairs} of {len(pairs)} pairs"
    why = "are skewed, and their range is not known: with so few inputs their intervals hold less"
    return [f"Scores of {whose} {why} than they say (see docs/statistics.md)."]


def _few_units(pairs: Sequence[Pair], alpha: float) -> str:
    """Say that no difference at all could have been found, where that is so."""
    if not pairs or any(pair.test == "betting, any look" for pair in pairs):
        return ""
    units = max(pair.clusters or pair.inputs for pair in pairs)
    least = min(least_of(pair, alpha / len(pairs)) for pair in pairs)
    if not units or units >= least:
        return ""
    kind = "clusters" if any(pair.clusters for pair in pairs) else "inputs"
    family = "1 comparison needs" if len(pairs) == 1 else f"{len(pairs)} comparisons need"
    return (
        f"With {units} {kind} no difference can be found, however large: {family} at least "
        f"{least} {kind} at {alpha:g}."
    )


def _detectable_note(pairs: Sequence[Pair], alpha: float) -> list[str]:
    """Say what would have been seen, with the strictest step of Holm (alpha over pairs)."""
    usable = sorted((pair for pair in pairs if pair.sd > 0.0), key=lambda pair: pair.sd)
    if not usable:
        return []
    pair = usable[(len(usable) - 1) // 2]
    units, kind = pair.clusters or pair.inputs, "clusters" if pair.clusters else "inputs"
    kind = "dates" if pair.test == SERIAL else kind
    least = Reach.of(pair, alpha / len(pairs)).detectable(worth(pair), POWER)
    if least > 1.0 and all(abs(each.difference) <= 1.0 for each in usable):
        return [f"With {units:,} {kind} no possible difference is found in {POWER:.0%} of runs."]
    family = f"{len(pairs)} comparison{'' if len(pairs) == 1 else 's'}"
    found = f"a difference of {number(least)} is found in {POWER:.0%} of runs"
    test = f"(paired test, {alpha:g} over {family})"
    return [f"With {units:,} {kind} {found} {test}; a smaller one may go unseen."]


def missing_notes(arms: Sequence[Arm], pairs: Sequence[Pair], leads: "Sequence[Lead]") -> list[str]:
    """
    Say how many inputs are left out of the ranking, and which leads rest on what is missing.

    *arms* are the ranked ones, *leads* those that are claimed. A lead is safe when it is one
    whatever the missing scores are.
    """
    whole = max((pair.inputs + pair.missing for pair in pairs), default=0)
    lost = whole - arms[0].compared
    if lost <= 0:
        return []
    fewest = min(arms, key=lambda arm: arm.inputs)
    least = f"{name_of(fewest.name)} has {fewest.inputs:,} scores"
    left_out = f"{lost:,} of {whole:,} inputs lack a score of a ranked arm ({least})"
    notes = [f"{left_out} and are left out for all."]
    unsafe = [lead for lead in leads if not lead.least > 0.0]
    if len(leads) == 1 and unsafe:
        notes.append(f"The lead could be reversed by the missing scores{_range(unsafe[0])}.")
    elif unsafe:
        notes.append(f"{len(unsafe)} of {len(leads)} leads could be reversed by missing scores.")
    return notes


def winner_words(ranked: Sequence[Arm]) -> str:
    """Say what the highest score is worth, corrected for its having been picked; or nothing."""
    top = next((arm for arm in ranked if not np.isnan(arm.winner_score)), None)
    if top is None:
        return ""
    limits = f"[{number(top.winner_low)}, {number(top.winner_high)}]"
    picked = f"Corrected for being picked as the highest of {len(ranked)}"
    return f"{picked}, its score is {number(top.winner_score)} {limits}."


def winner_notes(ranked: Sequence[Arm], equals: Sequence[Name]) -> list[str]:
    """Say of a highest score that is tied with all others how much of it is the picking."""
    words = winner_words(ranked)
    alike = len({arm.score for arm in ranked}) == 1
    if not words or alike or len(equals) < len(ranked):
        return []
    top = next(arm for arm in ranked if not np.isnan(arm.winner_score))
    return [f"{name_of(top.name)} has the highest score, {number(top.score)}. {words}"]


class Lead(NamedTuple):
    """Over whom an arm leads, and how much that can be over all inputs, scores missing or not."""

    over: Name
    least: float
    most: float


def lead_of(pair: Pair, name: Name) -> Lead | None:
    """Return how far an arm leads in a pair; None of a pair that is not its own."""
    if pair.b == name:
        return Lead(pair.a, pair.possible_low, pair.possible_high)
    if pair.a == name:
        return Lead(pair.b, -pair.possible_high, -pair.possible_low)
    return None


def _range(lead: Lead) -> str:
    if np.isnan(lead.least):
        return ""
    return f": over all inputs it lies between {number(lead.least)} and {number(lead.most)}"


def number(value: float) -> str:
    """Return a score with two decimals, a large one with four digits, `?` for an unknown one."""
    if np.isnan(value):
        return "?"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.4g}"  # noqa: PLR2004 - digits
