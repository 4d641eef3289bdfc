"""Batches: the same rows at a lower price, through a restart, and never handed in twice."""

import asyncio
import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pandas as pd
import pytest

from llmlab import Lab
from llmlab.book import Book
from llmlab.errors import CallError, Refused, Throttled, Unavailable, UsageError
from llmlab.providers.batch.ways import BatchRequest, BatchState, way_of
from llmlab.records import Api, HttpReply
from llmlab.sim import Faults, RuleAuthor, Simulator
from tests import labs
from tests.labs import questions

PROMPTS = {"plain": "Positive or negative: {{ headline }}", "role": "As analyst: {{ headline }}"}
HEADLINES = pd.DataFrame(
    {
        "headline": ["Profit up 20%", "Shares plunge", "Board meets", "Profit up 20%"],
        "label": ["positive", "negative", "negative", "positive"],
    },
    index=["a", "b", "c", "d"],
)
SOLD = ["gpt", "claude", "grok"]


def lab_for(simulator: Simulator, *, poll: float = 0.01, **options: object) -> Lab:
    """Make a lab whose five providers all live at the simulator, and which looks often."""
    lab = labs.lab_for(simulator, **options)
    lab._services.batch_poll_s = poll
    return lab


async def abtest(lab: Lab, models: str | list[str] = "six", **options: Any) -> pd.DataFrame:
    """Run the experiment of these tests by batch."""
    settings = {"on": HEADLINES, "score": "label", "target": "label", "quiet": True, **options}
    run = await lab.abtest_async(PROMPTS, models, **{"max_tokens": 20, "batch": True, **settings})
    return run.rows


def handed_in(simulator: Simulator) -> int:
    """Count the batches that were made."""
    return sum(each.path in {"/v1/batches", "/v1/messages/batches"} for each in simulator.log)


async def test_a_batch_gives_the_same_rows_for_less(simulator: Simulator) -> None:
    """Words, tokens and scores are those of single calls; the cost is the batch's. # R-31."""
    async with lab_for(simulator) as lab:
        rows = await abtest(lab, SOLD)
    made = handed_in(simulator)
    singly = questions(simulator)
    async with lab_for(simulator) as lab:
        single = await abtest(lab, SOLD, batch=False)

    same = ["prompt", "label", "input_id", "status", "text", "score", "output_tokens"]
    pd.testing.assert_frame_equal(rows[same], single[same])
    assert (made, singly) == (3, 0)
    assert not rows["from_book"].any()
    assert rows["latency_s"].isna().all()
    assert rows["price_basis"].astype(str).str.contains("batch").all()
    ratio = rows["cost_usd"] / single["cost_usd"]
    assert ratio.between(0.4, 0.9).all()


async def test_who_sells_no_batches_is_asked_singly(simulator: Simulator) -> None:
    """DeepSeek and Ollama answer call by call within the same run."""
    async with lab_for(simulator) as lab:
        rows = await abtest(lab)

    assert len(rows) == 2 * 6 * 4
    assert set(rows["status"]) == {"ok"}
    single = rows["latency_s"].notna()
    assert set(rows.loc[single, "provider"]) == {"deepseek", "ollama"}


async def test_a_restart_collects_what_was_handed_in(simulator: Simulator, tmp_path: Path) -> None:
    """Interrupted while it waits, the next lab on this book collects, and hands in nothing."""
    book = tmp_path / "lab.db"
    async with lab_for(simulator, book=book, poll=60.0) as lab:
        handle = await asyncio.to_thread(
            lambda: lab.start(
                PROMPTS, SOLD, on=HEADLINES, batch=True, quiet=True, max_tokens=20, name="r"
            )
        )
        await _until(lambda: _waiting(lab) == 3)
        handle.stop(now=True)
        cut = await asyncio.to_thread(handle.result, 10)
        held = await asyncio.to_thread(lab.book.account, "run:r")
    async with lab_for(simulator, book=book) as lab:
        rows = await abtest(lab, SOLD, name="r", score=None, target=None)
        spent = await asyncio.to_thread(lab.book.account, "run:r")
        problems = await asyncio.to_thread(lab.book.verify)
        open_ones = lab.book.batches()

    assert len(cut) == 0
    assert held.reserved > 0
    assert handed_in(simulator) == 3
    assert len(rows) == 2 * 3 * 4
    assert set(rows["status"]) == {"ok"}
    paid = rows.drop_duplicates("request_hash")["cost_usd"].sum()
    assert float(spent.settled) == pytest.approx(paid, rel=0.3)
    assert spent.unknown == spent.reserved == 0
    assert problems == []
    assert open_ones == []


def _waiting(lab: Lab) -> int:
    """Count the batches that the provider has and something is waited for from."""
    return sum(each.state == "handed_in" for each in lab.book.batches())


async def _until(true: Any) -> None:
    for _ in range(500):
        if await asyncio.to_thread(true):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def test_a_shorter_plan_leaves_the_rest_for_later(
    simulator: Simulator, tmp_path: Path
) -> None:
    """Only what the plan asks is settled; the rest of the batch is collected when asked for."""
    book = tmp_path / "lab.db"
    async with lab_for(simulator, book=book, poll=60.0) as lab:
        handle = await asyncio.to_thread(
            lambda: lab.start(
                PROMPTS, "claude", on=HEADLINES, batch=True, quiet=True, max_tokens=20
            )
        )
        await _until(lambda: _waiting(lab) == 1)
        handle.stop(now=True)
        await asyncio.to_thread(handle.result, 10)
    async with lab_for(simulator, book=book) as lab:
        first = await abtest(lab, "claude", on=HEADLINES.iloc[:1], score="exact")
        whole = await abtest(lab, "claude")

    assert (len(first), len(whole)) == (2, 8)
    assert set(whole["status"]) == {"ok"}
    assert handed_in(simulator) == 1


async def test_what_is_in_a_batch_is_not_sent_singly(simulator: Simulator, tmp_path: Path) -> None:
    """The same plan without batch=True would pay twice: it is refused with the way out."""
    book = tmp_path / "lab.db"
    async with lab_for(simulator, book=book, poll=60.0) as lab:
        handle = await asyncio.to_thread(
            lambda: lab.start(
                PROMPTS, "claude", on=HEADLINES, batch=True, quiet=True, max_tokens=20
            )
        )
        await _until(lambda: _waiting(lab) == 1)
        handle.stop(now=True)
        await asyncio.to_thread(handle.result, 10)
        with pytest.raises(UsageError, match=r"8 of these calls are in a batch .* batch=True"):
            await abtest(lab, "claude", batch=False)

    assert not any(each.user for each in simulator.log)


async def test_a_batched_run_is_kept_like_any_other(simulator: Simulator, tmp_path: Path) -> None:
    """It can be read back and put on a tape; the batches themselves are no run."""
    async with lab_for(simulator) as lab:
        rows = await abtest(lab, SOLD, name="r")
        saved = await asyncio.to_thread(lab.run, "r")
        runs = await asyncio.to_thread(lab.runs)
        tape = await asyncio.to_thread(lab.save_tape, tmp_path / "t")
    replay = {"book": ":memory:", "env": {}, "config": "/", "mode": "replay", "tape": tape}
    async with Lab(**replay) as lab:  # type: ignore[arg-type]
        again = await abtest(lab, SOLD, name="r")

    pd.testing.assert_frame_equal(saved.rows, rows, check_exact=True)
    pd.testing.assert_frame_equal(again, rows, check_exact=True)
    assert runs["name"].tolist() == ["r"]


async def test_a_limit_holds_for_batches(simulator: Simulator) -> None:
    """What could pass the limit is not handed in; it is rows that say so. # R-43."""
    async with lab_for(simulator) as lab:
        rows = await abtest(lab, "claude", budget=0.0005)
        spent = await asyncio.to_thread(lab.book.account)

    assert rows["error"].dropna().str.startswith("LimitError").any()
    assert float(spent.settled) <= 0.0005


async def test_a_refused_batch_is_rows() -> None:
    """A provider that takes no batch fails its own rows; no money is held for them."""
    async with (
        Simulator(author=RuleAuthor(), faults=Faults.parse(["anthropic=401"])) as simulator,
        lab_for(simulator) as lab,
    ):
        rows = await abtest(lab, ["claude", "gpt"])
        account = await asyncio.to_thread(lab.book.account)

    failed = rows[rows["status"] == "error"]
    assert set(failed["provider"]) == {"anthropic"}
    assert failed["error"].str.startswith("AuthFailed").all()
    assert account.reserved == account.unknown == 0


async def test_what_a_batch_cannot_is_said_before(simulator: Simulator) -> None:
    """Streaming by batch is one line, and nothing is sent."""
    async with lab_for(simulator) as lab:
        with pytest.raises(UsageError, match="a batch cannot be streamed"):
            await abtest(lab, "gpt", stream=True)

    assert not simulator.log


ITEMS = [
    BatchRequest(id="a" * 64, body=b'{"model":"m"}'),
    BatchRequest(id="b", body=b'{"model":"n"}'),
]
BASE = "https://x.test/v1"


def test_openai_gets_a_file_of_lines() -> None:
    """One JSON object a line in a form with purpose batch, then a batch of 24 hours."""
    way, path = _way("openai", "chat")

    form = way.first(ITEMS, "t0k", path, BASE)
    (part,) = way.rest("file-1", ITEMS, "t0k", path, BASE)

    lines = [json.loads(line) for line in form.body.split(b"\r\n") if line.startswith(b"{")
             for line in line.split(b"\n")]  # fmt: skip
    assert [line["custom_id"] for line in lines] == [item.id for item in ITEMS]
    assert {line["url"] for line in lines} == {"/v1/chat/completions"}
    assert form.url == f"{BASE}/files"
    assert form.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert json.loads(part.call.body) == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"llmlab": "t0k"},
    }


@pytest.mark.parametrize(
    ("provider", "api", "body", "kinds"),
    [
        (
            "openai",
            "chat",
            (
                b'{"custom_id":"ok","response":{"status_code":200,"body":{}},"error":null}\n'
                b'{"custom_id":"bad","response":{"status_code":400,"body":{}},"error":null}\n'
                b'{"custom_id":"late","response":null,"error":{"code":"batch_expired",'
                b'"message":"not done in time"}}'
            ),
            {"ok": 200, "bad": 400, "late": Unavailable},
        ),
        (
            "anthropic",
            "messages",
            (
                b'{"custom_id":"ok","result":{"type":"succeeded","message":{}}}\n'
                b'{"custom_id":"bad","result":{"type":"errored","error":{"type":"error","error":'
                b'{"type":"invalid_request_error","message":"no"}}}}\n'
                b'{"custom_id":"late","result":{"type":"expired"}}'
            ),
            {"ok": 200, "bad": Refused, "late": Unavailable},
        ),
        (
            "xai",
            "chat",
            (
                b'{"results":[{"batch_request_id":"ok","batch_result":{"response":'
                b'{"chat_get_completion":{"id":"1"}}}},'
                b'{"batch_request_id":"bad","batch_result":{"error":{"code":3,"message":"no"}}},'
                b'{"batch_request_id":"late","batch_result":{"error":{"code":8,"message":"much"}}}],'
                b'"pagination_token":"next"}'
            ),
            {"ok": 200, "bad": Refused, "late": Throttled},
        ),
    ],
    ids=["openai", "anthropic", "xai"],
)
def test_each_result_is_a_reply_or_its_error(
    provider: str, api: Api, body: bytes, kinds: dict[str, object]
) -> None:
    """What succeeded is a reply for the provider's adapter; the rest is the error it means."""
    way, _ = _way(provider, api)

    found, more = way.read_results(HttpReply(status=200, headers={}, body=body))

    assert more == (("next",) if provider == "xai" else ())
    for name, kind in kinds.items():
        result = found[name]
        assert result.status == kind if isinstance(result, HttpReply) else type(result) is kind


@pytest.mark.parametrize(
    ("provider", "api", "body", "state"),
    [
        ("openai", "chat", {"status": "finalizing"}, BatchState(ended=False, said="finalizing")),
        (
            "openai",
            "chat",
            {"status": "expired", "output_file_id": "f1", "error_file_id": "f2"},
            BatchState(ended=True, said="expired", parts=("f1", "f2")),
        ),
        (
            "anthropic",
            "messages",
            {"processing_status": "canceling"},
            BatchState(ended=False, said="canceling", parts=("",)),
        ),
        ("xai", "chat", {"state": {}}, BatchState(ended=False, said="0 of 0", parts=("",), size=0)),
        (
            "xai",
            "chat",
            {"state": {"num_requests": 3, "num_pending": 0, "num_error": 1}},
            BatchState(ended=True, said="3 of 3", parts=("",), size=3),
        ),
    ],
)
def test_how_far_a_batch_is(provider: str, api: Api, body: object, state: BatchState) -> None:
    """Each provider's words for under way and for the end."""
    way, _ = _way(provider, api)
    reply = HttpReply(status=200, headers={}, body=json.dumps(body).encode())

    assert way.read_state(reply) == state


def _way(provider: str, api: Api) -> Any:
    found = way_of(provider, api)
    assert found is not None
    return found


def test_only_those_who_sell_batches_have_a_way() -> None:
    """DeepSeek and Ollama sell none; xAI's are for chat completions."""
    assert way_of("deepseek", "chat") is None
    assert way_of("ollama", "chat") is None
    assert way_of("xai", "responses") is None


def test_an_error_page_is_the_error_it_means() -> None:
    """A refused look is an error, not an empty batch."""
    way, _ = _way("anthropic", "messages")

    with pytest.raises(CallError):
        way.read_results(HttpReply(status=500, headers={}, body=b"<html>"))


async def test_openais_own_sdk_finds_the_simulator_right(simulator: Simulator) -> None:
    """Upload, create, retrieve and fetch with the vendor's client."""
    body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hi"}]}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    async with openai.AsyncOpenAI(
        api_key="sk-x", base_url=simulator.base_url("openai"), max_retries=0
    ) as client:
        file = await client.files.create(
            file=("in.jsonl", json.dumps(line).encode()), purpose="batch"
        )
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        first = await client.batches.retrieve(batch.id)
        second = await client.batches.retrieve(batch.id)
        assert second.output_file_id
        output = await client.files.content(second.output_file_id)

    assert [batch.status, first.status, second.status] == ["validating", "in_progress", "completed"]
    (answered,) = [json.loads(each) for each in output.text.splitlines()]
    assert answered["response"]["body"]["choices"][0]["message"]["content"]


async def test_anthropics_own_sdk_finds_the_simulator_right(simulator: Simulator) -> None:
    """Create, retrieve and stream results with the vendor's client."""
    async with anthropic.AsyncAnthropic(
        api_key="sk-ant-x", base_url=simulator.base_url("anthropic"), max_retries=0
    ) as client:
        batch = await client.messages.batches.create(
            requests=[
                {
                    "custom_id": name,
                    "params": {
                        "model": "claude-haiku-4-5",
                        "max_tokens": limit,
                        "messages": [{"role": "user", "content": "Hi"}],
                    },
                }
                for name, limit in (("good", 50), ("bad", -1))
            ]
        )
        await client.messages.batches.retrieve(batch.id)
        ended = await client.messages.batches.retrieve(batch.id)

    assert (batch.processing_status, ended.processing_status) == ("in_progress", "ended")
    assert (ended.request_counts.succeeded, ended.request_counts.errored) == (1, 1)


def test_a_book_without_batches_has_none() -> None:
    """Nothing remembered is an empty list."""
    with Book.open(None) as book:
        assert book.batches() == []
