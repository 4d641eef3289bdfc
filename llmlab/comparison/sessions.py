"""Many sessions taken together: which of all revisions ever tried beats its baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from llmlab.errors import UsageError
from llmlab.stats.checks import Ints
from llmlab.stats.matrix import Matrix, Name, matrix
from llmlab.stats.reality_check import PairedLead, Superior, superior
from llmlab.stats.reality_check import reality_check as checked
from llmlab.stats.spread import averaged
from llmlab.stats.tables import Said, baseline_of

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.comparison.comparison import Comparison


@dataclass(frozen=True, slots=True)
class _Trial:
    """One arm of one session against the baseline there."""

    session: int
    run: str
    arm: Name
    lead: PairedLead


def reality_check(
    runs: "Sequence[Comparison]", baseline: Said | float | None = None
) -> "pd.DataFrame":
    """
    Return every arm of all *runs*, in the order in which they were run, against the baseline.

    *baseline* is an arm that each run has, or a score; each run's chance when None. `p_adjusted`
    holds for all arms of all runs, looked at together now. `p_any_look` holds also where one
    looks after every session, and claims what it finds: session number s may spend
    1 / (s (s + 1)) of the error on its own arms. Of one run whose targets overlap in time,
    `p_white` and `p_spa` are the reality check of White (2000) and Hansen (2005) of the best arm.
    They call more than 5 % of worthless ones real (five arms, targets of 5 dates: 17 % at 80 dates,
    10 % at 250): `p_adjusted` is the one to claim by.

    Raises:
        UsageError: A run has no such arm, or nothing to compare with.
    """
    import pandas as pd

    units: dict[object, int] = {}
    trials = [trial for at, run in enumerate(runs) for trial in _trials(at, run, baseline, units)]
    if not trials:
        raise UsageError("no arm has scores on two inputs beside the baseline: nothing to check")
    found = checked([each.lead for each in trials])
    lines = [
        {"run": each.run, "prompt": each.arm[0], "label": each.arm[1],
         "inputs": each.lead.gaps.size, "lead": float(each.lead.gaps.mean()),
         "p": float(alone), "p_adjusted": float(among)}
        for each, alone, among in zip(trials, found.alone, found.among_all, strict=True)
    ]  # fmt: skip
    frame = pd.DataFrame(lines)
    frame["p_any_look"] = _any_look(trials)
    frame["trials"] = len(trials)
    if len(runs) == 1 and trials[0].lead.steps:
        best = _in_time([each.lead for each in trials])
        frame["p_white"], frame["p_spa"] = best.white, best.spa
    frame["test"] = found.method
    return frame.sort_values(["p_adjusted", "p"], ignore_index=True)


def _in_time(leads: Sequence[PairedLead]) -> Superior:
    """Return White's and Hansen's p-values of the best arm, on the dates that all arms have."""
    dates = reduce(np.intersect1d, [each.units for each in leads])
    means = [
        averaged(each.gaps, each.units)[np.isin(np.unique(each.units), dates)] for each in leads
    ]
    return superior(np.column_stack(means), max(leads[0].steps, float(np.sqrt(dates.size))))


def _any_look(trials: Sequence[_Trial]) -> "list[float]":
    """Return p-values that hold over all sessions, each looked at when it was run."""
    found: list[float] = []
    for number, session in enumerate(sorted({each.session for each in trials}), start=1):
        own = checked([each.lead for each in trials if each.session == session], draws=20_000)
        found += np.minimum(1.0, own.among_all * number * (number + 1)).tolist()
    return found


def _trials(
    at: int, run: "Comparison", baseline: Said | float | None, units: dict[object, int]
) -> list[_Trial]:
    table = matrix(run.rows, cluster=run.depends)
    base = run.chance if baseline is None else baseline
    if base is None:
        raise UsageError(f"run {run.name!r} has no chance level: say baseline=, an arm or a score")
    against, skipped = baseline_of(table, base)
    numbers = _units(table, run, units)
    made = []
    for place, name in enumerate(table.names):
        gaps = table.scores[:, place] - against
        kept = table.of_arm(place) & ~np.isnan(gaps)
        if name != skipped and kept.sum() > 1:
            lead = PairedLead(gaps[kept], numbers[kept], table.steps, table.codes is not None)
            made.append(_Trial(at, run.name, name, lead))
    return made


def _units(table: Matrix, run: "Comparison", units: dict[object, int]) -> Ints:
    """
    Number what moves together, alike in all runs: clusters by name, inputs by id.

    Inputs of one id that are different ones share their sign in the draws, which changes nothing:
    the draws see only how scores really go together.
    """
    if table.steps and table.codes is not None:
        return table.codes
    clusters = run.clusters
    names: list[object] = list(table.inputs)
    if clusters is not None:
        named = {str(key): str(value) for key, value in clusters.items()}
        names = [("cluster", named[str(each)]) for each in table.inputs]
    return np.array([units.setdefault(each, len(units)) for each in names], dtype=np.intp)


def scored(runs: "Sequence[Comparison]") -> "list[Comparison]":
    """Return the runs in which something has a score."""
    return [run for run in runs if run.score_name and run.rows["score"].notna().any()]
