"""
Measure how often the winner's intervals hold its true score: python -m benchmarks.winners.

Prints markdown. Twelve arms that are truly alike, on the same inputs; seeded.
"""

import argparse
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from llmlab.stats.intervals import cluster_interval, rate_interval, t_interval
from llmlab.stats.spread import Dependence
from llmlab.stats.winner import winner

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.intp]
Draw: TypeAlias = Callable[[np.random.Generator], Floats]

ARMS: Final = 12
RATE: Final = 0.7


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure the winner's intervals.")
    parser.add_argument("--replications", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print("| scores | plain holds | corrected holds | plain too high by | corrected | width |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, draw, truth, codes in _cases():
        rng = np.random.default_rng(given.seed)
        found = np.array(
            [_one(draw(rng), truth, codes, rate=truth > 0.0) for _ in range(given.replications)]
        ).mean(axis=0)
        holds, fixed, high, left, width = found
        print(f"| {name} | {holds:.1%} | {fixed:.1%} | {high:+.3f} | {left:+.3f} | {width:.2f} |")


def _cases() -> list[tuple[str, Draw, float, Ints | None]]:
    even = np.repeat(np.arange(30), 10)
    uneven = np.repeat(np.arange(40), np.maximum(1, 100 // np.arange(1, 41)))
    return [
        ("0/1, n = 30", _rates(30), RATE, None),
        ("0/1, n = 100", _rates(100), RATE, None),
        ("0/1, n = 1,000", _rates(1_000), RATE, None),
        ("normal, n = 30", _normal(30), 0.0, None),
        ("normal, n = 100", _normal(100), 0.0, None),
        ("normal, 30 clusters of 10", _normal(300, even), 0.0, even),
        ("normal, 40 clusters of 100 to 2", _normal(uneven.size, uneven), 0.0, uneven),
    ]


def _one(values: Floats, truth: float, codes: Ints | None, *, rate: bool) -> list[float]:
    found = winner(values, depends=Dependence(codes), rates=np.full(ARMS, rate))
    mine = values[:, found.place]
    if rate:
        plain = rate_interval(mine, mine.size, codes, 0.95)
    elif codes is None:
        plain = t_interval(mine)
    else:
        plain = cluster_interval(mine, codes.tolist())
    return [
        float(plain.low <= truth <= plain.high),
        float(found.low <= truth <= found.high),
        found.score - truth,
        found.estimate - truth,
        (found.high - found.low) / (plain.high - plain.low),
    ]


def _rates(n: int) -> Draw:
    edge = 0.5244005127080407  # the normal quantile of RATE

    def draw(rng: np.random.Generator) -> Floats:
        shared, own = rng.normal(size=(n, 1)), rng.normal(size=(n, ARMS))
        return np.asarray(np.sqrt(0.3) * shared + np.sqrt(0.7) * own < edge, dtype=float)

    return draw


def _normal(n: int, codes: Ints | None = None) -> Draw:
    def draw(rng: np.random.Generator) -> Floats:
        made = np.sqrt(0.3) * rng.normal(size=(n, 1)) + np.sqrt(0.7) * rng.normal(size=(n, ARMS))
        if codes is not None:
            made += 0.65 * rng.normal(size=(codes.max() + 1, ARMS))[codes]
        return np.asarray(0.3 * made)

    return draw


if __name__ == "__main__":
    main()
