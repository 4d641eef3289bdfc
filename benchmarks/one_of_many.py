"""Claims of many arms whose truth is known: against a baseline, and the best of them watched."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from llmlab.stats.against import contrasts_of
from llmlab.stats.best_arm import BestArm
from llmlab.stats.matrix import Matrix
from llmlab.stats.max_t import each_alone
from llmlab.stats.multiple import holm
from llmlab.stats.paired import pairs_of

Floats: TypeAlias = npt.NDArray[np.float64]
Rng: TypeAlias = np.random.Generator

ALPHA: Final = 0.05
LEVEL: Final = 0.95
ARMS: Final = 6
WATCHED: Final = 1_000
RUNS: Final = 200


def baseline(rng: Rng, replications: int) -> Iterator[str]:
    """Yield the false claims of arms that are all like their baseline, and what holds at once."""
    runs = max(100, replications // 8)
    yield f"\n## {ARMS - 1} arms like their baseline: any false claim ({runs:,} runs)\n"
    yield "| scores | inputs | Holm | max-t | all intervals hold together |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, binary, sizes in (
        ("binary", True, (30, 100)),
        ("continuous", False, (10, 30)),
        ("clusters of 5", None, (100,)),
    ):
        for n in sizes:
            found = np.mean([_claims(_table(rng, n, binary=binary)) for _ in range(runs)], axis=0)
            cells = " | ".join(f"{share:.1%}" for share in found)
            yield f"| {name} | {n} | {cells} |"


def _table(rng: Rng, n: int, *, binary: bool | None) -> Matrix:
    """Draw arms that are alike on inputs of different difficulty; None is in clusters of five."""
    scores = rng.normal(size=(n, 1)) + rng.normal(size=(n, ARMS))
    codes = np.arange(n) // 5 if binary is None else None
    if codes is not None:
        scores += 0.7 * rng.normal(size=(n, ARMS))[codes]
    empty = np.empty(0, dtype=np.intp)
    return Matrix(
        names=tuple(("p", f"m{arm:02d}") for arm in range(ARMS)),
        inputs=tuple(range(n)),
        scores=(scores < 0.5).astype(float) if binary else scores,
        arm_of=empty,
        input_of=empty,
        scored=empty.astype(bool),
        whole=np.full(ARMS, bool(binary)),
        codes=codes,
        ranked=np.full(ARMS, fill_value=True),
        compared=np.full(n, fill_value=True),
    )


def _claims(table: Matrix) -> tuple[bool, bool, bool]:
    base = table.names[0]
    found = pairs_of(table, LEVEL, against=base)
    places = [(0, other) for other in range(1, ARMS)]
    alone = each_alone(contrasts_of(table, places), LEVEL)
    wide = pairs_of(table, 1.0 - alone, against=base, adjust="holm")
    return (
        bool((holm([pair.p for pair in found]) <= ALPHA).any()),
        any(pair.p_adjusted <= ALPHA for pair in found),
        not any(pair.low > 0.0 or pair.high < 0.0 for pair in wide),
    )


def best_arm(rng: Rng, _replications: int) -> Iterator[str]:
    """Yield how often a watched run names a wrong arm, and after how many inputs it stops."""
    yield f"\n## The best of many arms, watched for {WATCHED:,} inputs ({RUNS:,} runs)\n"
    yield "| arms (0/1 scores) | named wrongly | named | median inputs |"
    yield "| --- | ---: | ---: | ---: |"
    for name, rates, tied in (
        (".85 above 11 of .70", [0.85] + [0.70] * 11, 1),
        (".85 above 2 of .70", [0.85] + [0.70] * 2, 1),
        ("3 alike", [0.6] * 3, 3),
        ("2 alike at the top, 1 far below", [0.9, 0.9, 0.3], 2),
        ("6 alike", [0.6] * 6, 6),
    ):
        stops = [_named(rng, np.array(rates)) for _ in range(RUNS)]
        named = np.array([arm is not None for arm, _ in stops])
        wrong = [arm is not None and (tied > 1 or arm > 0) for arm, _ in stops]
        median = np.median([inputs for _, inputs in stops])
        yield f"| {name} | {np.mean(wrong):.1%} | {named.mean():.0%} | {median:,.0f} |"
    yield f"\nPromised: at most {ALPHA:.0%} named wrongly, however often one looks."


def _named(rng: Rng, rates: Floats) -> tuple[int | None, int]:
    """Return which arm is named, if any, and after how many inputs."""
    best = BestArm(rates.size)
    for at, scores in enumerate((rng.random((WATCHED, rates.size)) < rates).astype(float), start=1):
        best.feed(scores)
        p = best.p
        if p.min() <= ALPHA:
            return int(np.argmin(p)), at
    return None, WATCHED
