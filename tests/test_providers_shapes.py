"""Shapes of replies that servers beside the five providers send: read, or named."""

import json
from typing import Any

import pytest

from llmlab.errors import CallError, Unavailable
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Api, HttpReply, Prompt, Request


def request(api: Api = "chat", provider: str = "openai") -> Request:
    """Ask something."""
    return Request(provider=provider, model="m", prompt=Prompt(name="p", user="hello"), api=api)


def read(body: object, api: Api = "chat", provider: str = "openai") -> Answer:
    """Read a whole reply of 200."""
    headers = {"x-request-id": "req_7"}
    reply = HttpReply(status=200, headers=headers, body=json.dumps(body).encode())
    return adapter_of(provider, api).read(reply, request(api, provider))


def streamed(*lines: bytes) -> Answer:
    """Read a stream of chat completions."""
    decoder = adapter_of("openai", "chat").stream(request())
    for each in lines:
        decoder.feed(each + b"\n\n")
    return decoder.close()


def data(body: object) -> bytes:
    """Write an event."""
    return b"data: " + json.dumps(body).encode()


def completion(content: object = "yes", **more: Any) -> dict[str, Any]:
    """Make a chat completion."""
    choice = {"index": 0, "message": {"content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {"id": "c", "model": "m", "choices": [choice], "usage": usage} | more


# ---- read


def test_a_content_in_parts_is_joined() -> None:
    """Mistral's reasoning models: thoughts are parts too."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": ", it is"},
    ]
    answer = read(completion(parts))
    assert (answer.text, answer.reasoning, answer.warnings) == ("yes, it is", "hm", ())
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": parts}}]}
    end = {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]}
    usage = {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    assert streamed(data(chunk), data(end | usage), b"data: [DONE]").text == "yes, it is"


@pytest.mark.parametrize(("counts", "output", "odd"), [
    ({"prompt_tokens": 10.0, "completion_tokens": 5.0, "total_tokens": 15.0}, 5, False),
    ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4.0}},
     5, False),
    ({"prompt_tokens": 10, "completion_tokens": 5.5}, None, True),
])  # fmt: skip
def test_whole_counts_may_be_written_as_floats(
    counts: dict[str, Any], output: int | None, *, odd: bool
) -> None:
    """12.0 tokens are 12; 5.5 are none, and named with the reply's id."""
    answer = read(completion(usage=counts))
    assert answer.usage.output == output
    assert bool(answer.warnings) is odd
    if odd:
        assert "5.5 (openai, request req_7)" in answer.warnings[0]


def test_the_first_choice_is_the_one_of_index_0() -> None:
    """Wherever it stands."""
    choices = [
        {"index": 1, "message": {"content": "no"}, "finish_reason": "length"},
        {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"},
    ]
    answer = read(completion(choices=choices))
    assert (answer.text, answer.finish) == ("yes", "stop")


def test_groq_puts_a_streams_usage_beside_it() -> None:
    """In `x_groq`, of the last chunk; its error, too."""
    first = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "yes"}}]}
    end: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}
    answer = streamed(data(first), data(end | {"x_groq": usage}), b"data: [DONE]")
    assert (answer.text, answer.usage.input, answer.usage.output) == ("yes", 10, 5)
    with pytest.raises(CallError, match="over capacity"):
        streamed(data(first), data(end | {"x_groq": {"error": "over capacity"}}))


def test_thinking_that_the_total_alone_shows_is_counted() -> None:
    """Gemini's compatible endpoint leaves it out of `completion_tokens`; it is billed as output."""
    usage = {
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115,
        "completion_tokens_details": {"reasoning_tokens": 100},
    }  # fmt: skip
    answer = read(completion(usage=usage))
    assert (answer.usage.output, answer.usage.reasoning, answer.warnings) == (105, 100, ())
    inside = usage | {"completion_tokens": 105}
    assert read(completion(usage=inside)).usage.output == 105
    silent = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    gemini = read(completion(usage=silent, model="models/gemini-3-flash")).usage
    assert (gemini.output, gemini.reasoning) == (105, 100)
    assert read(completion(usage=silent)).warnings[0].startswith("usage does not add up")


@pytest.mark.parametrize("size", [1, 9, 1000])
def test_llama_cpp_has_a_line_of_its_own_for_errors(size: int) -> None:
    """`error:` in the place of `data:`, after which nothing comes."""
    body = b'error: {"code":500,"message":"slot unavailable","type":"server_error"}\n\n'
    decoder = adapter_of("openai", "chat").stream(request())
    for start in range(0, len(body), size):
        decoder.feed(body[start : start + size])
    with pytest.raises(Unavailable, match="slot unavailable"):
        decoder.close()


# ---- named


def test_a_reply_without_usage_says_so() -> None:
    """The field, the provider, the request."""
    (said,) = read(completion(usage=None)).warnings
    assert said == (
        "no usage.input and usage.output in the reply: "
        "what it cost is not known (openai, request req_7)"
    )
    half = read(completion(usage={"prompt_tokens": 10}))
    assert half.warnings[0].startswith("no usage.output in the reply")


def test_a_block_that_nobody_knows_is_named() -> None:
    """Its words are not taken for the answer's, and nobody need wonder where they are."""
    part = read(completion([{"type": "hologram"}, {"type": "text", "text": "yes"}]))
    block = read(
        {
            "id": "m", "model": "m", "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
            "content": [{"type": "hologram", "text": None}, {"type": "text", "text": "yes"}],
        },
        "messages", "anthropic",
    )  # fmt: skip
    item = read(
        {
            "id": "r", "model": "m", "status": "completed",
            "usage": {"input_tokens": 1, "output_tokens": 1},
            "output": [
                {"type": "hologram"},
                {"type": "image_generation_call"},
                {"type": "message", "content": [{"type": "output_text", "text": "yes"}]},
            ],
        },
        "responses",
    )  # fmt: skip
    for answer, what, who in (
        (part, "content type", "openai"),
        (block, "content block", "anthropic"),
        (item, "output item", "openai"),
    ):
        said = f"unknown {what} 'hologram', which is not read ({who}, request req_7)"
        assert (answer.text, answer.warnings) == ("yes", (said,))
