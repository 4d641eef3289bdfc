"""Odd replies of a batch: rows, never the end of a run, never a purchase that is not counted."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pytest

from llmlab.book import Account
from llmlab.errors import CutOff
from llmlab.records import HttpCall, HttpReply
from llmlab.sim import Simulator
from llmlab.wire import Session
from llmlab.wire.session import Exchange
from tests.test_batches import HEADLINES, abtest, lab_for

SOLD = ["gpt", "claude", "grok"]
Going: TypeAlias = Callable[[], Awaitable[Exchange]]
Bend: TypeAlias = Callable[[HttpCall, Going], Awaitable[Exchange]]
"""What becomes of a call: it may go, or not, and its reply may be another."""


def said(status: int, body: object) -> Exchange:
    """Make a reply."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = HttpReply(status=status, headers={}, body=data)
    return Exchange(reply=reply, ttfb=0.0, latency=0.0)


def fetches(call: HttpCall) -> bool:
    """Say whether a call fetches results."""
    return "/results" in call.url or call.url.endswith("/content")


def lists(call: HttpCall) -> bool:
    """Say whether a call asks for the provider's list."""
    return call.method == "GET" and call.url.split("?")[0].endswith("/batches")


def hands_in(call: HttpCall) -> bool:
    """Say whether a call hands requests in."""
    return call.method == "POST" and not call.url.endswith("/files") and call.body != b""


async def bent(
    simulator: Simulator, book: Path, model: str, bend: Bend | None = None
) -> tuple[pd.DataFrame, Account]:
    """Run three calls with bent replies in a fresh lab; return rows and money."""
    sent = Session.send

    async def send(self: Session, call: HttpCall, endpoint: Any) -> Exchange:
        async def go() -> Exchange:
            return await sent(self, call, endpoint)

        return await (go() if bend is None or "/models" in call.url else bend(call, go))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "send", send)
        async with lab_for(simulator, book=book, poll=0.001) as lab:
            lab._services.batch_grace_s = 0.0
            rows = await abtest(lab, model, on=HEADLINES.iloc[:3], score=None, target=None)
            account = await asyncio.to_thread(lab.book.account)
            assert await asyncio.to_thread(lab.book.verify) == []
    return rows, account


def bought(simulator: Simulator) -> int:
    """Count the requests that were handed in."""
    return sum(len(each.requests) for each in simulator._memory.batches.values())


ODD = [
    b"",
    b"[1, 2]",
    b"\xff\xfe{",
    b'{"custom_id":null,"result":null,"response":null}',
    b'{"custom_id":"x","response":{"status_code":"abc"},"result":"no"}',
    b'{"custom_id":"x","response":"abc","result":5,"results":[5,null,{"batch_result":7}]}',
    b'{"results":{"a":1},"pagination_token":"again"}',
]


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("model", SOLD)
async def test_odd_results_are_rows(
    simulator: Simulator, tmp_path: Path, model: str, body: bytes
) -> None:
    """What comes in their place ends no run; a purchase that is repeated was counted before."""

    async def bend(call: HttpCall, go: Going) -> Exchange:
        reply = await go() if "again" not in call.url else said(200, body)
        return said(200, body) if fetches(call) else reply

    rows, account = await bent(simulator, tmp_path / "lab.db", model, bend)
    again, _ = await bent(simulator, tmp_path / "lab.db", model)

    assert set(rows["status"]) == {"error"}
    assert set(again["status"]) == {"ok"}
    assert bought(simulator) == 6 or account.unknown > 0


@pytest.mark.parametrize("model", ["gpt", "claude"])
async def test_a_line_that_cannot_be_read_costs_no_other(
    simulator: Simulator, tmp_path: Path, model: str
) -> None:
    """A file of results that breaks off is settled as far as it goes; the rest is fetched again."""

    async def bend(call: HttpCall, go: Going) -> Exchange:
        exchange = await go()
        return said(200, exchange.reply.body[:-20]) if fetches(call) else exchange

    rows, account = await bent(simulator, tmp_path / "lab.db", model, bend)
    again, last = await bent(simulator, tmp_path / "lab.db", model)

    assert (rows["status"] == "ok").sum() == len(rows) - 1
    assert account.reserved > 0
    assert set(again["status"]) == {"ok"}
    assert bought(simulator) == 6
    assert last.unknown == 0


@pytest.mark.parametrize("model", SOLD)
async def test_results_twice_strange_and_in_any_order(
    simulator: Simulator, tmp_path: Path, model: str
) -> None:
    """Results of requests that were never sent are passed over; a second one changes nothing."""

    async def bend(call: HttpCall, go: Going) -> Exchange:
        exchange = await go()
        if not fetches(call):
            return exchange
        if model == "grok":
            page = json.loads(exchange.reply.body)
            strange = {**page["results"][0], "batch_request_id": "never sent"}
            page["results"] = [strange, *reversed(page["results"]), *page["results"]]
            return said(200, page)
        lines = exchange.reply.body.split(b"\n")
        strange = {**json.loads(lines[0]), "custom_id": "never sent"}
        return said(200, b"\n".join([json.dumps(strange).encode(), *reversed(lines), *lines]))

    rows, account = await bent(simulator, tmp_path / "lab.db", model, bend)
    single, _ = await bent(simulator, tmp_path / "other.db", model)

    assert rows["text"].tolist() == single["text"].tolist()
    assert account.unknown == account.reserved == 0


@pytest.mark.parametrize("model", SOLD)
async def test_a_missing_result_counts_at_its_worst_price(
    simulator: Simulator, tmp_path: Path, model: str
) -> None:
    """Whether it was charged nobody can know, so it is not free."""

    async def bend(call: HttpCall, go: Going) -> Exchange:
        exchange = await go()
        if not fetches(call):
            return exchange
        if model == "grok":
            page = json.loads(exchange.reply.body)
            return said(200, {**page, "results": page["results"][1:]})
        return said(200, b"\n".join(exchange.reply.body.split(b"\n")[1:]))

    rows, account = await bent(simulator, tmp_path / "lab.db", model, bend)

    assert (rows["status"] == "error").sum() == 1
    assert rows["error"].dropna().str.contains("has no result for this request").all()
    assert account.unknown > 0


async def test_a_server_error_that_the_list_bears_out_is_free(
    simulator: Simulator, tmp_path: Path
) -> None:
    """503 at the hand-in, and no such batch in the list: three rows, no dollar, no second try."""

    async def bend(call: HttpCall, go: Going) -> Exchange:
        return said(503, {"error": {"message": "busy"}}) if hands_in(call) else await go()

    rows, account = await bent(simulator, tmp_path / "lab.db", "claude", bend)
    again, _ = await bent(simulator, tmp_path / "lab.db", "claude")

    assert rows["error"].str.contains("503 busy; anthropic has no such batch in its list").all()
    assert (account.spent, account.reserved) == (Decimal(0), Decimal(0))
    assert set(again["status"]) == {"ok"}
    assert bought(simulator) == 6


@pytest.mark.parametrize("model", ["gpt", "claude"])
async def test_a_list_that_cannot_be_read_names_the_way_out(
    simulator: Simulator, tmp_path: Path, model: str
) -> None:
    """A gateway without a list: nothing is bought again, and the line says how to give it up."""

    async def bend(call: HttpCall, go: Going) -> Exchange:
        if lists(call):
            return said(404, {"error": {"message": "no such path"}})
        exchange = await go()
        if hands_in(call):
            raise CutOff("the reply broke off", provider=model)
        return exchange

    rows, _ = await bent(simulator, tmp_path / "lab.db", model, bend)
    await bent(simulator, tmp_path / "lab.db", model, bend)

    assert rows["error"].str.contains("or give it up with `llmlab batch forget").all()
    assert bought(simulator) == 6


async def test_other_batches_of_the_same_size_are_passed_over(
    simulator: Simulator, tmp_path: Path
) -> None:
    """At Anthropic they are told apart by their results; one whose results are gone is not it."""
    await bent(simulator, tmp_path / "other.db", "claude")
    (other,) = simulator._memory.batches
    looked: list[str] = []

    async def lost(call: HttpCall, go: Going) -> Exchange:
        exchange = await go()
        if hands_in(call):
            raise CutOff("the reply broke off", provider="anthropic")
        return said(500, b"") if lists(call) else exchange

    async def archived(call: HttpCall, go: Going) -> Exchange:
        looked.append(call.url)
        return said(404, {"error": {"message": "gone"}}) if other in call.url else await go()

    await bent(simulator, tmp_path / "lab.db", "claude", lost)
    rows, account = await bent(simulator, tmp_path / "lab.db", "claude", archived)

    assert set(rows["status"]) == {"ok"}
    assert bought(simulator) == 12
    assert account.unknown == account.reserved == 0


async def test_an_old_batch_is_no_candidate(simulator: Simulator, tmp_path: Path) -> None:
    """What was made long before is not fetched, and ends the look through the list."""
    await bent(simulator, tmp_path / "other.db", "claude")
    (other,) = simulator._memory.batches
    simulator._memory.batches[other].at -= pd.Timedelta(hours=2).to_pytimedelta()
    looked: list[str] = []

    async def lost(call: HttpCall, go: Going) -> Exchange:
        if hands_in(call):
            raise CutOff("the reply broke off", provider="anthropic")
        return await go()

    async def watched(call: HttpCall, go: Going) -> Exchange:
        looked.append(call.url)
        return await go()

    rows, account = await bent(simulator, tmp_path / "lab.db", "claude", lost)
    await bent(simulator, tmp_path / "lab.db", "claude", watched)

    assert rows["error"].str.contains("anthropic has no such batch in its list").all()
    assert account.unknown > 0
    assert not any(other in each for each in looked)


async def test_a_provider_that_hangs_is_a_row(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hand-in without an answer ends after its time; what the provider took is found."""
    monkeypatch.setattr("llmlab.calls.batch.requests.CALL_S", 0.2)
    hung: list[str] = []

    async def bend(call: HttpCall, go: Going) -> Exchange:
        exchange = await go()
        if hands_in(call) and not hung:
            hung.append(call.url)
            await asyncio.Event().wait()
        return exchange

    rows, account = await bent(simulator, tmp_path / "lab.db", "claude", bend)

    assert hung
    assert set(rows["status"]) == {"ok"}
    assert bought(simulator) == 6
    assert account.unknown == account.reserved == 0
