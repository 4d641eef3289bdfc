"""Simulate what is said over time: signals of chance, the choice among arms alike, revisions."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from llmlab import Comparison
from llmlab.stats.reality_check import PairedLead, reality_check

Floats: TypeAlias = npt.NDArray[np.float64]

WEEK: Final = 5
TICKERS: Final = 3
SESSIONS, REVISIONS, INPUTS, SIZE = 20, 5, 100, 5
RUNS: Final = 400
LEAD: Final = 0.9
"""Of the one revision that is better, in spreads of an input; in clusters of their mean, about."""


def over_time(rng: np.random.Generator, _replications: int) -> Iterator[str]:
    """Yield the tables."""
    yield f"\n## Signals of chance, next weeks by day, {TICKERS} tickers ({RUNS} runs)\n"
    yield "| what | 60 dates | 120 dates | 250 dates |"
    yield "| --- | ---: | ---: | ---: |"
    sizes = [_signals(rng, dates) for dates in (60, 120, 250)]
    for at, name in enumerate(
        ("interval of the mean holds 0", "interval of the information ratio holds 0",
         "called above shuffled signals at 5 %", "path leaves its band",
         "choice by earlier dates: interval holds the truth")
    ):  # fmt: skip
        yield f"| {name} | " + " | ".join(f"{each[at]:.1%}" for each in sizes) + " |"
    tried = f"{SESSIONS * REVISIONS} worthless revisions in {SESSIONS} sessions"
    yield f"\n## {tried} ({RUNS} histories)\n"
    yield "Any called real, at 5 %, and how often one that is better is found among them.\n"
    yield "| inputs | unadjusted | all sessions at once | at any session | one better is found |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for shared in (True, False):
        for clustered in (False, True):
            alone, together, looked, power = _histories(rng, shared=shared, clustered=clustered)
            whose = "shared by all sessions" if shared else "of each session's own"
            kind = f", clusters of {SIZE}, ICC .5" if clustered else ""
            cells = f"{alone:.1%} | {together:.1%} | {looked:.1%} | {power:.0%}"
            yield f"| {whose}{kind} | {cells} |"


def _signals(rng: np.random.Generator, dates: int) -> Floats:
    found = np.zeros(5)
    days = pd.bdate_range("2024-01-01", periods=dates, tz="UTC")
    for _ in range(RUNS):
        path = np.cumsum(0.01 * rng.standard_t(5, size=(dates + WEEK, TICKERS)), axis=0)
        week = path[WEEK:] - path[:-WEEK]
        frames = []
        for arm in range(3):
            up = rng.random((dates, TICKERS)) < 0.5
            frames.append(pd.DataFrame({
                "prompt": f"p{arm}", "model": "m", "input": np.arange(dates * TICKERS),
                "said": np.where(up, "up", "down").ravel(), "target": week.ravel(),
                "score": (up == (week > 0.0)).ravel().astype(float),
                "as_of": np.repeat(days, TICKERS),
            }))  # fmt: skip
        run = Comparison.from_scores(pd.concat(frames, ignore_index=True), horizon=WEEK)
        made = run.strategy(draws=200, seed=int(rng.integers(2**31)))
        line = made.table.set_index("prompt").loc["p0"]
        path_of, (low, high) = made.returns.cumsum(), made.band
        left = ((path_of < low - 1e-12) | (path_of > high + 1e-12))["p0 · m"].any()
        choice = run.walk_forward().table.iloc[0]
        found += [
            line["low"] <= 0.0 <= line["high"],
            line["ratio_low"] <= 0.0 <= line["ratio_high"],
            line["p_chance"] <= 0.05,
            left,
            choice["low"] <= 0.5 <= choice["high"],
        ]
    return found / RUNS


def _histories(rng: np.random.Generator, *, shared: bool, clustered: bool) -> Floats:
    found = np.zeros(4)
    for _ in range(RUNS):
        leads = _leads(rng, shared=shared, clustered=clustered)
        made = reality_check(leads, draws=500)
        looked = False
        for number in range(1, SESSIONS + 1):
            own = leads[(number - 1) * REVISIONS : number * REVISIONS]
            # The smallest p-value times their number is above that of the steps: a bound.
            least = made.alone[(number - 1) * REVISIONS : number * REVISIONS].min() * len(own)
            looked |= least * number * (number + 1) <= 0.05
        at = int(rng.integers(len(leads)))
        leads[at] = PairedLead(leads[at].gaps + LEAD, leads[at].units, clustered=clustered)
        better = reality_check(leads, draws=500).among_all[at]
        calls = (made.alone.min(), made.among_all.min(), 0.0 if looked else 1.0, better)
        found += [each <= 0.05 for each in calls]
    return found / RUNS


def _leads(rng: np.random.Generator, *, shared: bool, clustered: bool) -> list[PairedLead]:
    def draw(columns: int) -> Floats:
        own = rng.normal(size=(INPUTS, columns))
        if not clustered:
            return np.asarray(own)
        of = np.repeat(rng.normal(size=(INPUTS // SIZE, columns)), SIZE, axis=0)
        return np.asarray(np.sqrt(0.5) * (of + own))

    codes = np.arange(INPUTS) // SIZE if clustered else np.arange(INPUTS)
    base, made = draw(1), []
    for session in range(SESSIONS):
        base = base if shared else draw(1)
        units = codes if shared else codes + session * INPUTS
        gaps = (draw(REVISIONS) - base).T
        made += [PairedLead(each, units, clustered=clustered) for each in gaps]
    return made
