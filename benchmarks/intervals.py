"""
Measure what llmlab's statistics promise: coverage, false-positive rates, samples saved.

    python -m benchmarks.intervals [--replications 2000] [--seed 0] [--only coverage]

Prints markdown. Everything is simulated from laws whose truth is known, seeded, and run through
the functions a user calls. `-m` matters: run by path, this file would hide Python's own
`statistics` module.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.cases import cases
from benchmarks.one_of_many import baseline, best_arm
from benchmarks.over_time import over_time
from llmlab.scores.ranks import influences
from llmlab.stats.costs import ratio_interval
from llmlab.stats.cuped import cuped
from llmlab.stats.deflation import deflate
from llmlab.stats.equivalence import equivalence
from llmlab.stats.intervals import (
    Interval,
    bootstrap_quantile,
    cluster_interval,
    quantile_interval,
    rate_interval,
    t_interval,
)
from llmlab.stats.matrix import Matrix
from llmlab.stats.paired import pairs_of
from llmlab.stats.planning import inputs_needed
from llmlab.stats.rates import PairedRates, mcnemar
from llmlab.stats.sequential import PairedSequence
from llmlab.stats.signflip import sign_flip

Floats: TypeAlias = npt.NDArray[np.float64]
Limits: TypeAlias = tuple[float, float]
Draw: TypeAlias = Callable[[np.random.Generator, int], Limits]

PAGE: Final = Path(__file__).parents[1] / "docs" / "statistics.md"
FIRST: Final = "## Measured\n"
LAST: Final = "Run again with"
SIZES: Final = (10, 30, 100, 1_000)
LEVEL: Final = 0.95
ALPHA: Final = 0.05
HORIZON: Final = 2_000
IC: Final = 0.3
"""Slope of what came on what was said; noise has SD 1."""
RHO: Final = float(6.0 / np.pi * np.arcsin(IC / np.sqrt(1.0 + IC**2) / 2.0))
"""Spearman's correlation of two normal variables by Pearson's."""
ARMS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """An interval on data of one kind, and the value that it should hold."""

    interval: str
    data: str
    truth: float
    draw: Draw


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description="Measure coverage and error rates.")
    parser.add_argument("--replications", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parts = {
        part.__name__: part
        for part in (
            cases,
            coverage,
            single_tests,
            sequential_error,
            sequential_saving,
            best_arm,
            families,
            baseline,
            others,
            over_time,
        )
    }
    parser.add_argument("--only", choices=[*parts], action="append", help="these tables alone")
    parser.add_argument("--write", action="store_true", help="put all tables into the page, too")
    given = parser.parse_args()
    if given.write and given.only:
        parser.error("--write takes all tables; leave out --only")
    start = perf_counter()
    lines = [f"{given.replications:,} replications, seed {given.seed}; other numbers are said."]
    print(lines[0])
    for name in given.only or parts:
        rng = np.random.default_rng(given.seed)
        for line in parts[name](rng, given.replications):
            print(line, flush=True)
            lines.append(line)
    print(f"\nTook {perf_counter() - start:.0f} s.", file=sys.stderr)
    if given.write:
        PAGE.write_text(_put(PAGE.read_text(), lines))


def _put(page: str, lines: list[str]) -> str:
    """Put *lines* between the headings that stand before and after the tables, a level deeper."""
    head, _, rest = page.partition(FIRST)
    _, _, tail = rest.partition(LAST)
    made = [f"\n#{line.strip()}\n" if line.strip().startswith("#") else line for line in lines]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(made))
    return f"{head}{FIRST}\n{body}\n\n{LAST}{tail}"


# --- coverage


def coverage(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield a table of the share of intervals that hold the truth."""
    error = 1.96 * np.sqrt(LEVEL * (1 - LEVEL) / replications)
    yield f"\n## Coverage of {LEVEL:.0%} intervals (simulation error ±{error:.1%})\n"
    yield "| interval | data | " + " | ".join(f"n = {size:,}" for size in SIZES) + " |"
    yield "| --- | --- |" + " ---: |" * len(SIZES)
    for scenario in SCENARIOS:
        cells = [f"{_held(scenario, rng, size, replications):.1%}" for size in SIZES]
        yield f"| {scenario.interval} | {scenario.data} | " + " | ".join(cells) + " |"


def _held(scenario: Scenario, rng: np.random.Generator, n: int, replications: int) -> float:
    held = 0
    for _ in range(replications):
        low, high = scenario.draw(rng, n)
        held += low <= scenario.truth <= high
    return held / replications


def _wilson(rng: np.random.Generator, n: int) -> Limits:
    found = rate_interval((rng.random(n) < 0.85).astype(float), n, None, LEVEL)
    return found.low, found.high


def _wilson_repeats(rng: np.random.Generator, n: int) -> Limits:
    rates = rng.beta(1.7, 0.3, size=(n, 1))
    found = rate_interval((rng.random((n, 3)) < rates).mean(axis=1), 3 * n, None, LEVEL)
    return found.low, found.high


def _days(n: int) -> npt.NDArray[np.intp]:
    """Return the clusters: 5 inputs each, so 2 to 200 of them."""
    return np.arange(n) // 5


def _wilson_clusters(rng: np.random.Generator, n: int) -> Limits:
    days = _days(n)
    rates = rng.beta(3.4, 0.6, size=days.max() + 1)[days]
    found = rate_interval((rng.random(n) < rates).astype(float), n, days, LEVEL)
    return found.low, found.high


def _wilson_ignoring(rng: np.random.Generator, n: int) -> Limits:
    days = _days(n)
    rates = rng.beta(3.4, 0.6, size=days.max() + 1)[days]
    found = rate_interval((rng.random(n) < rates).astype(float), n, None, LEVEL)
    return found.low, found.high


def _t_skewed(rng: np.random.Generator, n: int) -> Limits:
    found = t_interval(rng.exponential(size=n), LEVEL)
    return found.low, found.high


def _t_normal(rng: np.random.Generator, n: int) -> Limits:
    found = t_interval(rng.normal(1.0, 1.0, size=n), LEVEL)
    return found.low, found.high


def _clustered(rng: np.random.Generator, n: int) -> Floats:
    days = _days(n)
    return np.asarray(rng.exponential(size=days.max() + 1)[days] + rng.normal(size=n))


def _t_ignoring(rng: np.random.Generator, n: int) -> Limits:
    found = t_interval(_clustered(rng, n), LEVEL)
    return found.low, found.high


def _t_clusters(rng: np.random.Generator, n: int) -> Limits:
    found = cluster_interval(_clustered(rng, n), _days(n).tolist(), LEVEL)
    return found.low, found.high


def _bonett_price(rng: np.random.Generator, n: int) -> Limits:
    only_b, only_a = rng.multinomial(n, [0.2, 0.1, 0.7])[:2]
    return PairedRates(int(only_a), int(only_b), n).limits(LEVEL)


def _paired_t(rng: np.random.Generator, n: int) -> Limits:
    hard = rng.beta(2.0, 1.0, size=n)
    a, b = hard * rng.random(n), hard * rng.random(n) ** 0.5
    found = t_interval(b - a, LEVEL)
    return found.low, found.high


def _latency(rng: np.random.Generator, n: int) -> Limits:
    seed = int(rng.integers(2**32))
    found = bootstrap_quantile(rng.lognormal(size=n), 0.5, LEVEL, draws=2_000, seed=seed)
    return found.low, found.high


def _latency_p95(rng: np.random.Generator, n: int) -> Limits:
    seed = int(rng.integers(2**32))
    found = bootstrap_quantile(rng.lognormal(size=n), 0.95, LEVEL, draws=2_000, seed=seed)
    return found.low, found.high


def _exact_p50(rng: np.random.Generator, n: int) -> Limits:
    return _open(quantile_interval(rng.lognormal(size=n), 0.5, LEVEL))


def _exact_p95(rng: np.random.Generator, n: int) -> Limits:
    return _open(quantile_interval(rng.lognormal(size=n), 0.95, LEVEL))


def _open(found: Interval) -> Limits:
    """Take a limit that is not known for none at all, as it is shown."""
    low = -np.inf if np.isnan(found.low) else found.low
    return low, np.inf if np.isnan(found.high) else found.high


def _fieller(rng: np.random.Generator, n: int) -> Limits:
    found = ratio_interval(
        rng.exponential(size=n), (rng.random(n) < 0.7).astype(float), None, LEVEL
    )
    return found.low, found.high


def _betting(rng: np.random.Generator, n: int) -> Limits:
    sequence = PairedSequence(alpha=1 - LEVEL)
    sequence.feed(rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.7, 0.2], size=n))
    found = sequence.interval()
    return found.low, found.high


def _rank_ic(rng: np.random.Generator, n: int) -> Limits:
    said = rng.normal(size=n)
    found = t_interval(influences(said, IC * said + rng.normal(size=n)), LEVEL)
    return found.low, found.high


def _cuped(rng: np.random.Generator, n: int) -> Limits:
    pool = rng.exponential(size=5 * n)
    found = cuped(0.3 * pool[:n] + rng.normal(0, 0.2, n), pool[:n], pool, level=LEVEL)
    return found.low, found.high


SCENARIOS: Final = tuple(
    Scenario(interval=interval, data=data, truth=truth, draw=draw)
    for interval, data, truth, draw in (
        ("Wilson", "binary, rate 0.85", 0.85, _wilson),
        ("Wilson, effective n", "binary, 3 repeats an input", 0.85, _wilson_repeats),
        ("Wilson, effective n", "binary, clusters of 5", 0.85, _wilson_clusters),
        ("Wilson (clusters ignored)", "binary, clusters of 5", 0.85, _wilson_ignoring),
        ("t", "normal", 1.0, _t_normal),
        ("t", "skewed (exponential)", 1.0, _t_skewed),
        ("cluster t", "skewed, clusters of 5", 1.0, _t_clusters),
        ("t (clusters ignored)", "skewed, clusters of 5", 1.0, _t_ignoring),
        ("paired, Tango", "binary, 30 % discordant", 0.1, _bonett_price),
        ("paired t", "skewed, shared difficulty", 1.0 / 9.0, _paired_t),
        ("bootstrap, p50", "log-normal", 1.0, _latency),
        ("bootstrap, p95", "log-normal", float(np.exp(1.6448536269514722)), _latency_p95),
        ("betting, at every look at once", "paired binary", 0.1, _betting),
        ("CUPED, pool 5 n", "skewed covariate", 0.3, _cuped),
        ("order statistics, p50", "log-normal", 1.0, _exact_p50),
        ("order statistics, p95", "log-normal", float(np.exp(1.6448536269514722)), _exact_p95),
        ("cost per correct answer, Fieller", "rate 0.7, skewed cost", 1.0 / 0.7, _fieller),
        ("rank IC, influences", "normal, rho 0.28", RHO, _rank_ic),
    )
)


# --- error of a single paired test


def single_tests(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield the false-positive rates of the paired tests on arms that are alike."""
    yield f"\n## False positives of one paired test at {ALPHA:.0%}\n"
    yield "| test | data | " + " | ".join(f"n = {size:,}" for size in SIZES) + " |"
    yield "| --- | --- |" + " ---: |" * len(SIZES)
    laws: tuple[tuple[str, str, Callable[[int], float]], ...] = (
        ("McNemar, score and mid-p", "binary, 30 % discordant", lambda n: _false_mcnemar(rng, n)),
        ("sign-flip", "symmetric, heavy tails", lambda n: _false_flip(rng.standard_t(3, n))),
        ("sign-flip", "skewed", lambda n: _false_flip(rng.exponential(size=n) - 1.0)),
        ("cluster sign-flip", "clusters of 5", lambda n: _false_clusters(rng, n)),
        ("sign-flip (clusters ignored)", "clusters of 5", lambda n: _false_flip(_gaps(rng, n))),
    )  # fmt: skip
    runs = max(200, replications // 4)
    for test, data, law in laws:
        cells = [f"{np.mean([law(n) <= ALPHA for _ in range(runs)]):.1%}" for n in SIZES]
        yield f"| {test} | {data} | " + " | ".join(cells) + " |"
    yield f"\n{runs:,} replications each."


def _false_mcnemar(rng: np.random.Generator, n: int) -> float:
    only_a, only_b = rng.multinomial(n, [0.15, 0.15, 0.7])[:2]
    return mcnemar(int(only_a), int(only_b))


def _gaps(rng: np.random.Generator, n: int) -> Floats:
    days = _days(n)
    return np.asarray(rng.normal(size=days.max() + 1)[days] + rng.normal(size=n))


def _false_flip(gaps: Floats) -> float:
    (p,), _ = sign_flip(gaps[:, None])
    return float(p)


def _false_clusters(rng: np.random.Generator, n: int) -> float:
    return _false_flip(np.bincount(_days(n), weights=_gaps(rng, n)).astype(float))


# --- the sequential test


def sequential_error(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield how often a run watched after every input ends in a false claim."""
    runs = max(replications, 2_000)
    yield f"\n## Looking after every one of {HORIZON:,} inputs, arms alike ({runs:,} runs)\n"
    yield "| paired differences | betting sequence | plain t test at every look |"
    yield "| --- | ---: | ---: |"
    for name, draw in (
        ("binary, 10 % discordant", lambda: _discordant(rng, 0.1, 0.0)),
        ("binary, 30 % discordant", lambda: _discordant(rng, 0.3, 0.0)),
        ("binary, 90 % discordant", lambda: _discordant(rng, 0.9, 0.0)),
        ("skewed, in [-0.2, 1]", lambda: rng.choice([-0.2, 1.0], p=[5 / 6, 1 / 6], size=HORIZON)),
        ("uniform in [-1, 1]", lambda: rng.uniform(-1.0, 1.0, HORIZON)),
    ):
        claims = np.array([_claims(draw()) for _ in range(runs)])
        ours, plain = claims.mean(axis=0)
        yield f"| {name} | {ours:.2%} | {plain:.1%} |"
    yield f"\nPromised: at most {ALPHA:.0%}, however often one looks."


def _discordant(rng: np.random.Generator, share: float, difference: float) -> Floats:
    up = (share + difference) / 2
    draws = rng.random(HORIZON)
    return np.where(draws < up, 1.0, np.where(draws < share, -1.0, 0.0))


def _claims(gaps: Floats) -> tuple[bool, bool]:
    sequence = PairedSequence(alpha=ALPHA)
    sequence.feed(gaps)
    size = np.arange(1, gaps.size + 1)
    mean = np.cumsum(gaps) / size
    spread = np.sqrt(np.maximum(np.cumsum(gaps**2) / size - mean**2, 1e-12) / size)
    return sequence.clear, bool((np.abs(mean[29:]) > 1.96 * spread[29:]).any())


def sequential_saving(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield when the sequence stops, beside the run of fixed size."""
    runs = max(200, replications // 4)
    yield f"\n## Inputs until it is clear, of {HORIZON:,} planned ({runs:,} runs)\n"
    yield (
        "| discordant | difference | found | mean inputs | saved of the plan | median | "
        "fixed test with power 95 % | saved of that |"
    )
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for share, difference in (
        (0.3, 0.0), (0.3, 0.02), (0.3, 0.05), (0.3, 0.1), (0.3, 0.2),
        (0.1, 0.02), (0.1, 0.05), (0.5, 0.4),
    ):  # fmt: skip
        stops = [_stop(_discordant(rng, share, difference)) for _ in range(runs)]
        inputs = np.array([HORIZON if stop is None else stop for stop in stops])
        found = np.mean([stop is not None for stop in stops])
        sd = float(np.sqrt(share - difference**2))
        fixed = inputs_needed(sd, difference, 0.95, ALPHA) if difference else None
        usual = "none" if fixed is None else f"{fixed:,}"
        # A fixed test that is longer than the plan is no measure for a run that ends with it.
        fits = fixed is not None and fixed <= HORIZON
        gain = f"{1 - inputs.mean() / (fixed or 1):.0%}" if fits else "plan too short"
        yield (
            f"| {share:.0%} | {difference:.2f} | {found:.1%} | {inputs.mean():,.0f} | "
            f"{1 - inputs.mean() / HORIZON:.0%} | {np.median(inputs):,.0f} | {usual} | "
            f"{gain} |"
        )


def _stop(gaps: Floats) -> int | None:
    sequence = PairedSequence(alpha=ALPHA)
    sequence.feed(gaps)
    return sequence.clear_at


# --- families of tests


def families(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield how often a run of many equal arms ends in any false claim."""
    runs = max(200, replications // 8)
    count = ARMS * (ARMS - 1) // 2
    yield f"\n## Any false claim among {count} pairs of {ARMS} arms alike ({runs:,} runs)\n"
    yield "| scores | inputs | unadjusted | Holm |"
    yield "| --- | ---: | ---: | ---: |"
    for name, binary, n in (("binary", True, 50), ("binary", True, 200), ("continuous", False, 50)):
        claims = np.array([_family(rng, n, binary=binary) for _ in range(runs)])
        raw, adjusted = claims.mean(axis=0)
        yield f"| {name} | {n} | {raw:.1%} | {adjusted:.1%} |"


def _family(rng: np.random.Generator, n: int, *, binary: bool) -> tuple[bool, bool]:
    hard = rng.random((n, 1))
    noise = rng.random((n, ARMS))
    scores = (noise < hard).astype(float) if binary else 0.5 * hard + 0.5 * noise
    empty = np.empty(0, dtype=np.intp)
    table = Matrix(
        names=tuple(("p", f"m{arm:02d}") for arm in range(ARMS)),
        inputs=tuple(range(n)),
        scores=scores,
        arm_of=empty,
        input_of=empty,
        scored=empty.astype(bool),
        whole=np.full(ARMS, binary),
        codes=None,
        ranked=np.full(ARMS, fill_value=True),
        compared=np.full(n, fill_value=True),
    )
    found = pairs_of(table, LEVEL, seed=int(rng.integers(2**32)))
    return any(pair.p <= ALPHA for pair in found), any(pair.p_adjusted <= ALPHA for pair in found)


# --- equivalence and deflation


def others(rng: np.random.Generator, replications: int) -> Iterator[str]:
    """Yield the false claims of equivalence at the margin, and of deflated winners."""
    yield "\n## Equivalence claimed although B is worse by exactly the margin of 0.1\n"
    yield "| scores | " + " | ".join(f"n = {size:,}" for size in SIZES) + " |"
    yield "| --- |" + " ---: |" * len(SIZES)
    for name, binary in (("binary, 30 % discordant", True), ("normal differences", False)):
        cells = []
        for n in SIZES:
            claims = [_inferior(rng, n, binary=binary) for _ in range(replications)]
            cells.append(f"{np.mean(claims):.1%}")
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield "\n## Best of N worthless variants called real (100 inputs, probability > 0.95)\n"
    yield "| N | winner's own t test | deflated |"
    yield "| ---: | ---: | ---: |"
    for trials in (5, 20, 100):
        winners = [_winner(rng, trials) for _ in range(replications)]
        plain, deflated = np.mean(winners, axis=0)
        yield f"| {trials} | {plain:.1%} | {deflated:.1%} |"


def _inferior(rng: np.random.Generator, n: int, *, binary: bool) -> bool:
    if not binary:
        return equivalence(np.zeros(n), rng.normal(-0.1, 0.3, n), margin=0.1).non_inferior
    draws = rng.random(n)
    a = (draws < 0.7).astype(float)
    b = ((draws < 0.5) | ((draws >= 0.7) & (draws < 0.8))).astype(float)
    return equivalence(a, b, margin=0.1).non_inferior


def _winner(rng: np.random.Generator, trials: int) -> tuple[bool, bool]:
    tries = rng.normal(size=(trials, 100))
    ratios = tries.mean(axis=1) / tries.std(axis=1, ddof=1)
    best = tries[int(np.argmax(ratios))]
    return bool(ratios.max() * 10.0 > 1.66), deflate(best, trials).probability > LEVEL


if __name__ == "__main__":
    main()
