"""Numbers in a reply that cannot be: the answer is kept, its cost is unknown, the run goes on."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.calls.identity import pack, recall
from llmlab.comparison import Comparison
from llmlab.records import Answer, Usage
from tests.loopback import Came, Loopback, Said

TEXT: Final = "Spring is late."

ODD: Final = (
    "-1", "-9223372036854775809", "9223372036854775807", "9223372036854775808",
    "18446744073709551616", "1e3", "1e19", "1e308", "1e999", "1.5", "-0.0", "NaN", "Infinity",
    "-Infinity", "true", '"7"', "null", "[]", "{}", "9" * 40, "9" * 5000, "-" + "9" * 5000,
)  # fmt: skip
"""What is put in the place of each number of a reply, as JSON text or what servers take for it."""

_CHAT_USAGE: Final[Mapping[str, Any]] = {
    "prompt_tokens": 12,
    "completion_tokens": 4,
    "total_tokens": 16,
    "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
_CHAT: Final[Mapping[str, Any]] = {
    "id": "c1",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"content": TEXT}, "finish_reason": "stop", "logprobs": [-0.5]}
    ],
    "usage": _CHAT_USAGE,
}
_RESPONSES_USAGE: Final[Mapping[str, Any]] = {
    "input_tokens": 12,
    "output_tokens": 4,
    "total_tokens": 16,
    "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
    "output_tokens_details": {"reasoning_tokens": 1},
}
_RESPONSES: Final[Mapping[str, Any]] = {
    "id": "r1",
    "model": "m",
    "status": "completed",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]}],
    "usage": _RESPONSES_USAGE,
    "tool_usage": {"web_search": {"num_requests": 1}},
}
_XAI: Final = {"cost_in_usd_ticks": 5000}
_TOOLS: Final = {
    "server_side_tool_usage_details": {"web_search_calls": 1, "x_search_calls": 1},
}
WHOLE: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "openai chat": ("openai/gpt-6-luna", _CHAT),
    "openai responses": ("openai/gpt-6-luna", _RESPONSES),
    "anthropic messages": (
        "claude",
        {
            "id": "m1",
            "model": "m",
            "content": [{"type": "text", "text": TEXT}],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 12,
                "cache_creation_input_tokens": 3,
                "cache_read_input_tokens": 2,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 2,
                    "ephemeral_1h_input_tokens": 1,
                },
                "output_tokens": 4,
                "output_tokens_details": {"thinking_tokens": 1},
                "server_tool_use": {"web_search_requests": 1},
            },
        },
    ),
    "deepseek chat": (
        "deepseek",
        {
            **_CHAT,
            "usage": {
                **_CHAT_USAGE,
                "prompt_cache_hit_tokens": 2,
                "prompt_cache_miss_tokens": 10,
            },
        },
    ),
    "xai chat": ("grok", {**_CHAT, "usage": {**_CHAT_USAGE, **_XAI}}),
    "xai responses": (
        "grok",
        {**_RESPONSES, "usage": {**_RESPONSES_USAGE, **_XAI, **_TOOLS}},
    ),
    "ollama chat": (
        "ollama/qwen3:0.6b",
        {
            "model": "m",
            "message": {"content": TEXT},
            "done": True,
            "done_reason": "stop",
            "total_duration": 5,
            "prompt_eval_count": 12,
            "prompt_eval_cached_count": 2,
            "eval_count": 4,
        },
    ),
}
"""What each provider answers, with every number that llmlab reads, and some that it does not."""


def _numbers(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where the numbers of a document are."""
    if isinstance(document, Mapping):
        return [each for key, value in document.items() for each in _numbers(value, (*path, key))]
    if isinstance(document, list):
        return [each for n, value in enumerate(document) for each in _numbers(value, (*path, n))]
    return [path] if isinstance(document, int | float) and not isinstance(document, bool) else []


def _with(document: Any, path: Sequence[Any], text: str) -> bytes:
    """Return *document* as JSON with *text* in one place."""
    mark = "@here@"
    copy = json.loads(json.dumps(document))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = mark
    return json.dumps(copy).replace(f'"{mark}"', text).encode()


def cases_of(document: Mapping[str, Any]) -> list[bytes]:
    """Return *document* once for each of its numbers and each odd thing in that place."""
    return [_with(document, path, odd) for path in _numbers(document) for odd in ODD]


def _asked(came: Came) -> int:
    found = re.search(rb"Case number (\d+)", came.body)
    assert found is not None
    return int(found[1])


def ran_over(
    replies: Sequence[bytes], model: str, *, kind: str = "application/json", **options: Any
) -> tuple[Comparison, Lab]:
    """Run over as many inputs as there are *replies*; each has its own."""

    def reply(came: Came) -> Said:
        return Said(body=replies[_asked(came)], kind=kind, headers={"x-request-id": "req_7"})

    frame = pd.DataFrame({"n": [str(n) for n in range(len(replies))]})
    with Loopback(reply) as server:
        lab = Lab(book=None, env=server.env, config="/", attempts=1)
        run = lab.abtest({"p": "Case number {{ n }}."}, model, on=frame, quiet=True, **options)
    return run, lab


@pytest.mark.parametrize("name", WHOLE)
def test_no_number_of_a_reply_ends_a_run(name: str) -> None:
    """Whatever stands where a number should, the text is kept and every input has its row."""
    model, document = WHOLE[name]
    cases = cases_of(document)
    options: dict[str, Any] = {"search": True} if "responses" in name else {}
    run, lab = ran_over(cases, model, **options)
    with lab:
        rows = run.rows
        assert len(rows) == len(cases)
        assert set(rows["status"]) == {"ok"}, rows["error"].dropna().unique()
        assert set(rows["text"]) == {TEXT}
        assert (rows["cost_usd"].dropna() >= 0).all()
        assert lab.book.verify() == []
        again = lab.run(run.name).rows
    assert len(again) == len(cases)


def _reply(name: str, path: Sequence[Any], odd: str) -> tuple[str, bytes]:
    model, document = WHOLE[name]
    return model, _with(document, path, odd)


@pytest.mark.parametrize(
    ("path", "odd", "words"),
    [
        (["usage", "completion_tokens"], "-5", "usage.output is -5"),
        (["usage", "prompt_tokens"], "9223372036854775808", "usage.input is 9223372036854775808"),
        (["usage", "cost_in_usd_ticks"], "-5000", "billed is $-5E-7"),
        (["usage", "prompt_tokens"], "NaN", "`$.prompt_tokens`, which is 'NaN'"),
        (["usage", "prompt_tokens"], "1e300", "`$.prompt_tokens`, which is 1e+300"),
    ],
)
def test_a_number_that_cannot_be_is_named_and_counts_as_unknown(
    path: list[str], odd: str, words: str
) -> None:
    """One warning has field, value and request id; the book counts the worst case. # R-10."""
    model, body = _reply("xai chat", path, odd)
    run, lab = ran_over([body], model)
    with lab:
        row = run.rows.iloc[0]
        told = [each for each in row["warnings"].split("; ") if words in each]
        assert len(told) == 1
        assert "request req_7)" in told[0]
        assert pd.isna(row["cost_usd"])
        assert pd.isna(row["billed_usd"])
        assert row["cost_status"] == "unpriced"
        account = lab.book.account()
        assert account.settled == account.reserved == 0
        assert account.unknown > 0


def _events(usage: bytes, *, whole: bool) -> bytes:
    head = b'data: {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"content": "Spring'
    first = head + b'"}}], "usage": ' + usage + b"}\n\n"
    last = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
    return first + last + b"data: [DONE]\n\n" if whole else first


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("odd", [each for each in ODD if each not in {"1e3", "-0.0"}])
def test_a_stream_with_such_numbers_is_a_row(odd: str, *, whole: bool) -> None:
    """Whole or broken: its words are there, and what it may have cost is unknown."""
    usage = f'{{"prompt_tokens": 12, "completion_tokens": {odd}}}'.encode()
    kind = "text/event-stream"
    run, lab = ran_over([_events(usage, whole=whole)], "openai/gpt-6-luna", kind=kind, stream=True)
    with lab:
        row = run.rows.iloc[0]
        assert row["text"] == "Spring"
        assert (row["status"] == "ok") == whole
        assert lab.book.account().settled == 0
        assert lab.book.account().unknown > 0


def test_what_an_answer_of_the_book_says_is_held_against_the_same_rule() -> None:
    """Whoever wrote it there: its words are read, its numbers are not believed."""
    kept = Answer(
        text=TEXT,
        usage=Usage(input=-3, output=4),
        finish="stop",
        model="m",
        cost=Decimal("0.5"),
        request_id="req_7",
    )

    answer = recall(pack(kept))

    assert (answer.text, answer.from_book, answer.cost) == (TEXT, True, None)
    assert answer.usage == Usage()
    assert "usage.input is -3" in answer.warnings[0]
    assert "req_7" in answer.warnings[0]


def test_a_cost_beyond_what_the_book_can_hold_is_unknown() -> None:
    """A price of the user's times a count that can just be ends no run."""
    model, body = _reply("openai chat", ["usage", "prompt_tokens"], "99999999")
    prices = {model: {"input": 20_000, "output": 1}}

    with Loopback(lambda _: Said(body=body)) as server:
        lab = Lab(book=None, env=server.env, config="/", prices=prices)
        with lab:
            run = lab.abtest({"p": "Spring?"}, model, quiet=True)
            assert run.rows["status"].tolist() == ["ok"]
            assert Decimal(0) < lab.book.account().unknown < 1000
