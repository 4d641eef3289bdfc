"""
The sign-flip test: if two arms are alike, each paired difference is as likely to be negated.

Ways to the same p-value, the exact ones first: differences on a lattice (scores that are counts,
halves, thirds, whole percents) through their characteristic function; few differences by listing
all signs; else seeded draws, with the +1 that keeps the test valid. Plain draws cannot resolve a
tail that few of them reach, and many comparisons need just those: there the draws are tilted.
"""

from typing import Final

import numpy as np
from scipy import optimize

from llmlab.stats.checks import Floats

DRAWS: Final = 9_999
TAIL: Final = 50
"""Draws that must reach the observed mean; below that the draws are too coarse."""
LISTED: Final = 16
"""Up to so many non-zero differences, all 2^n signs are listed."""
BLOCKS: Final = 1_024
"""Above so many units, seeded random blocks of units flip together (a subgroup: still exact)."""
LONGEST: Final = 2**22
"""Points of the longest lattice law that is worth a Fourier transform."""
STEPS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 24, 30, 60, 100)
"""Lattice steps that are tried: scores in units of 1/step."""
_SMALLEST: Final = 1e-12
"""What a Fourier transform in doubles can still tell from zero."""


def sign_flip(differences: Floats, *, seed: int = 0) -> tuple[Floats, tuple[str, ...]]:
    """
    Return the two-sided p-value of each column's mean, and how it was found.

    `differences` has one row a unit (input or cluster) and one column a pair; a missing unit
    is zero, which no flip can change. All pairs share the drawn signs.

    Source: Fisher (1935); Pagano & Tritchler (1983), JASA 78, 435-440 (characteristic
    function); Phipson & Smyth (2010), SAGMB 9(1), 39 (the +1); Siegmund (1976), Annals of
    Statistics 4(4), 673-684, and Johns (1988), JASA 83, 709-714 (tilted draws).
    """
    columns = [_clean(differences[:, column]) for column in range(differences.shape[1])]
    exact = [_exact(column[column != 0.0]) for column in columns]
    p = np.array([np.nan if value is None else value for value in exact], dtype=float)
    open_ones = np.flatnonzero(np.isnan(p))
    tests = np.full(p.size, "sign-flip exact", dtype=object)
    if open_ones.size:
        rng = np.random.default_rng(seed)
        stacked = np.column_stack([columns[column] for column in open_ones])
        if stacked.shape[0] > BLOCKS:
            stacked = _blocks(stacked, rng)
        reached = _reached(stacked, DRAWS, rng)
        p[open_ones] = (reached + 1.0) / (DRAWS + 1.0)
        tests[open_ones] = f"sign-flip, {DRAWS:,} draws"
        for place in np.flatnonzero(reached < TAIL):
            values = stacked[:, place]
            p[open_ones[place]] = _tilted(values[values != 0.0], rng)
            tests[open_ones[place]] = f"sign-flip, {DRAWS:,} tilted draws"
    return p, tuple(tests)


def _clean(column: Floats) -> Floats:
    """Set to zero what is only the rounding of averaged repeats."""
    scale = float(np.abs(column).max(initial=0.0))
    return np.where(np.abs(column) <= 1e-12 * max(scale, 1e-300), 0.0, column)


def _exact(values: Floats) -> float | None:
    if not values.size:
        return 1.0
    lattice = _lattice(values)
    if lattice is not None:
        return _lattice_p(lattice)
    return _listed_p(values) if values.size <= LISTED else None


def _lattice(values: Floats) -> Floats | None:
    """Return *values* as whole numbers of some step, or None when no step fits."""
    for step in STEPS:
        head = values[:64] * step
        if np.abs(head - np.rint(head)).max() > 1e-9:  # noqa: PLR2004 - cheap look first
            continue
        whole = np.rint(values * step)
        if np.abs(values * step - whole).max() > 1e-9:  # noqa: PLR2004 - rounding, not data
            continue
        return whole if 2.0 * np.abs(whole).sum() < LONGEST and whole.all() else None
    return None


def _lattice_p(whole: Floats) -> float:
    """Invert the characteristic function, a product of cosines, of the flipped sum."""
    sizes, counts = np.unique(np.abs(whole), return_counts=True)
    common = float(np.gcd.reduce(sizes.astype(np.int64)))
    reach = int(np.abs(whole).sum() / common)
    # The sum runs over -reach, -reach + 2, ..., reach: reach + 1 points suffice.
    angles = np.pi * np.arange(reach + 1) / (reach + 1)
    law = np.ones(reach + 1, dtype=complex)
    for size, count in zip(sizes / common, counts, strict=True):
        law *= np.cos(angles * size) ** int(count)
    law *= np.exp(1j * angles * reach)
    chances = np.fft.fft(law).real / (reach + 1)
    observed = abs(float(whole.sum())) / common
    places = 2 * np.arange(reach + 1) - reach
    p = float(chances[np.abs(places) >= observed - 0.5].sum())
    least = max(_SMALLEST, 2.0 ** (1 - min(whole.size, 1000)))
    return float(np.clip(p, min(least, 1.0), 1.0))


def _listed_p(values: Floats) -> float:
    """List every choice of signs; the first may stay, for the law is symmetric."""
    sums = values[:1]
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    edge = abs(float(values.sum())) - 1e-9 * float(np.abs(values).sum())
    return float(np.mean(np.abs(sums) >= edge))


def _tilted(values: Floats, rng: np.random.Generator) -> float:
    """
    Return the p-value of a sum that plain draws hardly reach.

    Signs are drawn so that the observed sum is what they come to on average, and each draw is
    weighted by how much likelier that made it; the law of a sum of +-d has the cumulant function
    K(t) = sum log cosh(t d).
    """
    sizes = np.abs(values) / np.abs(values).max()
    total = abs(float(values.sum())) / float(np.abs(values).max())
    least = float(2.0 ** (1.0 - min(sizes.size, 1_000)))
    if total >= sizes.sum() * (1.0 - 1e-9):
        return least
    steep = 2.0
    while _slope(steep, sizes) < total:
        steep *= 2.0
    t = float(optimize.brentq(lambda x: _slope(x, sizes) - total, 0.0, steep))
    # log cosh without overflow.
    cumulant = float((np.logaddexp(t * sizes, -t * sizes) - np.log(2.0)).sum())
    up = 1.0 / (1.0 + np.exp(-2.0 * t * sizes))
    sums = (2.0 * (rng.random((DRAWS, sizes.size)) < up) - 1.0) @ sizes
    there = sums >= total - 1e-9 * sizes.sum()
    weights = np.exp(cumulant - t * sums[there])
    return float(np.clip(2.0 * weights.sum() / DRAWS, least, 1.0))


def _slope(t: float, sizes: Floats) -> float:
    """Return the first derivative of the cumulant function."""
    return float((sizes * np.tanh(t * sizes)).sum())


def _reached(columns: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Count the draws whose mean is as far from zero as the one observed, column by column."""
    edges = np.abs(columns.sum(axis=0)) - 1e-9 * np.abs(columns).sum(axis=0)
    reached = np.zeros(columns.shape[1], dtype=np.int64)
    left = draws
    while left:
        batch = min(left, 2_000)
        signs = 2.0 * rng.integers(0, 2, size=(batch, columns.shape[0]), dtype=np.int8) - 1.0
        reached += (np.abs(signs @ columns) >= edges).sum(axis=0)
        left -= batch
    return reached.astype(float)


def _blocks(columns: Floats, rng: np.random.Generator) -> Floats:
    """Sum units into `BLOCKS` random blocks of nearly equal size."""
    order = rng.permutation(columns.shape[0])
    starts = np.linspace(0, columns.shape[0], BLOCKS, endpoint=False).astype(int)
    return np.asarray(np.add.reduceat(columns[order], starts, axis=0), dtype=float)
