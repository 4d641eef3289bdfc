"""
Read one model's listing of genai-prices as windows of constant price.

Only this file knows how it writes a price down. The package is imported inside functions, since
its import takes 0.6 s.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from llmlab.pricing import corrections
from llmlab.pricing.edition import Edition
from llmlab.pricing.price import Price, Tier, price_of, regional_of, scaled
from llmlab.pricing.window import Window

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

_DAY = 86_400.0
_RATES = {
    "input": "input_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "output": "output_mtok",
}
_INSTEAD = {"cached": "input", "cache_write": "input", "cache_write_1h": "cache_write"}
"""A rate that is not listed is charged as this one, which always comes before it."""
_TIERS = ("service_tier", "speed")
"""What genai-prices calls a tier of service: OpenAI's, and Anthropic's fast mode."""
_STANDARD = ("default", "standard")


def window_at(edition: Edition, provider: str, info: "ModelInfo", at: float) -> Window:
    """Return the stretch of constant price around Unix time *at*."""
    moment = datetime.fromtimestamp(at, UTC)
    edges = (*_edges(info, moment), *corrections.edges(provider))
    price = _price_at(provider, info, moment)
    if price is not None:
        price = replace(price, source=edition.source, dated=edition.dated)
    moved = _standard(provider, info, moment) != info.get_prices(moment)
    note = " off-peak by llmlab's calendar" if moved else ""
    return Window(
        start=max((edge for edge in edges if edge <= at), default=float("-inf")),
        end=min((edge for edge in edges if edge > at), default=float("inf")),
        price=price,
        basis=f"{edition.source} ({edition.dated}), {provider}/{info.id}{note}",
    )


def _price_at(provider: str, info: "ModelInfo", moment: datetime) -> Price | None:
    listed = _standard(provider, info, moment)
    price = _extract(listed)
    if price is None:
        return None
    fee = listed.web_searches_kcount
    search = (
        fee / 1000
        if isinstance(fee, Decimal)
        else corrections.search_fee(provider, moment.timestamp())
    )
    price = replace(price, search=search)
    price = replace(
        price,
        batched=_batched(provider, info, moment, price),
        served=_served(provider, info, moment, price),
    )
    factor = corrections.region_factor(provider, info.id)
    return price if factor is None else replace(price, regional=regional_of(price, factor))


def _standard(provider: str, info: "ModelInfo", moment: datetime) -> "ModelPrice":
    """Choose as `ModelInfo.get_prices` does (the last that holds), by the corrected calendar."""
    from genai_prices.types import ModelPrice, TimeOfDateConstraint

    if isinstance(info.prices, ModelPrice):
        return info.prices
    for option in reversed(info.prices):
        rule = option.constraint
        if rule is not None and not rule.active(moment):
            continue
        if isinstance(rule, TimeOfDateConstraint) and not corrections.has_peak(
            provider, _in_utc(rule.start_time), moment
        ):
            continue
        return option.prices
    return info.prices[0].prices


def _batched(provider: str, info: "ModelInfo", moment: datetime, price: Price) -> Price | None:
    """Return the batch price: genai-prices' own, else the provider's general discount."""
    found = _variant(provider, info, moment, price, {"processing": "batch"})
    if found is not None:
        return found
    factor = corrections.batch_factor(provider)
    return None if factor is None else scaled(price, factor)


def _served(provider: str, info: "ModelInfo", moment: datetime, price: Price) -> dict[str, Price]:
    """Return the price at each tier of service that genai-prices lists, but the standard one."""
    found: dict[str, Price] = {}
    for variant in info.price_variants or ():
        for kind, word in variant.when.items():
            if kind in _TIERS and word not in _STANDARD and len(variant.when) == 1:
                served = _variant(provider, info, moment, price, variant.when)
                if served is not None:
                    found[word] = served
    return found


def _variant(
    provider: str, info: "ModelInfo", moment: datetime, price: Price, when: Mapping[str, str]
) -> Price | None:
    """
    Return the price of a variant, where the standard price is still the one it knew.

    Most begin on the day that genai-prices learnt of them (batches on 2026-10-14, tiers on
    2026-10-12), which is not the day they began.
    """
    listed = _standard(provider, info, moment)
    for variant in info.price_variants or ():
        if variant.when != when:
            continue
        begin = getattr(variant.constraint, "start_date", moment.date())
        known = max(moment, datetime.combine(begin, time(12), UTC))
        if _standard(provider, info, known) == listed:
            merged = _extract(info.get_prices(known, dict(when)))
            return None if merged is None else replace(merged, search=price.search)
    return None


def _extract(listed: "ModelPrice") -> Price | None:
    """Return the token rates of *listed*, or None when it does not sell text by the token."""
    base = _rates(listed, 0)
    if base is None:
        return None
    tiers = []
    for above in _thresholds(listed):
        rates = _rates(listed, above + 1)
        if rates is not None:
            tiers.append(Tier(**rates, above=above))
    return price_of(base, tiers=tuple(tiers))


def _rates(listed: "ModelPrice", prompt: int) -> dict[str, Decimal] | None:
    from genai_prices.types import TieredPrices

    rates: dict[str, Decimal] = {}
    for ours, theirs in _RATES.items():
        value = getattr(listed, theirs)
        if isinstance(value, TieredPrices):
            reached = [tier.price for tier in value.tiers if prompt > tier.start]
            value = reached[-1] if reached else value.base
        if value is None and ours in _INSTEAD:
            value = rates[_INSTEAD[ours]]
        if value is None:
            return None
        rates[ours] = value
    return rates


def _thresholds(listed: "ModelPrice") -> list[int]:
    from genai_prices.types import TieredPrices

    values = (getattr(listed, theirs) for theirs in _RATES.values())
    return sorted({t.start for v in values if isinstance(v, TieredPrices) for t in v.tiers})


def _edges(info: "ModelInfo", moment: datetime) -> list[float]:
    """Return the Unix times at which this listing's price may change, near *moment*."""
    from genai_prices.types import ModelPrice, StartDateConstraint, TimeOfDateConstraint

    options = [] if isinstance(info.prices, ModelPrice) else info.prices
    rules = [option.constraint for option in (*options, *(info.price_variants or ()))]
    dates = [r.start_date for r in rules if isinstance(r, StartDateConstraint)]
    edges = [datetime.combine(day, time(), UTC).timestamp() for day in dates]
    daily = [r for r in rules if isinstance(r, TimeOfDateConstraint)]
    if daily:
        midnight = datetime.combine(moment.date(), time(), UTC)
        times = [_in_utc(t) for rule in daily for t in (rule.start_time, rule.end_time)]
        edges += [datetime.combine(moment.date(), t, UTC).timestamp() for t in times]
        edges += [midnight.timestamp(), midnight.timestamp() + _DAY]
    return edges


def _in_utc(clock: time) -> time:
    if clock.tzinfo is None:
        return clock
    day = datetime.combine(date(2000, 1, 1), clock)
    return day.astimezone(UTC).time()
