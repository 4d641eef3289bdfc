"""
Runs of two arms whose truth is known, read as a Comparison reads them: does what is said hold?

Each case draws many runs at once; the sign flips of all of them share their signs, as those of the
pairs of one run do.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.signal import lfilter

from llmlab.stats.differences import compared
from llmlab.stats.intervals import mean_interval, rate_interval
from llmlab.stats.means import SKEWED, TestedMean
from llmlab.stats.shared import possible
from llmlab.stats.signflip import sign_flip
from llmlab.stats.spread import Dependence, spread, summed

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.intp]
Rng: TypeAlias = np.random.Generator

SIZES: Final = (10, 30, 100, 1_000)
LEVEL: Final = 0.95
RUNS: Final = 1_000
FEWER: Final = 400
"""Runs of the largest size."""
BETTER: Final = float(special.beta(2.7, 2.0) / special.beta(2.0, 2.0))
"""The mean of h^0.7 where h is Beta(2, 2), an input's chance to be got right."""
INNER: Final = (0.0, 1.0)
ANY: Final = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One run: both arms' scores, and how its inputs depend on each other."""

    a: Floats
    b: Floats
    depends: Dependence = Dependence()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Data of one kind: `draw` takes the number of inputs, and whether the arms are alike."""

    name: str
    draw: Callable[..., Drawn]
    mean: float
    """Of arm A."""
    difference: float
    """B minus A, where they are not alike."""
    ends: tuple[float, float] = ANY
    repeats: int = 0
    """Of 0/1 scores; 0 for others."""


# ---- the cases ------------------------------------------------------------------------------


def _binary(rng: Rng, n: int, *, alike: bool, repeats: int = 1) -> Drawn:
    hard = rng.beta(2.0, 2.0, n)
    better = hard if alike else hard**0.7
    a, b = rng.binomial(repeats, hard), rng.binomial(repeats, better)
    return Drawn(a=a / repeats, b=b / repeats)


def _lognormal(rng: Rng, n: int, *, alike: bool) -> Drawn:
    one, other = rng.normal(size=(2, n))
    b = np.exp(0.7 * one + np.sqrt(0.51) * other)
    return Drawn(a=np.exp(one), b=b if alike else 1.3 * b)


def _zeros(rng: Rng, n: int, *, alike: bool) -> Drawn:
    a = (rng.random(n) < 0.15) * rng.random(n)
    return Drawn(a=a, b=(rng.random(n) < (0.15 if alike else 0.3)) * rng.random(n))


def _tails(rng: Rng, n: int, *, alike: bool) -> Drawn:
    """B gains a little nearly always and loses much seldom; alike in the mean only."""
    gain = 0.1 if alike else 0.2
    a = rng.uniform(0.75, 0.8, n)
    return Drawn(a=a, b=a + np.where(rng.random(n) < 0.125, -0.7, gain))


def _grouped(rng: Rng, codes: Ints, *, alike: bool) -> Drawn:
    groups, n = int(codes.max()) + 1, codes.size
    a, b = 0.5 * rng.normal(size=(2, groups))[:, codes] + rng.normal(size=(2, n))
    return Drawn(a=a, b=b + (0.0 if alike else 0.3), depends=Dependence(codes))


def _equal(rng: Rng, n: int, *, alike: bool) -> Drawn:
    return _grouped(rng, np.arange(n) // 5, alike=alike)


def _zipf_codes(rng: Rng, n: int) -> Ints:
    share = 1.0 / np.arange(1, max(2, n // 5) + 1)
    codes = rng.choice(share.size, size=n, p=share / share.sum())
    return np.unique(codes, return_inverse=True)[1].reshape(-1)


def _zipf(rng: Rng, n: int, *, alike: bool) -> Drawn:
    return _grouped(rng, _zipf_codes(rng, n), alike=alike)


def _zipf_binary(rng: Rng, n: int, *, alike: bool) -> Drawn:
    codes = _zipf_codes(rng, n)
    hard = rng.beta(2.0, 2.0, int(codes.max()) + 1)[codes]
    better = rng.beta(2.0, 2.0, int(codes.max()) + 1)[codes]
    b = better if alike else better**0.7
    return Drawn(
        a=(rng.random(n) < hard).astype(float),
        b=(rng.random(n) < b).astype(float),
        depends=Dependence(codes),
    )


def _days(rng: Rng, n: int, *, alike: bool, rho: float) -> Drawn:
    a, b = lfilter([1.0], [1.0, -rho], rng.normal(size=(2, n + 200)), axis=1)[:, 200:]
    depends = Dependence(np.arange(n), 1)
    return Drawn(a=a, b=b + (0.0 if alike else 0.3), depends=depends)


def _weeks(rng: Rng, n: int, *, alike: bool, tickers: int) -> Drawn:
    """Draw sums of the next five days, day by day, of tickers that share a market."""
    dates = max(2, n // tickers)
    steps = np.cumsum(rng.normal(size=(2, tickers + 1, dates + 5)), axis=2)
    sums = steps[:, :, 5:] - steps[:, :, :-5]
    a, b = (sums[:, 1:] + sums[:, :1]).transpose(0, 2, 1).reshape(2, -1)
    depends = Dependence(np.repeat(np.arange(dates), tickers), 5)
    return Drawn(a=a, b=b + (0.0 if alike else 0.3), depends=depends)


CASES: Final = (
    Case(name="binary", draw=_binary, mean=0.5, difference=BETTER - 0.5, ends=INNER, repeats=1),
    Case(name="binary, 3 repeats", draw=partial(_binary, repeats=3), mean=0.5,
         difference=BETTER - 0.5, ends=INNER, repeats=3),
    Case(name="ordinal, 0 to 4", draw=partial(_binary, repeats=4), mean=0.5,
         difference=BETTER - 0.5, ends=INNER),
    Case(name="85 % zeros, in 0..1", draw=_zeros, mean=0.075, difference=0.075, ends=INNER),
    Case(name="rare large losses, in 0..1", draw=_tails, mean=0.775, difference=0.0875, ends=INNER),
    Case(name="log-normal, no range", draw=_lognormal, mean=float(np.exp(0.5)),
         difference=float(0.3 * np.exp(0.5))),
    Case(name="clusters of 5", draw=_equal, mean=0.0, difference=0.3),
    Case(name="Zipf clusters", draw=_zipf, mean=0.0, difference=0.3),
    Case(name="Zipf clusters, binary", draw=_zipf_binary, mean=0.5, difference=BETTER - 0.5,
         ends=INNER, repeats=1),
    Case(name="days that remember, .8", draw=partial(_days, rho=0.8), mean=0.0, difference=0.3),
    Case(name="days that remember, .95", draw=partial(_days, rho=0.95), mean=0.0, difference=0.3),
    Case(name="next weeks by day, 1 ticker", draw=partial(_weeks, tickers=1), mean=0.0,
         difference=0.3),
    Case(name="next weeks by day, 10 tickers", draw=partial(_weeks, tickers=10), mean=0.0,
         difference=0.3),
)  # fmt: skip


# ---- what is measured -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often something held, of so many runs; and how often the method said it may not."""

    held: float
    runs: int
    said: float = 0.0

    @property
    def error(self) -> float:
        """Return the standard error of the share by simulation."""
        return float(np.sqrt(max(self.held * (1.0 - self.held), 1e-4) / self.runs))

    def shown(self, *, failed: bool) -> str:
        """Return the cell, with a word where what was promised does not hold."""
        found = f"{self.held:.1%} ± {self.error:.1%}"
        if not failed:
            return found
        words = f"said in {self.said:.0%} of runs" if self.said else "does not hold"
        return f"**{found}** ({words})"


def means_hold(case: Case, rng: Rng, n: int) -> Share:
    """Return how often an arm's interval holds its mean."""
    held, said, runs = 0, 0, _runs(n)
    for _ in range(runs):
        one = case.draw(rng, n, alike=False)
        if case.repeats:
            codes, steps = one.depends.codes, one.depends.steps
            found = rate_interval(one.a, case.repeats * n, codes, LEVEL, steps)
        else:
            found = mean_interval(one.a, LEVEL, one.depends, case.ends)
        # Limits that are not given promise nothing.
        held += not (found.low > case.mean or found.high < case.mean)
        said += found.method.endswith(SKEWED)
    return Share(held=held / runs, runs=runs, said=said / runs)


def pairs_hold(case: Case, rng: Rng, n: int, *, alike: bool) -> Share:
    """Return how often a pair's interval holds its difference, or arms alike have p <= .05."""
    drawn = [case.draw(rng, n, alike=alike) for _ in range(_runs(n))]
    found = [_tested(case, one, flip) for one, flip in zip(drawn, _flips(drawn), strict=True)]
    said = float(np.mean([each.test.endswith(SKEWED) for each in found]))
    if alike:
        held = float(np.mean([each.p <= 1.0 - LEVEL for each in found]))
    else:
        truth = case.difference
        held = float(np.mean([not (each.low > truth or each.high < truth) for each in found]))
    return Share(held=held, runs=len(found), said=said)


def _tested(case: Case, one: Drawn, flip: tuple[float, str]) -> TestedMean:
    gaps, reach = one.b - one.a, case.ends[1] - case.ends[0]
    return compared(
        gaps,
        (-reach, reach),
        one.depends,
        LEVEL,
        spread(gaps, one.depends),
        rates=case.repeats == 1,
        flipped=lambda: flip,
    )


def _flips(drawn: list[Drawn]) -> list[tuple[float, str]]:
    if drawn[0].depends.steps:  # not asked for
        return [(np.nan, "none")] * len(drawn)
    sums = [
        one.b - one.a if one.depends.codes is None else summed(one.b - one.a, one.depends.codes)
        for one in drawn
    ]
    table = np.zeros((max(each.size for each in sums), len(sums)))
    for at, each in enumerate(sums):
        table[: each.size, at] = each
    p, tests = sign_flip(table)
    return [(float(value), test) for value, test in zip(p, tests, strict=True)]


def _runs(n: int) -> int:
    return RUNS if n < SIZES[-1] else FEWER


# ---- scores that are missing for what they are ----------------------------------------------


def missing_holds(rng: Rng, n: int) -> tuple[Share, Share]:
    """
    Return how often the interval, and the bounds, hold the difference over all inputs.

    A fifth of A's wrong answers are missing, and none of B's.
    """
    inside, within, runs = 0, 0, _runs(n)
    for _ in range(runs):
        one = _binary(rng, n, alike=False)
        seen = np.where((one.a == 0.0) & (rng.random(n) < 0.2), np.nan, one.a)
        both = ~np.isnan(seen)
        if not both.any():
            continue
        part = Drawn(a=seen[both], b=one.b[both])
        found = _tested(CASES[0], part, (np.nan, "none"))
        inside += found.low <= BETTER - 0.5 <= found.high
        low, high = possible(seen, one.b, 0.0, 1.0)
        within += low <= float((one.b - one.a).mean()) <= high
    return Share(held=inside / runs, runs=runs), Share(held=within / runs, runs=runs)


# ---- tables ---------------------------------------------------------------------------------


def cases(rng: Rng, _replications: int) -> Iterator[str]:
    """Yield three tables: intervals of an arm, intervals of a pair, false positives of a pair."""
    yield f"\n## What a run says, by its data ({RUNS:,} runs a cell, {FEWER:,} with n = 1,000)\n"
    yield (
        "A share in bold is outside of what is promised (coverage of 93 % or more, false "
        "positives of 6 % or less) by more than twice its simulation error; where the method "
        "itself says that it may not hold, it is said how often. Above 97 % an interval is wider "
        "than it need be."
    )
    for title, share in (
        ("Coverage of an arm's 95 % interval", means_hold),
        ("Coverage of a pair's 95 % interval", partial(pairs_hold, alike=False)),
    ):
        yield from _table(title, share, lambda found: found.held + 2.0 * found.error < 0.93)
    yield from _table(
        "False positives of a pair at 5 %",
        partial(pairs_hold, alike=True),
        lambda found: found.held - 2.0 * found.error > 0.06,
    )
    yield "\n### Scores that are missing for what they are (a fifth of A's wrong answers)\n"
    yield "| what | " + " | ".join(f"n = {size:,}" for size in SIZES) + " |"
    yield "| --- |" + " ---: |" * len(SIZES)
    found = [missing_holds(rng, size) for size in SIZES]
    inside = [each[0].shown(failed=each[0].held < 0.93) for each in found]
    within = [each[1].shown(failed=False) for each in found]
    yield f"| the pair's interval holds the difference over all inputs | {' | '.join(inside)} |"
    yield f"| `possible_low` to `possible_high` hold it | {' | '.join(within)} |"


def _table(
    title: str, share: Callable[[Case, Rng, int], Share], failed: Callable[[Share], bool]
) -> Iterator[str]:
    yield f"\n### {title}\n"
    yield "| data | " + " | ".join(f"n = {size:,}" for size in SIZES) + " |"
    yield "| --- |" + " ---: |" * len(SIZES)
    for case in CASES:
        rng = np.random.default_rng([len(title), *case.name.encode()])
        found = [share(case, rng, size) for size in SIZES]
        cells = [each.shown(failed=failed(each)) for each in found]
        yield f"| {case.name} | {' | '.join(cells)} |"
