"""One record per arm: score, interval, cost and latency."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from llmlab.stats.calls import NUMERIC, TEXT, Calls
from llmlab.stats.checks import Floats, fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.compact_letters import compact_letters
from llmlab.stats.intervals import Interval, mean_interval, rate_interval
from llmlab.stats.matrix import Matrix, Name, matrix
from llmlab.stats.multiple import holm
from llmlab.stats.onesided import ANY, above
from llmlab.stats.outcomes import OUTCOMES, Words, counted
from llmlab.stats.paired import Pair, pairs_of
from llmlab.stats.spread import INDEPENDENT, Dependence
from llmlab.stats.winner import Winner, winner_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One prompt with one model, over all its calls; what is unknown is NaN, never 0."""

    prompt: str
    label: str
    model: str
    provider: str
    backend: str
    """The backend that answered; several are joined by `+`."""
    inputs: int
    """Inputs with a score."""
    compared: int
    """Inputs that `score` rests on, shared by every ranked arm; 0 where nothing is shared."""
    ranked: bool
    """Whether it has enough scores to be compared with the others; see `shared.comparable`."""
    calls: int
    scored: int
    """Calls with a score; with the next seven and `failures` they add up to `calls`."""
    unread: int
    cut: int
    empty: int
    refused: int
    filtered: int
    untargeted: int
    unscored: int
    failures: int
    score: float
    """Mean over the compared inputs (its own, where it is not ranked) of the mean over repeats."""
    score_all: float
    """The same over all of its own inputs: not comparable where arms miss different ones."""
    score_low: float
    score_high: float
    score_method: str
    chance: float
    """Score of the best constant answer, as given."""
    p_chance: float
    """One-sided: how often an arm no better than `chance` would score as high."""
    p_chance_adjusted: float
    """Holm over arms."""
    cost_usd: float
    """Total dollars; NaN if any call's cost is unknown."""
    cost_per_1000_usd: float
    """Dollars per 1,000 calls; those that failed and certainly cost nothing do not count."""
    latency_p50_s: float
    latency_p95_s: float
    ttft_p50_s: float
    input_tokens: float
    """Total over successful calls; NaN if any of them did not say."""
    output_tokens: float
    tied: str
    """Arms that share a letter are not told apart (Holm-adjusted); `a` holds the best. None where
    only a baseline is compared with the others."""
    probability_best: float = float("nan")
    """Chance that its true mean is the highest of the ranked arms; see `winner.winner`."""
    winner_score: float = float("nan")
    """Of the arm with the highest score: corrected for its having been picked; else NaN."""
    winner_low: float = float("nan")
    winner_high: float = float("nan")

    @property
    def name(self) -> Name:
        """Return (prompt, label)."""
        return self.prompt, self.label

    @property
    def outcomes(self) -> dict[str, int]:
        """What became of its calls: how many came to each outcome."""
        return {**{name: getattr(self, name) for name in OUTCOMES[:-1]}, "failed": self.failures}


def arms(
    rows: "pd.DataFrame",
    *,
    chance: float | None = None,
    cluster: Cluster = None,
    level: float = 0.95,
    compared: Sequence[Pair] | None = None,
) -> tuple[Arm, ...]:
    """
    Return one record an arm, best score first.

    Letters in `tied` are at 1 - level. *compared* takes the result of `pairs` on the same
    rows, to spare computing it twice.

    Raises:
        UsageError: when rows are empty, lack a column, or an input has no cluster.
    """
    fraction("level", level)
    table = matrix(rows, (*TEXT, *NUMERIC), cluster=cluster)
    calls = Calls.read(rows, table)
    asked = _Asked(chance=chance, level=level, ends=table.limits)
    found = [_arm(table, place, calls, asked) for place in range(len(table.names))]
    if compared is None or compared:  # where nothing is compared, nobody is picked
        found = _with_winner(found, winner_of(table, level=level))
    found.sort(key=lambda arm: (not arm.ranked, -np.nan_to_num(arm.score), arm.name))
    adjusted = holm([arm.p_chance for arm in found])
    known = pairs_of(table, level) if compared is None else compared
    letters = _letters([arm.name for arm in found if arm.compared], known, 1.0 - level)
    return tuple(
        replace(arm, p_chance_adjusted=float(p), tied=letters.get(arm.name, ""))
        for arm, p in zip(found, adjusted, strict=True)
    )


def beats(
    values: Floats,
    chance: float,
    depends: Dependence = INDEPENDENT,
    ends: tuple[float, float] = ANY,
) -> float:
    """
    Return the one-sided p-value of a mean above *chance*.

    Exact binomial for 0/1 inputs that are independent; else that of the law of the interval.
    """
    if not values.size:
        return float("nan")
    alone = depends.codes is None and 0.0 <= chance <= 1.0
    if alone and ((values == 0.0) | (values == 1.0)).all():
        wins = int(values.sum())
        return float(stats.binomtest(wins, values.size, chance, "greater").pvalue)
    return above(values, chance, depends.codes, steps=depends.steps, ends=ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is computed for every arm."""

    chance: float | None
    level: float
    ends: tuple[float, float]
    """The least and the largest score there can be; infinite where that is not known."""


def _arm(table: Matrix, place: int, calls: Calls, asked: _Asked) -> Arm:
    column, lines = table.scores[:, place], table.of_arm(place)
    own = column[~np.isnan(column)]
    values, depends = column[lines], table.depends(lines)
    mine, chance = calls.of[place], asked.chance
    scored = int((table.scored[mine] & lines[table.input_of[mine]]).sum())
    interval = _interval(values, scored, depends, asked, whole=bool(table.whole[place]))
    return replace(
        _measured(table.names[place], place, calls),
        inputs=int(own.size),
        compared=int(values.size) if table.ranked[place] and table.compared.any() else 0,
        ranked=bool(table.ranked[place]),
        score=_mean(values),
        score_all=_mean(own),
        score_low=interval.low,
        score_high=interval.high,
        score_method=interval.method,
        chance=np.nan if chance is None else float(chance),
        p_chance=np.nan if chance is None else beats(values, float(chance), depends, asked.ends),
    )


def _with_winner(found: list[Arm], best: Winner | None) -> list[Arm]:
    """Say of each arm, given in the table's order, how likely it is the best, and what it won."""
    if best is None:
        return found
    made = [
        replace(arm, probability_best=float(chance))
        for arm, chance in zip(found, best.probabilities, strict=True)
    ]
    made[best.place] = replace(
        made[best.place],
        winner_score=best.estimate,
        winner_low=best.low,
        winner_high=best.high,
    )
    return made


def _measured(name: Name, place: int, calls: Calls) -> Arm:
    """Return what does not depend on scores: backend, cost, latency, tokens."""
    lines = calls.of[place]
    cost = float(calls.numeric["cost_usd"][lines].sum())
    counted = int(calls.charged[lines].sum())
    return Arm(
        prompt=name[0],
        label=name[1],
        model=calls.said("model", place),
        provider=calls.said("provider", place),
        backend=calls.said("backend", place),
        inputs=0,
        compared=0,
        ranked=False,
        calls=int(lines.size),
        **_counts(calls.outcomes[lines]),
        score=np.nan,
        score_all=np.nan,
        score_low=np.nan,
        score_high=np.nan,
        score_method="none",
        chance=np.nan,
        p_chance=np.nan,
        p_chance_adjusted=np.nan,
        cost_usd=cost,
        cost_per_1000_usd=1000.0 * cost / counted if counted else np.nan,
        latency_p50_s=_quantile(calls.answered("latency_s", place), 0.5),
        latency_p95_s=_quantile(calls.answered("latency_s", place), 0.95),
        ttft_p50_s=_quantile(calls.answered("ttft_s", place), 0.5),
        input_tokens=_total(calls.answered("input_tokens", place)),
        output_tokens=_total(calls.answered("output_tokens", place)),
        tied="",
    )


def _counts(words: Words) -> dict[str, int]:
    found = counted(words)
    return {**{name: found[name] for name in OUTCOMES[:-1]}, "failures": found["failed"]}


def _interval(
    values: Floats, calls: int, depends: Dependence, asked: _Asked, *, whole: bool
) -> Interval:
    if not values.size:
        return Interval(low=np.nan, high=np.nan, level=asked.level, method="none")
    if whole:
        return rate_interval(values, calls, depends.codes, asked.level, depends.steps)
    return mean_interval(values, asked.level, depends, asked.ends)


def _letters(names: Sequence[Name], known: Sequence[Pair], alpha: float) -> dict[Name, str]:
    """Return the letters of the ranked arms, where each two of them were compared."""
    met = {frozenset((pair.a, pair.b)) for pair in known}
    if known and not all(frozenset(two) in met for two in combinations(names, 2)):
        return {}
    apart = [
        (pair.a, pair.b)
        for pair in known
        if pair.p_adjusted <= alpha + 1e-12 and pair.a in names and pair.b in names
    ]
    return compact_letters(names, apart)


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")


def _quantile(values: Floats, q: float) -> float:
    values = values[~np.isnan(values)]
    return float(np.quantile(values, q)) if values.size else float("nan")


def _total(values: Floats) -> float:
    return float(values.sum()) if values.size else float("nan")
