"""What a price costs: `Prices.cost` beside `genai_prices.calc_price`, microseconds a call."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from time import process_time
from timeit import repeat
from typing import Final

import genai_prices

from benchmarks.command import command
from benchmarks.figures import Result, normal, table
from benchmarks.machine import pace, pin
from llmlab.pricing import Prices
from llmlab.records import Usage

AT: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
IDS: Final = {"openai": "openai", "anthropic": "anthropic", "deepseek": "deepseek", "xai": "x-ai"}
MODELS: Final = [
    ("openai", "gpt-6-luna"),
    ("anthropic", "claude-haiku-5-5"),
    ("deepseek", "deepseek-flash"),
    ("xai", "grok-4.3"),
]


def microseconds(call: Callable[[], object], times: int) -> float:
    """Return the least CPU of seven rounds, each scaled by the pace of the core."""
    rounds = [
        normal(repeat(call, number=times, repeat=1, timer=process_time)[0], pace())
        for _ in range(7)
    ]
    return min(rounds) / times * 1e6


def measure(options: argparse.Namespace) -> Result:
    """Price a cached prompt of 1,000 tokens with 300 out, at four providers."""
    pin(0)
    prices = Prices()
    usage = Usage(input=1000, cached=896, output=300)
    counts = genai_prices.Usage(input_tokens=1000, cache_read_tokens=896, output_tokens=300)
    few = 20 if options.quick else 1
    models = {}
    for provider, model in MODELS:
        ours = partial(prices.cost, usage, provider, model, AT.timestamp())
        theirs = partial(
            genai_prices.calc_price,
            counts,
            model,
            provider_id=IDS[provider],
            genai_request_timestamp=AT,
        )
        models[f"{provider}/{model}"] = {
            "us": microseconds(ours, 20_000 // few),
            "genai_us": microseconds(theirs, 1_000 // few),
        }
    return {"models": models}


def show(result: Result) -> str:
    """Return one line a model."""
    rows = [
        [
            name,
            f"{each['us']:.2f}",
            f"{each['genai_us']:.0f}",
            f"{each['genai_us'] / each['us']:.0f}",
        ]
        for name, each in result["models"].items()
    ]
    return table(["model", "llmlab µs", "genai_prices.calc_price µs", "times"], rows)


if __name__ == "__main__":
    command("pricing", __doc__, measure, show)
