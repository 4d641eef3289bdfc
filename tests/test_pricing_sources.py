"""Where prices come from: the user's overrides, the table's age, and a refresh."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from llmlab import Lab
from llmlab.archive import tape_writer
from llmlab.cli import main
from llmlab.errors import ConfigError, Unavailable, Unreadable
from llmlab.pricing import Prices, edition, stored
from llmlab.pricing.corrections import CORRECTIONS
from llmlab.records import Plan, Usage
from llmlab.runs.forecast import forecast
from llmlab.sim import RuleAuthor, Simulator
from tests.labs import lab_for

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
            "'openai/x': no key 'inptu'; did you mean input",
        ),
        ({"opnai/x": {"input": 1, "output": 1}}, "no provider 'opnai'; did you mean openai"),
        ({"zzz/x": {"input": 1, "output": 1}}, "no provider 'zzz'; there are openai"),
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
        ({"openai/x": {"input": 1, "output": 1, "tiers": [{"abov": 2}]}}, "did you mean above"),
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
        "llmlab prices --refresh, or lab.prices.refresh(), fetches today's"
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


# ---- a fetched table is kept --------------------------------------------------------------


def table_of(path: Path) -> Prices:
    """Return the prices of somebody who may fetch, a month from now."""
    return Prices(allow_network=True, kept=path, now=lambda: NOW + 30 * 86_400)


def test_a_fetched_table_is_there_the_next_time(tmp_path: Path) -> None:
    """It is kept for every lab of the user, readable and writable by nobody else."""
    path = tmp_path / "cache" / "prices.json"
    with serving(200, json.dumps(TABLE).encode()) as url:
        table_of(path).refresh(url)

    again = table_of(path)
    price = again.price("openai", "gpt-6.2-sol", NOW)
    assert price is not None
    assert price.output == 10
    assert again.basis.startswith("genai-prices, fetched (2026-1")
    assert again.age() < 1
    assert again.warning() is None
    assert os.name != "posix" or path.stat().st_mode & 0o077 == 0


def test_a_newer_installed_table_wins(tmp_path: Path) -> None:
    """Whoever updates genai-prices is not held back by what was fetched before."""
    path = tmp_path / "prices.json"
    stored.save(path, TABLE, date(2026, 11, 1))

    assert table_of(path).basis == "genai-prices 0.2.3 (2026-11-09)"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"schema": "llmlab prices 1"}',
        b'{"schema": "llmlab prices 1", "fetched": "soon", "providers": [{}]}',
        b'{"schema": "llmlab prices 1", "fetched": "2027-01-01", "providers": [{"id": 3}]}',
    ],
    ids=["empty", "bare", "list", "binary", "deep", "short", "date", "provider"],
)  # fmt: skip
def test_a_damaged_table_is_said_and_not_used(tmp_path: Path, content: bytes) -> None:
    """The installed prices hold, and the warning says what to do; a refresh mends it."""
    path = tmp_path / "prices.json"
    path.write_bytes(content)
    path.chmod(0o600)
    prices = table_of(path)

    assert prices.basis == "genai-prices 0.2.3 (2026-11-09)"
    warning = prices.warning() or ""
    assert warning.startswith(str(path))
    assert warning.endswith("the installed prices are used")
    assert "\n" not in warning
    with serving(200, json.dumps(TABLE).encode()) as url:
        prices.refresh(url)
    assert prices.warning() is None
    assert table_of(path).warning() is None


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_table_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    """Somebody else could make a model cheap, and a limit hold nothing."""
    path = tmp_path / "prices.json"
    stored.save(path, TABLE, date(2027, 1, 1))
    path.chmod(0o666)

    assert "may be written by others" in (table_of(path).warning() or "")


def test_the_address_is_the_librarys() -> None:
    """Where genai-prices publishes is for it to say."""
    assert edition.address().startswith("https://")
    assert "genai-prices" in edition.address()


async def test_an_old_table_is_said_where_costs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before sending, beside the verdict, and in what was spent."""
    monkeypatch.setattr("llmlab.pricing.prices._STALE_DAYS", 1.0)
    seen: list[tuple[str, ...]] = []

    def watched(*args: Any, **options: Any) -> Plan:
        seen.append(options["notes"])
        return forecast(*args, **options)

    async with Simulator(author=RuleAuthor()) as simulator, lab_for(simulator) as lab:
        monkeypatch.setattr("llmlab.runs.conduct.forecast", watched)
        run = await lab.abtest_async({"A": "Say it"}, ["gpt"], quiet=True, max_tokens=20)

    for notes in (seen[0], run.notes):
        (note,) = [each for each in notes if each.startswith("Costs: prices are")]
        assert "llmlab prices --refresh, or lab.prices.refresh(), fetches today's" in note


def test_the_command_line_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`llmlab prices` says which table; with --refresh it is today's from then on."""
    monkeypatch.chdir(tmp_path)
    assert main(["prices"]) == 0
    assert capsys.readouterr().out.startswith("genai-prices 0.2.3 (2026-11-09), ")

    with serving(200, json.dumps(TABLE).encode()) as url:
        monkeypatch.setattr("llmlab.pricing.edition.address", lambda: url)
        assert main(["prices", "--refresh"]) == 0
    assert main(["prices"]) == 0
    assert capsys.readouterr().out.count("genai-prices, fetched") == 2

    with serving(503, b"") as url:
        monkeypatch.setattr("llmlab.pricing.edition.address", lambda: url)
        assert main(["prices", "--refresh"]) == 2
    assert "no price table" in capsys.readouterr().err


def test_a_replay_fetches_nothing(tmp_path: Path) -> None:
    """It sends nothing at all."""
    tape = tmp_path / "tape"
    tape_writer.write(tape, [])
    with (
        Lab(book=None, mode="replay", tape=tape, env={}, config="/") as lab,
        pytest.raises(ConfigError, match="needs the network"),
    ):
        lab.prices.refresh("http://127.0.0.1:1/never")
