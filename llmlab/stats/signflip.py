"""
The sign-flip test: if two arms are alike, each paired difference is as likely to be negated.

Three ways to the same p-value, the exact ones first: differences on a lattice (scores that are
counts, halves, thirds, whole percents) through their characteristic function; few differences
by listing all signs; else seeded draws, with the +1 that keeps the test valid.
"""

from typing import Final

import numpy as np

from llmlab.stats.checks import Floats

FEWEST_DRAWS: Final = 9_999
MOST_DRAWS: Final = 99_999
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
    function); Phipson & Smyth (2010), SAGMB 9(1), 39 (the +1).
    """
    columns = [_clean(differences[:, column]) for column in range(differences.shape[1])]
    exact = [_exact(column[column != 0.0]) for column in columns]
    p = np.array([np.nan if value is None else value for value in exact], dtype=float)
    open_ones = np.flatnonzero(np.isnan(p))
    draws = int(np.clip(100 * len(columns) - 1, FEWEST_DRAWS, MOST_DRAWS))
    if open_ones.size:
        stacked = np.column_stack([columns[column] for column in open_ones])
        p[open_ones] = _drawn(stacked, draws, np.random.default_rng(seed))
    drawn = f"sign-flip, {draws:,} draws"
    return p, tuple("sign-flip exact" if value is not None else drawn for value in exact)


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


def _drawn(columns: Floats, draws: int, rng: np.random.Generator) -> Floats:
    if columns.shape[0] > BLOCKS:
        columns = _blocks(columns, rng)
    edges = np.abs(columns.sum(axis=0)) - 1e-9 * np.abs(columns).sum(axis=0)
    reached = np.zeros(columns.shape[1], dtype=np.int64)
    left = draws
    while left:
        batch = min(left, 2_000)
        signs = 2.0 * rng.integers(0, 2, size=(batch, columns.shape[0]), dtype=np.int8) - 1.0
        reached += (np.abs(signs @ columns) >= edges).sum(axis=0)
        left -= batch
    return np.asarray((reached + 1.0) / (draws + 1.0), dtype=float)


def _blocks(columns: Floats, rng: np.random.Generator) -> Floats:
    """Sum units into `BLOCKS` random blocks of nearly equal size."""
    order = rng.permutation(columns.shape[0])
    starts = np.linspace(0, columns.shape[0], BLOCKS, endpoint=False).astype(int)
    return np.asarray(np.add.reduceat(columns[order], starts, axis=0), dtype=float)
