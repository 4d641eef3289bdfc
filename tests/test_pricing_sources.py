"""Where prices come from: the user's overrides, the table's age, and a refresh."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from llmlab.errors import ConfigError, Unavailable, Unreadable
from llmlab.pricing import Prices
from llmlab.pricing.corrections import CORRECTIONS
from llmlab.records import Usage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-6-luna-2026-10-01", "gpt-6-luna-20261001"])
def test_an_override_is_on_top_for_every_name_of_the_model(model: str) -> None:
    """The user's price holds for the model's dated names too, and says that it is his."""
    prices = Prices({"openai/gpt-6-luna": {"input": 0.05, "output": "0.25"}})
    usage = Usage(input=1_000_000, cached=500_000, output=1_000_000)

    cost = prices.cost(usage, "openai", model, NOW)

    assert cost is not None
    assert cost.usd == Decimal("0.3")
    assert cost.basis == "override, openai/gpt-6-luna"


def test_an_override_reaches_through_an_alias() -> None:
    """An override of an alias prices the model that answers under its real name."""
    prices = Prices({"xai/grok-latest": {"input": 1, "output": 1}})

    real = prices.price("xai", "grok-4.5", NOW)
    other = prices.price("xai", "grok-4.3", NOW)

    assert real is not None
    assert real.source == "override"
    assert other is not None
    assert other.source == "genai-prices 0.2.3"


def test_an_override_can_say_everything() -> None:
    """Cache, hour-long writes, tiers, search fee and batch factor are all the user's to set."""
    entry = {
        "input": 1,
        "cached": 0.1,
        "cache_write": 2,
        "output": 4,
        "search": 0.5,
        "batch": 0.5,
        "tiers": [{"above": 1000, "input": 10}, {"above": 100, "output": 8}],
    }
    prices = Prices({"local/mine": entry})
    usage = Usage(input=500, cached=200, cache_write=100, cache_write_1h=50, output=10, searches=1)

    plain = prices.cost(usage, "local", "mine", NOW)
    batch = prices.cost(usage, "local", "mine", NOW, batch=True)

    tokens = Decimal("200e-6") + Decimal("20e-6") + Decimal("200e-6") + Decimal("80e-6")
    assert plain is not None
    assert batch is not None
    assert plain.usd == tokens + Decimal("0.5")
    assert batch.usd == tokens / 2 + Decimal("0.5")


def test_an_unlisted_model_gets_its_price_from_the_user() -> None:
    """A model that genai-prices does not know yet costs what the user says."""
    prices = Prices({"openai/gpt-6.2-sol": {"input": 2, "output": 10}})

    cost = prices.cost(Usage(input=0, output=1_000_000), "openai", "gpt-6.2-sol-2026-11-01", NOW)

    assert cost is not None
    assert cost.usd == 10


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"openai/x": {"inptu": 1, "output": 1}},
            "'openai/x': no key 'inptu'; did you mean 'input'",
        ),
        ({"opnai/x": {"input": 1, "output": 1}}, "no provider 'opnai'; did you mean 'openai'"),
        ({"zzz/x": {"input": 1, "output": 1}}, "no provider 'zzz'; known: openai"),
        ({"gpt-6-luna": {"input": 1, "output": 1}}, "'gpt-6-luna': write it as provider/model"),
        ({"openai/": {"input": 1, "output": 1}}, "write it as provider/model"),
        ({"openai/x": {"input": 1}}, "'openai/x': output missing"),
        ({"openai/x": {}}, "input and output missing"),
        ({"openai/x": 3}, "expected a table"),
        (
            {"openai/x": {"input": "cheap", "output": 1}},
            "input is 'cheap'; it must be a number of dollars",
        ),
        ({"openai/x": {"input": -1, "output": 1}}, "input is -1"),
        ({"openai/x": {"input": True, "output": 1}}, "input is True"),
        ({"openai/x": {"input": float("nan"), "output": 1}}, "input is nan"),
        ({"openai/x": {"input": 1, "output": [1]}}, r"output is \[1\]"),
        ({"openai/x": {"input": 1, "output": 1, "tiers": 5}}, "tiers is a list"),
        ({"openai/x": {"input": 1, "output": 1, "tiers": [{"input": 2}]}}, "needs 'above'"),
        ({"openai/x": {"input": 1, "output": 1, "tiers": [{"abov": 2}]}}, "did you mean 'above'"),
    ],
)
def test_a_wrong_override_is_one_line_with_the_fix(overrides: Any, message: str) -> None:
    """A mistyped price names the entry and the nearest right word."""
    with pytest.raises(ConfigError, match=message):
        Prices(overrides)


def test_an_old_table_warns() -> None:
    """The table's age is in days, and past six months it says what to do."""
    prices = Prices()

    assert prices.age(datetime(2026, 11, 19, 12, tzinfo=UTC).timestamp()) == 10.5
    assert prices.warning(NOW) is None
    assert prices.warning(NOW + 190 * 86_400) == (
        "prices are 202 days old (genai-prices 0.2.3, 2026-11-09): "
        "update genai-prices, or call refresh()"
    )


def test_an_unknown_release_is_dated_by_its_newest_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A release that llmlab has not seen still has an age, from the data it brings."""
    monkeypatch.setattr("llmlab.pricing.corrections.DATED", {})

    age = Prices().age(datetime(2027, 6, 1, tzinfo=UTC).timestamp())

    assert 0 < age <= 204  # 2026-11-09 or, on a later install, a change announced after it


TABLE = [
    {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": "https://api\\.openai\\.com",
        "models": [
            {
                "id": "gpt-6.2-sol",
                "match": {"equals": "gpt-6.2-sol"},
                "prices": {"input_mtok": 2, "output_mtok": 10},
            }
        ],
    }
]


@contextmanager
def serving(status: int, body: bytes) -> Iterator[str]:
    """Serve *body* on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/data.json"
        finally:
            server.shutdown()
            thread.join()


def test_refresh_brings_new_models() -> None:
    """After a refresh a model unknown before has a price, dated by the day of the fetch."""
    prices = Prices(allow_network=True)
    before = prices.price("openai", "gpt-6.2-sol", NOW)

    with serving(200, json.dumps(TABLE).encode()) as url:
        prices.refresh(url)

    after = prices.price("openai", "gpt-6.2-sol", NOW)
    assert before is None
    assert after is not None
    assert after.input == 2
    assert after.source == "genai-prices, fetched"
    assert after.dated is not None
    assert after.dated > date(2026, 11, 9)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(503, b"", Unavailable), (200, b"<html>", Unreadable), (200, b'{"a": 1}', Unreadable)],
)
def test_a_failed_refresh_keeps_the_old_table(
    status: int, body: bytes, error: type[Exception]
) -> None:
    """A refresh that fails says why and changes nothing."""
    prices = Prices(allow_network=True)
    before = prices.price("openai", "gpt-6-luna", NOW)

    with serving(status, body) as url, pytest.raises(error):
        prices.refresh(url)

    assert prices.price("openai", "gpt-6-luna", NOW) == before


def test_refresh_needs_permission() -> None:
    """Nothing is fetched unless the network was allowed."""
    with pytest.raises(ConfigError, match="allow_network=True"):
        Prices().refresh("http://127.0.0.1:1/never")


def test_every_correction_has_a_reason_and_a_source() -> None:
    """Whoever doubts a departure from genai-prices finds why, and who says so."""
    names = [correction.name for correction in CORRECTIONS]

    assert len(names) == len(set(names))
    assert all(c.reason.endswith(".") and c.source.endswith(".") for c in CORRECTIONS)
