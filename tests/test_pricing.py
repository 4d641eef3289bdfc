"""What an answer cost: against the table it is read from, and against real bills."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from itertools import product
from pathlib import Path

import genai_prices
import pytest

from llmlab.pricing import Prices
from llmlab.records import Usage

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "recorded" / "xai" / "billed.json"
GENAI_IDS = {"openai": "openai", "anthropic": "anthropic", "deepseek": "deepseek", "xai": "x-ai"}
MODELS = {
    "openai": "gpt-6-luna gpt-6-sol gpt-6.1-sol gpt-6.1-terra gpt-6-astra gpt-5.6-luna "
    "gpt-5.6-terra gpt-5.6-sol gpt-5.5 gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.2 gpt-5.1 gpt-5 "
    "gpt-5-mini gpt-5-nano gpt-4.1 gpt-4.1-mini gpt-4o gpt-4o-mini",
    "anthropic": "claude-haiku-4-5 claude-haiku-5-5 claude-sonnet-4-6 claude-sonnet-5 "
    "claude-sonnet-5-5 claude-opus-4-8 claude-opus-5 claude-opus-5-5 claude-fable-5 "
    "claude-fable-5-1 claude-fable-5-2 claude-mythos-5-2",
    "deepseek": "deepseek-flash deepseek-v4-flash deepseek-v4-pro",
    "xai": "grok-4.7 grok-4.6 grok-4.5 grok-4.3 grok-4.20 grok-build-0.1",
}
LISTED = [(provider, model) for provider, names in MODELS.items() for model in names.split()]


def unix(text: str) -> float:
    """Read a UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


WEEKDAYS = [unix(f"2026-{text}") for text in ("10-20T02:30", "11-20T05:00", "11-23T09:59")]
"""Working days after 2026-10-14, when no correction of llmlab applies; two of them at peak."""
MONDAY_NOON = unix("2026-11-23T12:00")


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Keep one table for all tests: what is kept must not change what is found."""
    return Prices()


def genai_cost(usage: Usage, provider: str, model: str, at: float, *, batch: bool) -> Decimal:
    """Ask genai-prices itself."""
    counts = genai_prices.Usage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
        cache_write_1h_tokens=usage.cache_write_1h,
        output_tokens=usage.output,
        web_searches=usage.searches,
    )
    return genai_prices.calc_price(
        counts,
        model,
        provider_id=GENAI_IDS[provider],
        genai_request_timestamp=datetime.fromtimestamp(at, UTC),
        price_context={"processing": "batch"} if batch else None,
    ).total_price


def grid(provider: str) -> list[Usage]:
    """Return prompts on both sides of every tier, by what the provider's cache can do."""
    lengths = (0, 1, 1000, 100_000, 100_001, 199_999, 200_000, 272_000, 272_001, 900_000)
    usages = []
    for prompt, output in product(lengths, (0, 1, 777)):
        third = prompt // 3
        writes = (0, third) if provider in {"openai", "anthropic"} else (0,)
        for cached, write in product((0, third), writes):
            hour = write // 2 if provider == "anthropic" else 0
            usages.append(
                Usage(
                    input=prompt,
                    cached=cached,
                    cache_write=write,
                    cache_write_1h=hour,
                    output=output,
                )
            )
    return usages


@pytest.mark.parametrize(("provider", "model"), LISTED)
def test_agrees_with_genai_prices_where_nothing_is_corrected(
    prices: Prices, provider: str, model: str
) -> None:
    """Every listed model costs what genai-prices says, tiers, caches and peaks included."""
    usages = grid(provider)

    for usage, at in product(usages, WEEKDAYS):
        cost = prices.cost(usage, provider, model, at)

        assert cost is not None
        theirs = genai_cost(usage, provider, model, at, batch=False)
        assert abs(cost.usd - theirs) <= Decimal("1e-12"), (usage, at)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-6-luna"),
        ("openai", "gpt-5.4"),
        ("openai", "gpt-4o-mini"),
        ("openai", "gpt-4.1-mini"),
        ("anthropic", "claude-haiku-4-5"),
        ("anthropic", "claude-haiku-5-5"),
        ("anthropic", "claude-sonnet-5-5"),
        ("xai", "grok-4.3"),
    ],
)
def test_batch_prices_are_genai_prices_own(prices: Prices, provider: str, model: str) -> None:
    """A batch costs what genai-prices says, even where cached tokens get no discount."""
    for usage in grid(provider):
        cost = prices.cost(usage, provider, model, MONDAY_NOON, batch=True)

        assert cost is not None
        assert abs(cost.usd - genai_cost(usage, provider, model, MONDAY_NOON, batch=True)) <= (
            Decimal("1e-12")
        )


def test_batch_prices_reach_back_before_genai_prices_learnt_of_them(prices: Prices) -> None:
    """A batch of September 2026 is discounted, though genai-prices starts in October."""
    usage = Usage(input=1_000_000, output=0)

    mini = prices.cost(usage, "openai", "gpt-4o-mini", unix("2026-09-01"), batch=True)
    grok = prices.cost(usage, "xai", "grok-4.20", unix("2026-04-01"), batch=True)

    assert mini is not None
    assert mini.usd == Decimal("0.075")
    assert grok is not None  # then $2, over 200k $4: the later batch price is not taken for it
    assert grok.usd == Decimal("3.2")


def xai_usage(api: str, usage: dict[str, object]) -> Usage:
    """Convert as xAI counts: chat leaves reasoning out of completion_tokens, Responses not."""
    names = ("prompt_tokens", "completion_tokens") if api == "chat" else ("input_tokens",) * 2
    prompt = usage[names[0]]
    details = usage[f"{names[0]}_details"]
    output_name = "completion_tokens" if api == "chat" else "output_tokens"
    output, spent = usage[output_name], usage[f"{output_name}_details"]
    assert isinstance(prompt, int)
    assert isinstance(output, int)
    assert isinstance(details, dict)
    assert isinstance(spent, dict)
    reasoning = spent["reasoning_tokens"]
    calls = usage.get("server_side_tool_usage_details", {})
    assert isinstance(calls, dict)
    searches = sum(calls.values()) or usage.get("num_server_side_tools_used", 0)
    assert isinstance(searches, int)
    return Usage(
        input=prompt,
        cached=details["cached_tokens"],
        output=output + reasoning if api == "chat" else output,
        reasoning=reasoning,
        searches=searches,
    )


def test_every_charge_that_xai_stated_is_computed(prices: Prices) -> None:
    """All 52 recorded xAI answers cost what xAI said it charged, to 0.01 %."""
    if not RECORDED.exists():
        pytest.skip(f"NOT CHECKED against real bills: {RECORDED} is absent")
    rows = json.loads(RECORDED.read_text())

    wrong = []
    for row in rows:
        usage = xai_usage(row["api"], row["usage"])
        batch = row["note"] == "batch"
        cost = prices.cost(usage, "xai", row["model"], unix("2026-08-20"), batch=batch)
        if cost is None or abs(float(cost.usd) / row["billed_usd"] - 1) > 1e-4:
            wrong.append((row["model"], row["api"], row["note"], row["billed_usd"], cost))

    assert len(rows) == 52
    assert wrong == []


@pytest.mark.parametrize(
    ("model", "usage", "usd"),
    [
        ("claude-sonnet-4-6", Usage(input=21 + 188_086, cached=188_086, output=393), "0.06238"),
        (
            "claude-3-7-sonnet-20250219",
            Usage(input=3 + 12_304, cache_write=12_304, output=550),
            "0.05439",
        ),
    ],
)
def test_anthropic_bills(prices: Prices, model: str, usage: Usage, usd: str) -> None:
    """Cache reads and writes cost what the console showed and the price list says."""
    cost = prices.cost(usage, "anthropic", model, MONDAY_NOON)

    assert cost is not None
    # The console cuts after the fifth digit: 0.054399 is shown as 0.05439.
    assert cost.usd.quantize(Decimal("0.00001"), ROUND_DOWN) == Decimal(usd)


def test_hour_long_cache_writes_cost_twice_the_input(prices: Prices) -> None:
    """4k five-minute and 6k one-hour writes cost $0.051 at sonnet prices, the rest $0.00165."""
    usage = Usage(input=10_050, cache_write=10_000, cache_write_1h=6_000, output=100)

    cost = prices.cost(usage, "anthropic", "claude-sonnet-4-6", MONDAY_NOON)

    assert cost is not None
    assert cost.usd == Decimal("0.05265")


PEAK, OFF_PEAK = Decimal("0.000396576"), Decimal("0.000198288")


@pytest.mark.parametrize(
    ("when", "usd"),
    [
        ("2026-11-23T00:59:59", OFF_PEAK),
        ("2026-11-23T01:00", PEAK),
        ("2026-11-23T03:59:59", PEAK),
        ("2026-11-23T04:00", OFF_PEAK),
        ("2026-11-20T06:00", PEAK),
        ("2026-11-20T10:00", OFF_PEAK),
        ("2026-11-21T02:00", OFF_PEAK),  # Saturday
        ("2026-11-22T07:00", OFF_PEAK),  # Sunday
        ("2026-10-05T02:00", OFF_PEAK),  # a Monday of the National Day week
        ("2026-10-08T02:00", PEAK),
    ],
)
def test_deepseek_hours(prices: Prices, when: str, usd: Decimal) -> None:
    """Peak prices hold on Chinese working days only, 01-04 and 06-10 UTC."""
    usage = Usage(input=1000, cached=896, output=300)

    cost = prices.cost(usage, "deepseek", "deepseek-v4-flash", unix(when))

    assert cost is not None
    assert cost.usd == usd


def test_a_corrected_hour_says_so(prices: Prices) -> None:
    """A price that differs from genai-prices' own names llmlab's calendar in its basis."""
    usage = Usage(input=1, output=1)

    sunday = prices.cost(usage, "deepseek", "deepseek-flash", unix("2026-11-22T07:00"))
    monday = prices.cost(usage, "deepseek", "deepseek-flash", unix("2026-11-23T07:00"))

    assert sunday is not None
    assert monday is not None
    assert sunday.basis.endswith("calendar")
    assert monday.basis == "genai-prices 0.2.3 (2026-11-09), deepseek/deepseek-flash"


def test_deepseek_had_no_peak_before_august(prices: Prices) -> None:
    """A call of July 2026 at a later peak hour costs the flat price of its day."""
    cost = prices.cost(
        Usage(input=1_000_000, output=0), "deepseek", "deepseek-v4-pro", unix("2026-07-01T02:00")
    )

    assert cost is not None
    assert cost.usd == Decimal("0.435")


@pytest.mark.parametrize(
    ("provider", "model", "when", "fee"),
    [
        ("openai", "gpt-6-luna", "2026-11-20", "0.02"),
        ("openai", "gpt-5.4-nano", "2026-11-20", "0.02"),
        ("anthropic", "claude-haiku-4-5", "2026-11-20", "0.02"),
        ("xai", "grok-4.7", "2026-11-20", "0.01"),
        ("deepseek", "deepseek-flash", "2026-10-31T15:59", "0"),
        ("deepseek", "deepseek-flash", "2026-10-31T16:00", "0.0015"),
    ],
)
def test_searches_are_charged_each(
    prices: Prices, provider: str, model: str, when: str, fee: str
) -> None:
    """Two server-side searches add the provider's fee, in a batch too."""  # R-08 R-42
    usage = Usage(input=0, output=0, searches=2)

    plain = prices.cost(usage, provider, model, unix(when))
    batch = prices.cost(usage, provider, model, unix(when), batch=True)

    assert plain is not None
    assert batch is not None
    assert plain.usd == batch.usd == Decimal(fee)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-99"),
        ("openai", "whisper-1"),
        ("xai", "claude-haiku-4-5"),
        ("nobody", "gpt-6-luna"),
    ],
)
def test_unlisted_is_unknown_and_never_free(prices: Prices, provider: str, model: str) -> None:
    """A model that nobody prices has no price, no cost and no bound."""
    usage = Usage(input=10, output=10)

    assert prices.price(provider, model, MONDAY_NOON) is None
    assert prices.cost(usage, provider, model, MONDAY_NOON) is None
    assert prices.worst(provider, model, 10, 10, MONDAY_NOON) is None


@pytest.mark.parametrize("usage", [Usage(input=5), Usage(output=5), Usage()])
def test_an_unreported_count_is_not_guessed(prices: Prices, usage: Usage) -> None:
    """A usage that lacks a count that costs money has no cost, but a free model's is 0."""
    paid = prices.cost(usage, "openai", "gpt-6-luna", MONDAY_NOON)
    free = prices.cost(usage, "ollama", "qwen2.5:7b", MONDAY_NOON)

    assert paid is None
    assert free is not None
    assert free.usd == 0
    assert free.basis == "local, free"


@pytest.mark.parametrize(
    ("provider", "asked", "same"),
    [
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("openai", "gpt-6-luna-2026-10-01", "gpt-6-luna"),
        ("xai", "grok-4.5-latest", "grok-4.5"),
        ("xai", "grok-3-mini-high", "grok-3-mini"),
    ],
)
def test_snapshots_and_aliases_have_the_price_of_their_model(
    prices: Prices, provider: str, asked: str, same: str
) -> None:
    """The name that an answer carries finds the price of the model behind it."""
    assert prices.price(provider, asked, MONDAY_NOON) == prices.price(provider, same, MONDAY_NOON)
    assert prices.price(provider, asked, MONDAY_NOON) is not None


def test_the_package_loads_without_genai_prices() -> None:
    """Importing and making `Prices` does not pay genai-prices' 0.6 s."""
    code = (
        "import sys; from llmlab.pricing import Prices; Prices({'openai/x': "
        "{'input': 1, 'output': 2}}); sys.exit('genai_prices' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[1])

    assert done.returncode == 0
