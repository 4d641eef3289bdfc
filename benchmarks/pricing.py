"""Time `Prices.cost` beside `genai_prices.calc_price`: microseconds a call, and the ratio."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from timeit import repeat

import genai_prices

from llmlab.pricing import Prices
from llmlab.records import Usage

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
IDS = {"openai": "openai", "anthropic": "anthropic", "deepseek": "deepseek", "xai": "x-ai"}
MODELS = [
    ("openai", "gpt-6-luna"),
    ("anthropic", "claude-haiku-5-5"),
    ("deepseek", "deepseek-flash"),
    ("xai", "grok-4.3"),
]


def microseconds(call: Callable[[], object], times: int) -> float:
    """Return the best of seven rounds: what the call costs when nobody disturbs it."""
    return min(repeat(call, number=times, repeat=7)) / times * 1e6


def main() -> None:
    """Print one line a model: a cached prompt of 1,000 tokens, 300 out."""
    prices = Prices()
    usage = Usage(input=1000, cached=896, output=300)
    counts = genai_prices.Usage(input_tokens=1000, cache_read_tokens=896, output_tokens=300)
    at = AT.timestamp()
    print(f"{'model':32} {'llmlab us':>10} {'genai us':>10} {'ratio':>8}")
    for provider, model in MODELS:
        ours = microseconds(partial(prices.cost, usage, provider, model, at), 50_000)
        calc = partial(
            genai_prices.calc_price,
            counts,
            model,
            provider_id=IDS[provider],
            genai_request_timestamp=AT,
        )
        theirs = microseconds(calc, 1_000)
        print(f"{provider + '/' + model:32} {ours:10.2f} {theirs:10.1f} {ours / theirs:8.4f}")


if __name__ == "__main__":
    main()
