"""Blocks made from DataFrames: `Table` for any, `Portfolio` and `MarketSnapshot` for two known."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from llmlab.errors import UsageError
from llmlab.tokens.blocks import FORMS, Form, Pieces
from llmlab.tokens.cells import cell, lines, number

if TYPE_CHECKING:
    import pandas as pd

DIGITS: Final = {1: 5, 2: 8}
"""Significant digits of a number by tier: five keep a price to a basis point."""


@dataclass(frozen=True, kw_only=True)
class _Framed:
    """A block whose rows are the rows of a DataFrame, written as CSV: the fewest tokens a row."""

    frame: "pd.DataFrame"
    name: str
    compact: Sequence[str] | None = None
    """The columns of the compact form; None is the block's own choice."""
    summary: str = ""
    """Words for the summary form; empty is the block's own."""
    keep: Literal["first", "last"] = "last"

    @cached_property
    def snapshot(self) -> str:
        """A hash of columns, index and values, and of how they are to be written."""
        import pandas as pd

        try:
            hashed = pd.util.hash_pandas_object(self.frame, index=True)
        except TypeError:  # cells that are lists or dicts have no hash but that of their words
            hashed = pd.util.hash_pandas_object(self.frame.astype(str), index=True)
        values = hashed.to_numpy().tobytes()
        how = f"{type(self).__name__}\0{self.name}\0{list(self.frame.columns)}"
        how += f"\0{self.compact}\0{self.summary}\0{self.keep}"
        return hashlib.sha256(how.encode() + values).hexdigest()

    @property
    def forms(self) -> tuple[Form, ...]:
        """All three."""
        return FORMS

    def pieces(self, form: Form, tier: int) -> Pieces:
        """Write the rows as CSV lines under a line of column names."""
        about = self.summary or self.summed()
        if form == "summary":
            return Pieces(head=f"{self.title()}: {about}\n")
        frame = self.columns(form)
        return Pieces(
            head=f"{self.title()}:\n{','.join(map(str, frame.columns))}\n",
            rows=lines(frame, DIGITS.get(tier, 8)),
            keep=self.keep,
            summary=about,
        )

    def title(self) -> str:
        """Return what the block is called in the prompt."""
        return self.name

    def columns(self, form: Form) -> "pd.DataFrame":
        """Return the columns of a form, the index among them where it says something."""
        frame = self.frame
        if frame.index.name is not None:
            frame = frame.reset_index()
        if form == "full":
            return frame
        return frame[[each for each in self.short(frame) if each in frame.columns]]

    def short(self, frame: "pd.DataFrame") -> list[str]:
        """Return the columns of the compact form."""
        return list(self.compact) if self.compact else [str(each) for each in frame.columns]

    def summed(self) -> str:
        """Say in one line what the rows have in common."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Table(_Framed):
    """Any DataFrame; the last rows stay unless `keep="first"`."""

    name: str = "additional"

    def summed(self) -> str:
        """Give rows, and mean and range of the numeric columns."""
        numbers = self.frame.select_dtypes("number")
        parts = [
            f"{column} {number(each.mean(), 5)} on average, {number(each.min(), 5)} to "
            f"{number(each.max(), 5)}"
            for column, each in numbers.items()
            if len(each)
        ]
        return "; ".join([f"{len(self.frame):,} rows", *parts])


@dataclass(frozen=True, kw_only=True)
class Portfolio(_Framed):
    """
    Positions: a ticker and a quantity a row, and whatever else there is (price, cost, stop).

    The largest positions stay first (by `value`, or quantity times price); the compact form keeps
    ticker, quantity, price and stop.
    """

    name: str = "portfolio"
    keep: Literal["first", "last"] = "first"

    def __post_init__(self) -> None:
        _need(self.frame, ("ticker", "symbol"), "a portfolio")
        _need(self.frame, ("quantity", "shares", "size"), "a portfolio")

    def columns(self, form: Form) -> "pd.DataFrame":
        """Return the columns of a form, the largest position first."""
        frame = super().columns("full")
        frame = frame.iloc[self._size(frame).abs().argsort(kind="stable")[::-1]]
        return frame if form == "full" else frame[self.short(frame)]

    def short(self, frame: "pd.DataFrame") -> list[str]:
        """Return ticker, quantity, price and stop, as far as they are there."""
        if self.compact:
            return list(self.compact)
        wanted = {"ticker", "symbol", "quantity", "shares", "size", "price", "stop"}
        return [str(each) for each in frame.columns if str(each).lower() in wanted]

    def summed(self) -> str:
        """Give the number of positions, gross and net size, and the three largest."""
        frame = self.columns("full")
        size = self._size(frame)
        names = frame[_column(frame, ("ticker", "symbol"))]
        largest = ", ".join(
            f"{name} {number(each, 5)}" for name, each in zip(names[:3], size[:3], strict=True)
        )
        return (
            f"{len(frame):,} positions, gross {number(size.abs().sum(), 6)}, "
            f"net {number(size.sum(), 6)}; largest {largest}"
        )

    @staticmethod
    def _size(frame: "pd.DataFrame") -> "pd.Series[float]":
        value = _column(frame, ("value", "market_value"))
        if value:
            return frame[value].astype(float)
        quantity = frame[_column(frame, ("quantity", "shares", "size"))].astype(float)
        price = _column(frame, ("price", "last", "close"))
        return quantity * frame[price].astype(float) if price else quantity


@dataclass(frozen=True, kw_only=True)
class MarketSnapshot(_Framed):
    """
    Candles of one instrument, oldest first: Date, Open, High, Low, Close, Volume.

    The newest candles stay. The compact form keeps date and close (adjusted where there is one);
    the summary gives return, volatility a year, the deepest fall and the range, from adjusted
    closes where there are any.
    """

    ticker: str = ""
    name: str = "market"

    def __post_init__(self) -> None:
        _need(self.frame, ("close", "adj close", "adj_close"), "a market snapshot")

    def title(self) -> str:
        """Return `market AAPL`."""
        return f"{self.name} {self.ticker}".strip()

    def short(self, frame: "pd.DataFrame") -> list[str]:
        """Return the date and one close."""
        if self.compact:
            return list(self.compact)
        date = _column(frame, ("date", "time", "timestamp", "datetime"))
        return [each for each in (date, self._close(frame)) if each]

    def summed(self) -> str:
        """Give what the closes say: return, volatility, fall and range."""
        frame = self.columns("full")
        close = frame[self._close(frame)].astype(float)
        date = _column(frame, ("date", "time", "timestamp", "datetime"))
        span = (
            f", {cell(frame[date].iloc[0], 8)} to {cell(frame[date].iloc[-1], 8)}" if date else ""
        )
        if len(close) < 2:  # noqa: PLR2004 - a return needs two closes
            return f"{len(close)} candles{span}"
        steps = close.pct_change().dropna()
        fall = (close / close.cummax() - 1).min()
        return (
            f"{len(close):,} candles{span}, close {number(close.iloc[-1], 5)} "
            f"({close.iloc[-1] / close.iloc[0] - 1:+.1%}), range {number(close.min(), 5)} to "
            f"{number(close.max(), 5)}, volatility {steps.std() * math.sqrt(252):.1%} a year, "
            f"deepest fall {fall:.1%}"
        )

    @staticmethod
    def _close(frame: "pd.DataFrame") -> str:
        return _column(frame, ("adj close", "adj_close", "close"))


def _column(frame: "pd.DataFrame", names: Sequence[str]) -> str:
    """Return the column that has one of *names*, in any case; empty when none has."""
    known = {str(each).lower(): str(each) for each in frame.columns}
    return next((known[name] for name in names if name in known), "")


def _need(frame: "pd.DataFrame", names: Sequence[str], what: str) -> None:
    there = frame if frame.index.name is None else frame.reset_index()
    if not _column(there, names):
        columns = ", ".join(map(str, there.columns))
        raise UsageError(f"{what} needs a column {' or '.join(names)}; there are {columns}")
