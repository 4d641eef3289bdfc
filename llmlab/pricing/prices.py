"""Look a model's price up once, keep it, and bill every answer with it."""

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from llmlab.errors import ConfigError, Unavailable, Unreadable
from llmlab.pricing import corrections, edition, stored
from llmlab.pricing.edition import Edition
from llmlab.pricing.listing import window_at
from llmlab.pricing.overrides import PROVIDERS, read_overrides, without_date
from llmlab.pricing.price import Price, bill_of, dearest_of, prices_at
from llmlab.pricing.window import Window, always, free
from llmlab.records import OWN_MACHINE, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_ZERO = Decimal(0)
_HOUR = 3600.0
_STALE_DAYS = 183.0
FREE = "free"
"""Stands for a seller where tokens cost nothing: a server of one's own."""


class Cost(Struct, frozen=True, kw_only=True, gc=False):
    """Dollars, and where the price comes from."""

    usd: Decimal
    basis: str


class Prices:
    """
    Dollars for tokens: genai-prices' table, llmlab's corrections, the user's overrides on top.

    Args:
        overrides: Prices by `provider/model` (see `overrides.read_overrides`).
        allow_network: Whether `refresh` may fetch; nothing else ever does.
        sellers: By provider beyond llmlab's own, its name in genai-prices, `free` for a server of
            one's own, or "" where no price is known.
        kept: The file in which a fetched table is kept, and looked for; None keeps none.
        now: Returns Unix seconds.
    """

    def __init__(
        self,
        overrides: Mapping[str, Mapping[str, object]] | None = None,
        *,
        sellers: Mapping[str, str] | None = None,
        allow_network: bool = False,
        kept: Path | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sellers = dict.fromkeys(PROVIDERS, "") | dict(sellers or {})
        self._overrides = read_overrides(overrides or {}, tuple(self._sellers))
        self._allow_network = allow_network
        self._kept = kept
        self._now = now
        self._trouble = ""
        self._edition: Edition | None = None
        self._latest: dict[tuple[str, str], Window] = {}
        self._windows: dict[tuple[str, str], list[Window]] = {}
        self._at: dict[tuple[int, str | None, str], tuple[Price, tuple[Price, ...]]] = {}
        """By a price's identity, which the price beside it keeps from being another's."""

    def price(self, provider: str, model: str, at: float) -> Price | None:
        """Return the price of *model* at Unix time *at*, or None when it is not listed."""
        return self._window(provider, model, at).price

    def cost(
        self, usage: Usage, provider: str, model: str, at: float, *, batch: bool = False
    ) -> Cost | None:
        """
        Return what *usage* cost, by the answer's model and the time of the request.

        None, never 0, when the model has no price or the usage lacks a count that costs money.
        """
        window = self._latest.get((provider, model))
        if window is None or not window.start <= at < window.end:
            window = self._window(provider, model, at)
        price = window.price
        if price is None:
            return None
        usd = bill_of(usage, price, batch=batch)
        if usd is None:
            return None
        basis = window.basis
        if batch or usage.searches or usage.service_tier or usage.region:
            basis += _extras(usage, price, batch=batch)
        return Cost(usd=usd, basis=basis)

    def worst(
        self,
        provider: str,
        model: str,
        input_tokens: int,
        max_output: int,
        at: float,
        *,
        searches: int = 0,
        tier: str | None = "",
        region: str = "",
    ) -> Decimal | None:
        """
        Return the most a request sent at *at* can cost, or None when its price is unknown.

        *tier* is the tier of service that is certain, "" the standard one; None is any that is
        sold. The dearest of fresh, cached and cache-write rates, the highest rates that the prompt
        reaches, and the peak price if it begins within the hour (DeepSeek bills by processing
        time).
        *input_tokens* must count what server-side searches add to the prompt.
        """
        worst = _ZERO
        moment = at
        while moment <= at + _HOUR:
            window = self._window(provider, model, moment)
            bound = (
                dearest_of(
                    self._prices_at(window.price, tier, region), input_tokens, max_output, searches
                )
                if window.price is not None
                else None
            )
            if bound is None:
                return None
            worst = max(worst, bound)
            moment = window.end
        return worst

    def _prices_at(self, price: Price, tier: str | None, region: str) -> tuple[Price, ...]:
        """Return the prices at which an answer may be billed; cached, since each call asks."""
        known = self._at.get((id(price), tier, region))
        if known is None:
            known = self._at[id(price), tier, region] = price, prices_at(price, tier, region)
        return known[1]

    def names(self, provider: str) -> tuple[str, ...]:
        """Return the models of *provider* that the table has a price of text for."""
        if provider not in PROVIDERS or provider in OWN_MACHINE:
            return ()
        at = self._now()
        found = edition.listings(self._table(), provider)
        return tuple(
            info.id
            for info in found
            if not info.deprecated
            and window_at(self._table(), provider, info, at).price is not None
        )

    def __repr__(self) -> str:
        """Say which table it is, and how old."""
        return f"Prices({self.basis}, {self.age():.0f} days old)"

    @property
    def basis(self) -> str:
        """Which table it is, and of which day: `genai-prices 0.2.3 (2026-11-09)`."""
        table = self._table()
        return f"{table.source} ({table.dated})"

    def age(self, now: float | None = None) -> float:
        """Return how many days old the price table is at Unix time *now*."""
        dated = datetime.combine(self._table().dated, datetime.min.time(), UTC)
        return ((self._now() if now is None else now) - dated.timestamp()) / 86_400

    def warning(self, now: float | None = None) -> str | None:
        """Return a sentence when the table is older than six months or was not read, else None."""
        age = self.age(now)
        if age <= _STALE_DAYS:
            return self._trouble or None
        table = self._table()
        old = (
            f"prices are {age:.0f} days old ({table.source}, {table.dated}): "
            "llmlab prices --refresh, or lab.prices.refresh(), fetches today's"
        )
        return f"{self._trouble}; {old}" if self._trouble else old

    def refresh(self, url: str | None = None) -> None:
        """
        Fetch the current price table from genai-prices' repository, or from *url*, and keep it.

        Answers that were bought keep the cost that they have; `run.reprice()` values them anew.

        Raises:
            ConfigError: The network was not allowed.
            Unavailable: The table could not be fetched; the old one stays.
            Unreadable: What came is not a price table; the old one stays.
        """
        if not self._allow_network:
            raise ConfigError("refresh() needs the network: Prices(allow_network=True)")
        import httpx2

        try:
            today = datetime.fromtimestamp(self._now(), UTC).date()
            fetched, providers = edition.fetched(url or edition.address(), today=today)
        except httpx2.HTTPError as error:
            raise Unavailable(f"no price table: {error}", provider="genai-prices") from error
        except ValueError as error:
            raise Unreadable(f"not a price table: {error}", provider="genai-prices") from error
        self._edition, self._latest, self._windows, self._trouble = fetched, {}, {}, ""
        if self._kept is not None:
            stored.save(self._kept, providers, fetched.dated)

    def _table(self) -> Edition:
        if self._edition is None:
            self._edition = self._first_table()
        return self._edition

    def _first_table(self) -> Edition:
        if self._kept is None:
            return edition.bundled()
        try:
            return edition.newest(self._kept)
        except ConfigError as error:
            # Calls go on by the installed table; the warning stands where costs are.
            self._trouble = f"{error}; the installed prices are used"
            return edition.bundled()

    def _window(self, provider: str, model: str, at: float) -> Window:
        """Return the kept window around *at*, or make it and keep it."""
        key = (provider, model)
        latest = self._latest.get(key)
        if latest is not None and latest.start <= at < latest.end:
            return latest
        kept = self._windows.setdefault(key, [])
        place = bisect_right(kept, at, key=_start)
        window = kept[place - 1] if place else None
        if window is None or at >= window.end:
            window = self._look_up(provider, model, at)
            kept.insert(place, window)
        self._latest[key] = window
        return window

    def _look_up(self, provider: str, model: str, at: float) -> Window:
        name = self._override_for(provider, model)
        if name is not None:
            return always(self._overridden(name, provider), f"override, {name}")
        if provider in OWN_MACHINE or self._sellers.get(provider) == FREE:
            return free()
        info = self._listed(provider, model)
        if info is None:
            return always(None, "")
        return window_at(self._table(), provider, info, at)

    def _listed(self, provider: str, model: str) -> "ModelInfo | None":
        seller = self._sellers.get(provider, "")
        is_own = provider in PROVIDERS and provider not in OWN_MACHINE
        if seller == FREE or not (is_own or seller):
            return None
        return edition.find(self._table(), provider, model, seller)

    def _override_for(self, provider: str, model: str) -> str | None:
        """Return the override that means *model*: its name, its undated name, or an alias."""
        for name in (f"{provider}/{model}", f"{provider}/{without_date(model)}"):
            if name in self._overrides:
                return name
        rivals = [name for name in self._overrides if name.startswith(f"{provider}/")]
        info = self._listed(provider, model) if rivals else None
        if info is None:
            return None
        return next(
            (n for n in rivals if self._listed(provider, n.partition("/")[2]) is info), None
        )

    def _overridden(self, name: str, provider: str) -> Price:
        price = self._overrides[name]
        if price.search is None:
            # The fee is the tool's, not the model's: an override of the model leaves it alone.
            return replace(price, search=corrections.search_fee(provider, float("inf")))
        return price


def _start(window: Window) -> float:
    return window.start


def _extras(usage: Usage, price: Price, *, batch: bool) -> str:
    """Return what the basis must say beyond the table's rates."""
    words = f", {usage.service_tier}" if usage.service_tier else ""
    if usage.region and price.regional is not None:
        words += f", in {usage.region}"
    if batch and price.batched is not None:
        words += ", batch"
    return f"{words}, search ${price.search}" if usage.searches else words
