"""
Corrections of genai-prices' data, each with its reason and source.

Whatever genai-prices says is kept unless a line here says otherwise; a line that fills a gap
(`silent`) is used only where genai-prices has no number of its own.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from math import isfinite
from typing import Literal

_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCorrection:
    """One correction: what it changes, since when, why, and its source."""

    name: str
    provider: str
    kind: Literal["batch", "search", "calendar", "region"]
    value: Decimal = Decimal(0)
    """A factor (batch, region) or dollars per call (search)."""
    since: float = float("-inf")
    """Unix time from which it holds."""
    reason: str
    source: str
    but: str = ""
    """A regular expression of the models for which it does not hold."""


CORRECTIONS = (
    PriceCorrection(
        name="openai-batch",
        provider="openai",
        kind="batch",
        value=Decimal("0.5"),
        reason="genai-prices is silent on batches before 2026-10-14 and on many models.",
        source="OpenAI, Pricing: the Batch API saves 50 % on inputs and outputs.",
    ),
    PriceCorrection(
        name="anthropic-batch",
        provider="anthropic",
        kind="batch",
        value=Decimal("0.5"),
        reason="genai-prices is silent on batches before 2026-10-14 and on retired models.",
        source="Anthropic, Batch processing: all usage at 50 % of the standard prices.",
    ),
    PriceCorrection(
        name="xai-batch",
        provider="xai",
        kind="batch",
        value=Decimal("0.8"),
        reason="genai-prices knows it for three models and only from 2026-10-14, yet a batch "
        "of August 2026 was billed 20 % less, cached tokens included.",
        source="xAI, Pricing, Batch API; usage.cost_in_usd_ticks of a recorded batch answer.",
    ),
    PriceCorrection(
        name="openai-search",
        provider="openai",
        kind="search",
        value=Decimal("0.01"),
        reason="genai-prices has the fee for a third of the models, the tool works with more.",
        source="OpenAI, Pricing, Built-in tools: web search $10 per 1,000 calls.",
    ),
    PriceCorrection(
        name="anthropic-search",
        provider="anthropic",
        kind="search",
        value=Decimal("0.01"),
        reason="genai-prices has the fee for most models, the tool's price is one for all.",
        source="Anthropic, Pricing, Web search tool: $10 per 1,000 searches.",
    ),
    PriceCorrection(
        name="xai-search",
        provider="xai",
        kind="search",
        value=Decimal("0.005"),
        reason="genai-prices has no tool fee for xAI and is 62 % low on an answer with two "
        "searches. Web, X and code calls cost the same; files and collections do not, "
        "and llmlab offers neither.",
        source="xAI, Pricing, Tool Invocation Costs: $5 per 1,000 calls; recorded "
        "usage.cost_in_usd_ticks.",
    ),
    PriceCorrection(
        name="deepseek-search-trial",
        provider="deepseek",
        kind="search",
        value=Decimal(0),
        reason="Searches made by the model itself were free until the end of October 2026.",
        source="DeepSeek, Search & Fetch guide.",
    ),
    PriceCorrection(
        name="deepseek-search",
        provider="deepseek",
        kind="search",
        value=Decimal("0.00075"),
        since=datetime(2026, 11, 1, tzinfo=_BEIJING).timestamp(),
        reason="genai-prices has no tool fee for DeepSeek.",
        source="DeepSeek, Models & Pricing: search $0.75 (5 yuan) per 1,000 successful requests.",
    ),
    PriceCorrection(
        name="openai-region",
        provider="openai",
        kind="region",
        value=Decimal("1.1"),
        reason="genai-prices knows no regional address (us., eu., ... .api.openai.com).",
        source="OpenAI, Data residency (read 2026-11-28): 10 % uplift for models released on or "
        "after 2026-03-05, of which gpt-5.4 is the first.",
        but=r"(ft:)?(gpt-[34]|gpt-5(-|$)|gpt-5\.[123](-|$)|chatgpt-|o\d|davinci|babbage)",
    ),
    PriceCorrection(
        name="anthropic-region",
        provider="anthropic",
        kind="region",
        value=Decimal("1.1"),
        reason="genai-prices does not know inference_geo.",
        source="Anthropic, Data residency (read 2026-11-28): 1.1 times all token prices where "
        "inference_geo is us, from Claude Opus 4.6 on; older models refuse the parameter.",
        but=r"claude-([123]|instant|(opus|sonnet|haiku)-4(-[0-5])?(-2\d{7})?$)",
    ),
    PriceCorrection(
        name="deepseek-calendar",
        provider="deepseek",
        kind="calendar",
        since=datetime(2026, 8, 17, tzinfo=_BEIJING).timestamp(),
        reason="genai-prices cannot express a day of the week, so it charges the peak price at "
        "weekends, on holidays and before there was one: twice the true price.",
        source="DeepSeek, Models & Pricing, note 2: peak is Monday to Friday, Beijing time, "
        "without Chinese public holidays; weekends are off-peak since 2026-08-23.",
    ),
)

SAME_PRICE = {
    "xai/grok-3-mini-high": "grok-3-mini",
    "anthropic/claude-mythos-5": "claude-fable-5",
    "anthropic/claude-mythos-5-1": "claude-fable-5-1",
}
"""
Names that genai-prices does not know, and the model whose price they have: xAI answered
`grok-3-mini-high` to a call with high effort and billed it as `grok-3-mini` to the last tick;
Anthropic, Pricing (read 2026-11-28) has one price for Mythos and Fable of the same number.
"""

DATED = {"0.2.3": date(2026, 11, 9)}
"""
The day of the data of a genai-prices release, which its package does not say: the newest price
change it observed. A release that is not here is dated in `edition` by the same rule.
"""

_PEAK_STARTS = (time(1), time(6))
"""UTC; the windows of the V4 price list. Those of the V3 list ran on every day of the week."""
_WEEKENDS_SINCE = datetime(2026, 8, 23, tzinfo=_BEIJING)
_HOLIDAYS = frozenset(
    {date(2026, 9, 25)} | {date(2026, 10, day) for day in range(1, 8)},
)
"""
Chinese public holidays since DeepSeek exempts them (State Council notice for 2026). A holiday
of a later year counts as a working day until it is entered here: too dear, never too cheap.
"""


def has_peak(provider: str, window_start: time, moment: datetime) -> bool:
    """Say whether a daily price window of *provider* holds on the day of *moment* (aware)."""
    start = window_start.replace(tzinfo=None)
    if provider != "deepseek" or start not in _PEAK_STARTS:
        return True
    there = moment.astimezone(_BEIJING)
    if there.timestamp() < _calendar().since or there.date() in _HOLIDAYS:
        return False
    weekend = there.isoweekday() > 5  # noqa: PLR2004 - Saturday and Sunday
    return not (weekend and there >= _WEEKENDS_SINCE)


def batch_factor(provider: str) -> Decimal | None:
    """Return what a batch multiplies token prices by, or None where no batch is sold."""
    found = [c.value for c in CORRECTIONS if c.provider == provider and c.kind == "batch"]
    return found[0] if found else None


def region_factor(provider: str, model: str) -> Decimal | None:
    """Return what a region multiplies the token prices of *model* by; None where it is free."""
    for each in CORRECTIONS:
        if each.kind == "region" and each.provider == provider:
            return None if re.match(each.but, model) else each.value
    return None


def search_fee(provider: str, at: float) -> Decimal | None:
    """Return dollars per server-side search at Unix time *at*, or None when unknown."""
    fees = [
        c.value
        for c in CORRECTIONS
        if c.provider == provider and c.kind == "search" and c.since <= at
    ]
    return fees[-1] if fees else None


def edges(provider: str) -> tuple[float, ...]:
    """Return the Unix times at which a correction for *provider* begins to hold."""
    return tuple(c.since for c in CORRECTIONS if c.provider == provider and isfinite(c.since))


def _calendar() -> PriceCorrection:
    return next(c for c in CORRECTIONS if c.kind == "calendar")
