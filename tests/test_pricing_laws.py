"""Laws of a bill: it adds up, it never falls, and the reserved worst case holds."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.pricing import Price, Prices, Tier, cost_of
from llmlab.pricing.price import dearest_of, prices_at, worst_of
from llmlab.records import Usage

PRICES = Prices({"openai/odd": {"input": 3, "output": 1, "cached": 5, "search": 0.2}})
MODELS = [
    ("openai", "gpt-6-luna"),
    ("openai", "gpt-4o-mini"),
    ("openai", "odd"),
    ("anthropic", "claude-haiku-5-5"),
    ("anthropic", "claude-fable-5-2"),
    ("deepseek", "deepseek-v4-pro"),
    ("xai", "grok-4.3"),
    ("ollama", "qwen2.5:7b"),
]
TIMES = st.floats(min_value=1_781_000_000, max_value=1_800_000_000)
"""June 2026 to January 2027: across every change of price that the table knows."""


@st.composite
def usages(draw: st.DrawFn, limit: int = 400_000) -> Usage:
    """Draw a usage whose parts fit its prompt."""
    prompt = draw(st.integers(0, limit))
    cached = draw(st.integers(0, prompt))
    write = draw(st.integers(0, prompt - cached))
    return Usage(
        input=prompt,
        cached=cached,
        cache_write=write,
        cache_write_1h=draw(st.integers(0, write)),
        output=draw(st.integers(0, 100_000)),
        searches=draw(st.integers(0, 9)),
    )


def added(one: Usage, two: Usage) -> Usage:
    """Add two usages count by count."""
    return Usage(
        input=(one.input or 0) + (two.input or 0),
        cached=(one.cached or 0) + (two.cached or 0),
        cache_write=one.cache_write + two.cache_write,
        cache_write_1h=one.cache_write_1h + two.cache_write_1h,
        output=(one.output or 0) + (two.output or 0),
        searches=one.searches + two.searches,
    )


def usd(usage: Usage, model: tuple[str, str], at: float, *, batch: bool = False) -> Decimal:
    """Return the cost, which every model of this file has."""
    cost = PRICES.cost(usage, *model, at, batch=batch)
    assert cost is not None
    return cost.usd


@given(
    model=st.sampled_from(MODELS),
    one=usages(49_000),
    two=usages(49_000),
    at=TIMES,
    batch=st.booleans(),
)
def test_bills_add_up_below_the_tier(
    *, model: tuple[str, str], one: Usage, two: Usage, at: float, batch: bool
) -> None:
    """Two calls cost exactly what their sum costs, as long as no tier is reached."""
    together = usd(added(one, two), model, at, batch=batch)

    assert together == usd(one, model, at, batch=batch) + usd(two, model, at, batch=batch)


@given(st.sampled_from(MODELS), usages(), usages(), TIMES)
def test_more_never_costs_less(model: tuple[str, str], one: Usage, more: Usage, at: float) -> None:
    """Adding tokens or searches never makes a call cheaper, across tiers too."""
    assert usd(added(one, more), model, at) >= usd(one, model, at) >= 0


@settings(max_examples=300)
@given(
    model=st.sampled_from(MODELS),
    usage=usages(),
    at=TIMES,
    later=st.floats(0, 3600),
    spare=st.integers(0, 5000),
    batch=st.booleans(),
)
def test_the_worst_case_holds(
    *, model: tuple[str, str], usage: Usage, at: float, later: float, spare: int, batch: bool
) -> None:
    """No usage within the limits, processed within the hour, costs more than was reserved."""
    worst = PRICES.worst(
        *model,
        (usage.input or 0) + spare,
        (usage.output or 0) + spare,
        at,
        searches=usage.searches,
    )

    assert worst is not None
    assert worst >= usd(usage, model, at + later, batch=batch)


@given(st.lists(st.tuples(st.sampled_from(MODELS), TIMES), min_size=2, max_size=20))
def test_a_kept_price_is_the_price_of_its_time(calls: list[tuple[tuple[str, str], float]]) -> None:
    """Whatever was asked before, a price is the one that a fresh look-up gives."""
    kept = Prices({"openai/odd": {"input": 3, "output": 1, "cached": 5, "search": 0.2}})

    found = [kept.price(*model, at) for model, at in calls]
    again = [kept.price(*model, at) for model, at in calls]

    kept._windows.clear()
    kept._latest.clear()
    fresh = []
    for model, at in calls:
        fresh.append(kept.price(*model, at))
        kept._windows.clear()
        kept._latest.clear()
    assert found == again == fresh


def rates(dollars: str) -> dict[str, Decimal]:
    """Charge every token the same."""
    names = ("input", "cached", "cache_write", "cache_write_1h", "output")
    return dict.fromkeys(names, Decimal(dollars))


FLAT = Price(
    input=Decimal(1),
    cached=Decimal("0.1"),
    cache_write=Decimal("1.25"),
    cache_write_1h=Decimal(2),
    output=Decimal(5),
    tiers=(Tier(**rates("7"), above=10), Tier(**rates("9"), above=20)),
)


@pytest.mark.parametrize(("prompt", "millionths"), [(10, 10), (11, 77), (20, 140), (21, 189)])
def test_the_tier_prices_the_whole_request(prompt: int, millionths: int) -> None:
    """One token past a tier, every token has its rate; cached tokens count as prompt."""
    cost = cost_of(Usage(input=prompt, output=0), FLAT)
    mostly_cached = cost_of(Usage(input=21, cached=20, output=0), FLAT)

    assert cost == Decimal(millionths).scaleb(-6)
    assert mostly_cached == Decimal(189).scaleb(-6)


def test_more_cached_than_sent_is_charged_as_reported() -> None:
    """A provider whose counts contradict each other never makes a negative bill."""
    assert cost_of(Usage(input=5, cached=8, output=0), FLAT) == Decimal("0.0000008")


def test_the_notebooks_precision_does_not_round_a_bill() -> None:
    """A coarse decimal context of the caller leaves every digit of the cost in place."""
    with localcontext(prec=3):
        cost = cost_of(Usage(input=9, output=123_456_789), FLAT)

    assert cost == Decimal("617.283954")


@pytest.mark.parametrize(
    "usage", [Usage(output=1), Usage(input=1), Usage(input=1, output=1, searches=1)]
)
def test_an_unknown_count_or_fee_is_an_error_not_a_zero(usage: Usage) -> None:
    """Pure arithmetic refuses what it cannot know."""
    with pytest.raises(ValueError, match="lacks a count"):
        cost_of(usage, FLAT)


def test_what_an_answer_can_come_at_bounds_every_tier() -> None:
    """The tiers that are left out are never above those that are kept, however long a prompt."""
    prices, at = Prices(), 1_795_000_000.0
    dear = 0
    for provider in ("openai", "anthropic", "xai", "deepseek"):
        for model in prices.names(provider):
            price = prices.price(provider, model, at)
            if price is None:
                continue
            for prompt in (0, 1_000, 200_001, 272_001, 900_000):
                every = [worst_of(each, prompt, 500) for each in (price, *price.served.values())]
                bound = dearest_of(prices_at(price, None, ""), prompt, 500)
                assert bound == max(each for each in every if each is not None)
            dear += len(prices_at(price, None, "")) < 1 + len(price.served)
    assert dear > 10
