"""Price per token and the arithmetic of a bill: no look-ups, no clock, no rounding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Context, Decimal
from typing import TypeVar

from llmlab.records import Usage

# Our own context, because a notebook that sets `getcontext().prec = 6` must not round the bill.
_EXACT = Context(prec=60)
_add_product = _EXACT.fma
_in_dollars = _EXACT.scaleb
_PER_MILLION = -6
_ZERO = Decimal(0)

AnyRates = TypeVar("AnyRates", bound="Rates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Dollars per million tokens, by kind: input, cached, cache write, output."""

    input: Decimal
    """Prompt tokens that were neither read from a cache nor written to one."""
    cached: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    output: Decimal
    """Reasoning included."""
    dearest: tuple[Decimal, Decimal] = field(init=False, repr=False, compare=False)
    """The highest rate of a prompt token, and of an output token: what a reservation needs."""

    def __post_init__(self) -> None:
        prompt = max(self.input, self.cached, self.cache_write, self.cache_write_1h)
        object.__setattr__(self, "dearest", (prompt, self.output))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier(Rates):
    """The rates of the whole request once its prompt is longer than `above` tokens."""

    above: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Rates):
    """
    All prices of one model in one period of time.

    Attributes:
        tiers: Rates for long prompts, in ascending order of `above`.
        search: Dollars per server-side tool call, or None when it is not published.
        batched: The same price through the provider's batch endpoint; None where no discount
            is known. It is a price and not a factor, because OpenAI's older models do not
            discount cached tokens in a batch.
        served: The same price at other tiers of service, by the provider's word: flex, priority.
        regional: The same price where a region is asked for and costs more; None where it does not.
        source: Who says so, such as `genai-prices 0.2.3`.
        dated: The day of the source's data, or None when it has none (the user's override).
    """

    tiers: tuple[Tier, ...] = ()
    search: Decimal | None = None
    batched: "Price | None" = None
    served: Mapping[str, "Price"] = field(default_factory=dict)
    regional: "Price | None" = None
    source: str = ""
    dated: date | None = None

    @property
    def is_free(self) -> bool:
        """Say whether its tokens cost nothing, at any tier."""
        return not any(self.dearest)

    def where(self, tier: str, region: str) -> "Price | None":
        """Return the price at a service tier and in a region; None when it is unknown."""
        price = self.regional if region and self.regional is not None else self
        return price.served.get(tier) if tier and not price.is_free else price

    def rates_at(self, prompt: int) -> Rates:
        """Return the rates of a request whose whole prompt has *prompt* tokens."""
        rates: Rates = self
        for tier in self.tiers:
            if prompt > tier.above:
                rates = tier
        return rates


def cost_of(usage: Usage, price: Price, *, batch: bool = False) -> Decimal:
    """
    Return what *usage* costs at *price*, in dollars, exactly.

    `(input - cached - write)·p_in + cached·p_c + write_5m·p_w + write_1h·p_1h + output·p_out`,
    plus the search fee, which no batch discounts. The tier is chosen by the total prompt. An
    unknown `cached` counts as nothing cached: the dearer reading.

    Raises:
        ValueError: A count or fee that costs money is unknown.
    """
    usd = bill_of(usage, price, batch=batch)
    if usd is None:
        raise ValueError("the usage lacks a count, or the price a fee, that this cost depends on")
    return usd


def bill_of(usage: Usage, price: Price, *, batch: bool = False) -> Decimal | None:
    """Return `cost_of`, or None where a count or fee that costs money is unknown."""
    if usage.service_tier or usage.region:
        # A batch is a tier of its own, where one is sold.
        tier = "" if batch and price.batched is not None else usage.service_tier
        found = price.where(tier, usage.region)
        if found is None:
            return None
        price = found
    if not _can_bill(usage, price):
        return None
    if batch and price.batched is not None:
        price = price.batched
    prompt, cached, write = usage.input or 0, usage.cached or 0, usage.cache_write
    rates = price.rates_at(prompt) if price.tiers else price
    usd = _add_product(usage.output or 0, rates.output, 0)
    if cached:
        usd = _add_product(cached, rates.cached, usd)
    if write:
        hour = usage.cache_write_1h
        usd = _add_product(max(0, write - hour), rates.cache_write, usd)
        usd = _add_product(hour, rates.cache_write_1h, usd)
    # A provider that reports more cached than sent charges for what it reports, never less.
    prompt = max(0, prompt - cached - write)
    usd = _in_dollars(_add_product(prompt, rates.input, usd), _PER_MILLION)
    if usage.searches and price.search is not None:
        usd = _add_product(usage.searches, price.search, usd)
    return usd


def _can_bill(usage: Usage, price: Price) -> bool:
    """Say whether every count that costs money is known, and the fee where there is one."""
    if usage.input is None and price.input:
        return False
    if usage.output is None and price.output:
        return False
    return not usage.searches or price.search is not None


def worst_of(price: Price, prompt: int, output: int, searches: int = 0) -> Decimal | None:
    """
    Return the upper bound of the cost of a request within these limits at *price*, in dollars.

    Takes the dearest rate of every tier the prompt can reach, cache writes included; None when
    searches are allowed and their fee is unknown.
    """
    if searches and price.search is None:
        return None
    dearest_input, dearest_output = price.dearest
    if price.tiers:
        reached = [tier.dearest for tier in price.tiers if prompt > tier.above]
        dearest_input = max(dearest_input, *(each[0] for each in reached), _ZERO)
        dearest_output = max(dearest_output, *(each[1] for each in reached), _ZERO)
    usd = _add_product(prompt, dearest_input, 0)
    usd = _in_dollars(_add_product(output, dearest_output, usd), _PER_MILLION)
    return _add_product(searches, price.search or 0, usd) if searches else usd


def dearest_of(
    prices: Sequence[Price], prompt: int, output: int, searches: int = 0
) -> Decimal | None:
    """Return the highest `worst_of` of *prices*; None where one has none, or there are none."""
    worst = _ZERO
    for price in prices:
        bound = worst_of(price, prompt, output, searches)
        if bound is None:
            return None
        worst = max(worst, bound)
    return worst if prices else None


def prices_at(price: Price, tier: str | None, region: str) -> tuple[Price, ...]:
    """
    Return the prices at which an answer may be billed; none when the tier's is unknown.

    Of all tiers, where *tier* is None, those are left out that another one is never below.
    """
    if tier is not None:
        found = price.where(tier, region)
        return () if found is None else (found,)
    there = price.where("", region) or price
    kept: list[Price] = []
    for each in (there, *there.served.values()):
        if not any(_covers(other, each) for other in kept):
            kept = [other for other in kept if not _covers(each, other)] + [each]
    return tuple(kept)


def _covers(one: Price, other: Price) -> bool:
    """Say whether *one* is at least as dear as *other*, however long the prompt is."""
    steps = ((0, one.dearest), *((tier.above, tier.dearest) for tier in one.tiers))
    return one.search == other.search and all(
        any(start <= above and high[0] >= low[0] and high[1] >= low[1] for start, high in steps)
        for above, low in ((0, other.dearest), *((t.above, t.dearest) for t in other.tiers))
    )


def price_of(
    rates: Mapping[str, Decimal],
    *,
    tiers: tuple[Tier, ...] = (),
    search: Decimal | None = None,
    source: str = "",
) -> Price:
    """Return the price whose five rates stand in a table."""
    return Price(
        input=rates["input"],
        cached=rates["cached"],
        cache_write=rates["cache_write"],
        cache_write_1h=rates["cache_write_1h"],
        output=rates["output"],
        tiers=tiers,
        search=search,
        source=source,
    )


def scaled(price: Price, factor: Decimal) -> Price:
    """Return *price* with every token rate times *factor*; the search fee stays."""
    tiers = tuple(_scaled(tier, factor) for tier in price.tiers)
    return replace(_scaled(price, factor), tiers=tiers, batched=None, served={}, regional=None)


def regional_of(price: Price, factor: Decimal) -> Price:
    """Return *price* with the rates of all its tiers, and of its batches, times *factor*."""
    return replace(
        scaled(price, factor),
        batched=None if price.batched is None else scaled(price.batched, factor),
        served={tier: scaled(each, factor) for tier, each in price.served.items()},
    )


def _scaled(rates: AnyRates, factor: Decimal) -> AnyRates:
    return replace(
        rates,
        input=rates.input * factor,
        cached=rates.cached * factor,
        cache_write=rates.cache_write * factor,
        cache_write_1h=rates.cache_write_1h * factor,
        output=rates.output * factor,
    )
