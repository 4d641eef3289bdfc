"""
What a strategy that follows an arm's answers would have earned, and what chance would have.

A position is held for the horizon. `staggered` puts an equal part of the capital into each date's
positions, booked on the date they are taken; `non_overlapping` puts all of it into those of every
so many dates. Within a date assets weigh the same.

Source: Jegadeesh & Titman (1993), J. Finance 48(1), for positions that overlap.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from llmlab.errors import UsageError
from llmlab.stats.checks import Flags, Floats, at_least, fraction, positive
from llmlab.stats.clusters import Dated
from llmlab.stats.matrix import name_of
from llmlab.stats.means import mean_of, tested
from llmlab.stats.multiple import holm
from llmlab.stats.performance import deepest_fall, information_ratio, max_drawdown, traded
from llmlab.stats.shares import share
from llmlab.stats.signals import Signals, signals
from llmlab.stats.spread import Dependence

if TYPE_CHECKING:
    import pandas as pd

HOLDS: Final = ("staggered", "non_overlapping")
FEWEST: Final = 4
"""Dates below which nothing is said."""
STRETCHES: Final = 5
"""Pieces of the dates that change places: with every turn of the circle enough orders."""
_LARGE: Final = 0.2
"""A usual return from which it is asked whether it is in percent."""
_BASIS_POINTS: Final = 10_000.0
_DAYS_A_YEAR: Final = 365.25
_ANY: Final = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What each arm's signals earned, after costs, on a constant capital of 1 (not compounded)."""

    table: "pd.DataFrame"
    """One row an arm, best first."""
    returns: "pd.DataFrame"
    """Net return of each date (rows) and arm (columns, `prompt · label`)."""
    low: "pd.DataFrame"
    high: "pd.DataFrame"
    """The band that the cumulative return of shuffled signals stays in, as a whole, at `level`."""
    verdict: str
    notes: tuple[str, ...]
    level: float


def strategy(  # noqa: PLR0913 - all by name
    rows: "pd.DataFrame",
    dates: Dated,
    *,
    costs_bps: float = 0.0,
    capital: float | None = None,
    hold: str = "staggered",
    per_year: float | None = None,
    draws: int = 1_000,
    seed: int = 0,
    level: float = 0.95,
    **read: Any,
) -> Strategy:
    """
    Return what following each arm's answers earned over the dates, after costs.

    *costs_bps* are basis points of what is bought and sold, *capital* the dollars from which calls
    are paid, *per_year* the dates in a year; *read* is that of `signals`.

    Raises:
        UsageError: A setting or the answers do not suit, or there are too few dates.
    """
    _check(costs_bps, capital, hold, draws, level)
    found = signals(rows, dates, **read)
    found = _held(found, hold)
    year = _per_year(found.days) if per_year is None else positive("per_year", per_year)
    rng = np.random.default_rng(seed)
    books = [_Book.of(found, arm, costs_bps, capital) for arm in range(len(found.names))]
    chances = [_chance(found, arm, each, draws, rng) for arm, each in enumerate(books)]
    table = _table(found, books, chances, year, level)
    bands = [_band(chances[at], each.net, level) for at, each in enumerate(books)]
    return Strategy(
        table=table,
        returns=_frame(found, [each.net for each in books]),
        low=_frame(found, [low for low, _ in bands]),
        high=_frame(found, [high for _, high in bands]),
        verdict=_verdict(table, level),
        notes=tuple(_notes(found, costs_bps, capital)),
        level=level,
    )


def _held(found: Signals, hold: str) -> Signals:
    if hold == "non_overlapping":
        found = found.every(found.steps)
    if found.days.size <= max(FEWEST, found.steps):
        raise UsageError(
            f"{found.days.size} dates with returns are too few for a horizon of {found.steps}"
        )
    return found


def _table(
    found: Signals, books: "list[_Book]", chances: list[Floats], year: float, level: float
) -> "pd.DataFrame":
    import pandas as pd

    made = zip(found.names, books, chances, found.unread, strict=True)
    lines = [
        {"prompt": name[0], "label": name[1], "inputs": found.inputs, "unread": int(unread),
         **_earned(book, found.steps, year, level), **_against(book, chance, level)}
        for name, book, chance, unread in made
    ]  # fmt: skip
    table = pd.DataFrame(lines)
    for p in ("p", "p_chance"):
        place = table.columns.tolist().index(p) + 1
        table.insert(place, f"{p}_adjusted", holm(table[p].to_numpy()))
    return table.sort_values("mean", ascending=False, ignore_index=True)


def _frame(found: Signals, columns: list[Floats]) -> "pd.DataFrame":
    import pandas as pd

    names = [name_of(name) for name in found.names]
    index = pd.DatetimeIndex(found.days, name="date")
    return pd.DataFrame(np.column_stack(columns), index=index, columns=names)


def _check(costs_bps: float, capital: float | None, hold: str, draws: int, level: float) -> None:
    if hold not in HOLDS:
        raise UsageError(f"hold must be one of {', '.join(HOLDS)}; got {hold!r}")
    if not 0.0 <= costs_bps < np.inf:
        raise UsageError(f"costs_bps must be 0 or more, got {costs_bps!r}")
    if capital is not None and not 0.0 < capital < np.inf:
        raise UsageError(f"capital must be above 0 dollars, got {capital!r}")
    at_least("draws", draws, 100)
    fraction("level", level)


def _per_year(days: "npt.NDArray[np.datetime64]") -> float:
    """Return how many of these dates there are in a year: some 252 of trading days."""
    span = float((days[-1] - days[0]) / np.timedelta64(1, "D"))
    return float((days.size - 1) * _DAYS_A_YEAR / span)


# ---- one arm's book -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """What an arm's positions earned and cost, a number a date."""

    gross: Floats
    turnover: Floats
    """Capital bought and sold, as a share of all of it."""
    trading: Floats
    calls: Floats
    hits: Floats
    taken: Floats

    @classmethod
    def of(cls, found: Signals, arm: int, costs_bps: float, capital: float | None) -> "_Book":
        held = found.weights * found.positions[arm]
        turnover = traded(held, found.steps, netted=found.netted) / found.steps
        taken: Flags = (found.positions[arm] != 0.0) & (found.weights > 0.0)
        right = taken & (found.positions[arm] * found.returns > 0.0)
        nothing = np.zeros(found.days.size)
        return cls(
            gross=(held * found.returns).sum(axis=1) / found.steps,
            turnover=turnover,
            trading=turnover * costs_bps / _BASIS_POINTS,
            calls=nothing if capital is None else found.cost_usd[arm] / capital,
            hits=right.sum(axis=1).astype(float),
            taken=taken.sum(axis=1).astype(float),
        )

    @property
    def net(self) -> Floats:
        """What is left after trading and calls."""
        return np.asarray(self.gross - self.trading - self.calls)


def _earned(book: _Book, steps: int, year: float, level: float) -> dict[str, float]:
    net = book.net
    depends = Dependence(np.arange(net.size), steps)
    law, name = mean_of(net, _ANY, depends)
    mean = tested(law, level, name)
    ratio = information_ratio(net, steps=steps, per_year=year, level=level)
    hits = share(book.hits, book.taken, depends, level)
    return {
        "dates": net.size,
        "mean": float(net.mean()),
        "low": mean.low,
        "high": mean.high,
        "p": mean.p,
        "annual_return": year * float(net.mean()),
        "annual_low": year * mean.low,
        "annual_high": year * mean.high,
        "volatility": ratio.volatility,
        "volatility_low": ratio.volatility_low,
        "volatility_high": ratio.volatility_high,
        "information_ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "hit_rate": hits.value,
        "hit_low": hits.low,
        "hit_high": hits.high,
        "annual_turnover": year * float(book.turnover.mean()),
        "annual_trading_cost": year * float(book.trading.mean()),
        "annual_call_cost": year * float(book.calls.mean()),
        "max_drawdown": max_drawdown(net),
    }


# ---- against chance -------------------------------------------------------------------------


def _chance(found: Signals, arm: int, book: _Book, draws: int, rng: np.random.Generator) -> Floats:
    """
    Return cumulative returns of the arm's positions in another order; draws x dates.

    Stretches of dates change places and the whole is turned, so signals stay as long, as
    often long or short, and as alike within a date as they were; that they meet these returns
    is chance. Costs are those of the arm.
    """
    dates = found.days.size
    # Few long stretches: each place where two meet loses what a date's signals share with the next.
    length = max(found.steps, int(np.ceil(dates / STRETCHES)))
    came = found.weights * found.returns / found.steps
    paid = book.trading + book.calls
    positions = found.positions[arm]
    paths = np.empty((draws, dates))
    for draw in range(draws):
        met = (positions[shuffled(dates, length, rng)] * came).sum(axis=1)
        paths[draw] = np.cumsum(met - paid)
    return paths


def shuffled(dates: int, length: int, rng: np.random.Generator) -> "npt.NDArray[np.intp]":
    """Return the places of *dates* with stretches of *length* of the circle in another order."""
    turned = np.roll(np.arange(dates), int(rng.integers(dates)))
    pieces = np.array_split(turned, np.arange(length, dates, length))
    order = rng.permutation(len(pieces))
    return np.asarray(np.concatenate([pieces[each] for each in order]), dtype=np.intp)


def _band(paths: Floats, net: Floats, level: float) -> tuple[Floats, Floats]:
    """
    Return the limits that a share *level* of whole paths never leaves.

    The path of the arm's *net* returns counts as one of them, so that by chance alone it leaves
    them about as often as any other.

    Source: Myllymaki et al. (2017), J. Royal Statistical Society B 79(2), for global envelopes.
    """
    every = np.vstack([paths, np.cumsum(net)])
    mean, sd = every.mean(axis=0), every.std(axis=0)
    far = (np.abs(every - mean) / np.where(sd > 0.0, sd, np.inf)).max(axis=1)
    reach = float(np.sort(far)[int(np.ceil(level * far.size)) - 1])
    return mean - reach * sd, mean + reach * sd


def _against(book: _Book, paths: Floats, level: float) -> dict[str, float]:
    total, tail = float(book.net.sum()), (1.0 - level) / 2.0
    low, high = np.quantile(deepest_fall(paths), [tail, 1.0 - tail])
    # Rounding must not tell equal totals apart.
    above = paths[:, -1] >= total - 1e-12 * max(1.0, abs(total))
    return {
        "chance_drawdown_low": float(low),
        "chance_drawdown_high": float(high),
        "total": total,
        "chance_total": float(paths[:, -1].mean()),
        "p_chance": np.nan if np.isnan(total) else float((1 + above.sum()) / (1 + above.size)),
    }


def _verdict(table: "pd.DataFrame", level: float) -> str:
    """Say what the best arm earned, and whether that is above nothing and above chance."""
    best, alpha = table.iloc[0], 1.0 - level
    name = name_of((best["prompt"], best["label"]))
    if np.isnan(best["annual_low"]):
        return f"Nothing can be said of what {name} earned."
    clear = best["p_adjusted"] <= alpha and best["mean"] > 0.0
    lost = best["p_adjusted"] <= alpha and best["mean"] < 0.0
    by_luck = best["p_chance_adjusted"] > alpha
    said = (
        f"{name} earned {best['annual_return']:+.1%} a year "
        f"[{best['annual_low']:+.1%}, {best['annual_high']:+.1%}], information ratio "
        f"{best['information_ratio']:.2f} [{best['ratio_low']:.2f}, {best['ratio_high']:.2f}]"
    )
    end = "above nothing" if clear else "below nothing" if lost else "not told from nothing"
    more = "not told from shuffled signals" if by_luck else "more than shuffled signals do"
    joined = "but" if clear == by_luck else "and"
    return f"{said}: {end} (adjusted p = {best['p_adjusted']:.2g}), {joined} {more}."


def _notes(found: Signals, costs_bps: float, capital: float | None) -> Iterator[str]:
    flat = int(found.unread.sum())
    if flat:
        yield f"{flat:,} answers failed or say no position: they are flat, in every number here."
    if found.unresolved:
        yield f"{found.unresolved:,} inputs have no return (yet) and are left out."
    if found.missing:
        yield f"{found.missing:,} answers are not there: an arm is flat where it was not asked."
    usual = float(np.median(np.abs(found.returns[found.weights > 0.0])))
    if usual > _LARGE:
        yield f"Half of the returns are beyond ±{usual:.0%}: are they fractions, 0.01 for 1 %?"
    yield from _cost_notes(found, costs_bps, capital)
    if found.steps > 1:
        held = f"Positions are held for {found.steps} dates"
        yield f"{held} and booked when taken: falls within that time are unseen."


def _cost_notes(found: Signals, costs_bps: float, capital: float | None) -> Iterator[str]:
    if not costs_bps:
        yield "Trading costs nothing here: say costs_bps=."
    elif not found.netted:
        yield "Each position is opened and closed: with asset= one that stays is not traded."
    if capital is None:
        yield "What the calls cost is not subtracted: say capital= in dollars."
    elif np.isnan(found.cost_usd).any():
        lost = np.isnan(found.cost_usd).any(axis=1)
        names = ", ".join(name_of(found.names[at]) for at in np.flatnonzero(lost))
        yield f"Some calls have no price, so nothing is said after costs of: {names}."
