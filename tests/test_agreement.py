"""The providers' own SDKs and llmlab ask the same server and agree, on words and on counts."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import anthropic
import ollama
import openai
import pytest

from llmlab import Lab
from llmlab.records import Usage
from llmlab.sim import Simulator, environment
from tests.labs import KEYS

PROMPT = "Label this headline positive, negative or neutral.\nAcme beats forecasts, shares rise"


class Heard(NamedTuple):
    """What an SDK made of a reply: its text, and the counts it names, in llmlab's arithmetic."""

    text: str
    input: int | None
    output: int | None


@pytest.fixture(name="lab")
async def _lab(simulator: Simulator) -> AsyncIterator[Lab]:
    env = {**KEYS, **environment(simulator)}
    async with Lab(book=":memory:", env=env, config="/") as lab:
        yield lab


def _openai(simulator: Simulator, provider: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=simulator.base_url(provider), api_key="k", max_retries=0)


async def _chat(simulator: Simulator, provider: str, model: str, extra: dict[str, Any]) -> Heard:
    async with _openai(simulator, provider) as client:
        said = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": PROMPT}], **extra
        )
    assert said.usage is not None
    details = said.usage.completion_tokens_details
    apart = (details.reasoning_tokens or 0) if details and provider == "xai" else 0
    return Heard(
        said.choices[0].message.content or "",
        said.usage.prompt_tokens,
        said.usage.completion_tokens + apart,
    )


async def _chat_streamed(
    simulator: Simulator, provider: str, model: str, extra: dict[str, Any]
) -> Heard:
    text, usage = "", None
    async with _openai(simulator, provider) as client:
        async for chunk in await client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
            stream_options={"include_usage": True},
            **extra,
        ):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            usage = chunk.usage or usage
    assert usage is not None
    details = usage.completion_tokens_details
    apart = (details.reasoning_tokens or 0) if details and provider == "xai" else 0
    return Heard(text, usage.prompt_tokens, usage.completion_tokens + apart)


async def _responses(simulator: Simulator, provider: str, model: str) -> Heard:
    async with _openai(simulator, provider) as client:
        said = await client.responses.create(
            model=model, input=PROMPT, max_output_tokens=512, reasoning={"effort": "none"}
        )
    assert said.usage is not None
    return Heard(said.output_text, said.usage.input_tokens, said.usage.output_tokens)


async def _responses_streamed(simulator: Simulator, provider: str, model: str) -> Heard:
    async with _openai(simulator, provider) as client:
        stream = await client.responses.create(
            model=model,
            input=PROMPT,
            max_output_tokens=512,
            reasoning={"effort": "none"},
            stream=True,
        )
        events = [event async for event in stream]
    done = next(event.response for event in events if event.type == "response.completed")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert done.usage is not None
    return Heard(text, done.usage.input_tokens, done.usage.output_tokens)


async def _messages(simulator: Simulator, *, streamed: bool) -> Heard:
    asked: dict[str, Any] = {
        "model": "claude-haiku-4-5",
        "max_tokens": 512,
        "messages": [{"role": "user", "content": PROMPT}],
    }
    base = simulator.base_url("anthropic")
    async with anthropic.AsyncAnthropic(base_url=base, api_key="k", max_retries=0) as client:
        if streamed:
            async with client.messages.stream(**asked) as stream:
                said = await stream.get_final_message()
        else:
            said = await client.messages.create(**asked)
    usage = said.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    text = "".join(block.text for block in said.content if block.type == "text")
    return Heard(text, usage.input_tokens + cached, usage.output_tokens)


async def _ollama(simulator: Simulator, *, api: str, streamed: bool) -> Heard:
    client = ollama.AsyncClient(host=simulator.base_url("ollama"))
    asked: dict[str, Any] = {"model": "qwen2.5:7b", "options": {"num_predict": 512}}
    if api == "chat":
        call, asked["messages"] = client.chat, [{"role": "user", "content": PROMPT}]
    else:
        call, asked["prompt"] = client.generate, PROMPT  # type: ignore[assignment]
    if streamed:
        parts = [part async for part in await call(**asked, stream=True)]
    else:
        parts = [await call(**asked)]
    await client._client.aclose()
    words = [part["message"]["content"] if api == "chat" else part["response"] for part in parts]
    last = parts[-1]
    return Heard("".join(words), last["prompt_eval_count"], last["eval_count"])


def _counted(usage: Usage) -> tuple[int | None, int | None]:
    return usage.input, usage.output


async def _asked(lab: Lab, model: str, *, streamed: bool, **options: Any) -> Heard:
    """Ask through llmlab, whole or in pieces."""
    if not streamed:
        answer = await lab.ask_async(PROMPT, model, **options)
        return Heard(answer.text, *_counted(answer.usage))
    pieces = [piece async for piece in lab.stream(PROMPT, model, **options)]
    last = pieces[-1].answer
    assert last is not None
    assert "".join(piece.text for piece in pieces) == last.text
    return Heard(last.text, *_counted(last.usage))


STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@STREAMED
@pytest.mark.parametrize(
    ("provider", "model", "extra"),
    [
        ("openai", "gpt-6-luna", {"reasoning_effort": "none", "max_completion_tokens": 512}),
        ("deepseek", "deepseek-flash", {"extra_body": {"thinking": {"type": "disabled"}}}),
        ("xai", "grok-4.3", {"reasoning_effort": "none", "max_tokens": 512}),
        ("xai", "grok-4.3", {"reasoning_effort": "high", "max_tokens": 4608}),
    ],
    ids=["openai", "deepseek", "xai", "xai-reasoning"],
)
async def test_chat_completions(
    simulator: Simulator,
    lab: Lab,
    provider: str,
    model: str,
    extra: dict[str, Any],
    *,
    streamed: bool,
) -> None:
    """The openai SDK and llmlab agree on three providers' chat completions."""
    theirs = await (_chat_streamed if streamed else _chat)(simulator, provider, model, extra)

    options = {"effort": extra["reasoning_effort"]} if "reasoning_effort" in extra else {}
    if provider == "deepseek":
        options = {"thinking": False}
    ours = await _asked(lab, f"{provider}/{model}", streamed=streamed, **options)

    assert ours == theirs


@STREAMED
@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-6-luna"), ("xai", "grok-4.3")])
async def test_responses(
    simulator: Simulator, lab: Lab, provider: str, model: str, *, streamed: bool
) -> None:
    """The openai SDK and llmlab agree on both providers' Responses."""
    theirs = await (_responses_streamed if streamed else _responses)(simulator, provider, model)

    ours = await _asked(
        lab, f"{provider}/{model}", streamed=streamed, api="responses", effort="none"
    )

    assert ours == theirs


@STREAMED
async def test_messages(simulator: Simulator, lab: Lab, *, streamed: bool) -> None:
    """The anthropic SDK and llmlab agree on Messages."""
    theirs = await _messages(simulator, streamed=streamed)

    assert await _asked(lab, "claude", streamed=streamed) == theirs


@STREAMED
@pytest.mark.parametrize("api", ["chat", "generate"])
async def test_ollama(simulator: Simulator, lab: Lab, api: str, *, streamed: bool) -> None:
    """The ollama SDK and llmlab agree on both endpoints."""
    theirs = await _ollama(simulator, api=api, streamed=streamed)

    assert await _asked(lab, "qwen", streamed=streamed, api=api) == theirs
