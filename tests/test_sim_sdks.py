"""The providers' own SDKs talk to the simulator as they would to the provider."""

from collections.abc import AsyncIterator

import anthropic
import ollama
import openai
import pytest

from llmlab.sim import RuleAuthor, Simulator

PROMPT = "Label this headline positive, negative or neutral.\nAcme beats forecasts, shares rise"
LABELS = {"positive", "negative", "neutral"}


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """Run a simulator that answers by rule."""
    async with Simulator(author=RuleAuthor(seed=1)) as running:
        yield running


def chat_client(sim: Simulator, provider: str) -> openai.AsyncOpenAI:
    """Point OpenAI's client at a provider of the simulator."""
    return openai.AsyncOpenAI(base_url=sim.base_url(provider), api_key="sk-test", max_retries=0)


CHAT_MODELS = [("openai", "gpt-6-luna"), ("deepseek", "deepseek-flash"), ("xai", "grok-4.3")]


@pytest.mark.parametrize(("provider", "model"), CHAT_MODELS)
async def test_chat_completion_is_read_by_the_openai_sdk(
    sim: Simulator, provider: str, model: str
) -> None:
    """A whole chat completion parses into text and usage."""
    async with chat_client(sim, provider) as client:
        answer = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": PROMPT}]
        )

    assert answer.choices[0].message.content in LABELS
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 25


@pytest.mark.parametrize(("provider", "model"), CHAT_MODELS)
async def test_streamed_chat_ends_with_usage_when_asked_for(
    sim: Simulator, provider: str, model: str
) -> None:
    """A streamed chat completion adds up to the same label, and its usage comes once."""
    async with chat_client(sim, provider) as client:
        stream = await client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]

    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert text in LABELS
    assert len(usages) == 1
    assert usages[0].prompt_tokens == 25


async def test_streamed_chat_without_the_option_has_no_usage(sim: Simulator) -> None:
    """OpenAI sends no usage at all unless `include_usage` asks for it."""
    async with chat_client(sim, "openai") as client:
        stream = await client.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": PROMPT}], stream=True
        )
        chunks = [chunk async for chunk in stream]

    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


async def test_deepseek_streams_reasoning_before_text(sim: Simulator) -> None:
    """DeepSeek's reasoning deltas come first, and usage sits in the chunk that finishes."""
    async with chat_client(sim, "deepseek") as client:
        stream = await client.chat.completions.create(
            model="deepseek-v4-pro",
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]

    kinds = [
        "text" if chunk.choices[0].delta.content else "reasoning"
        for chunk in chunks[1:-1]
        if chunk.choices
    ]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"reasoning", "text"}
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-6-luna"), ("xai", "grok-4.3"), ("deepseek", "deepseek-v4-pro")],
)
async def test_response_is_read_by_the_openai_sdk(
    sim: Simulator, provider: str, model: str
) -> None:
    """A whole response has reasoning, a message and usage."""
    async with chat_client(sim, provider) as client:
        answer = await client.responses.create(model=model, input=PROMPT)

    assert answer.output_text in LABELS
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.status == "completed"
    assert answer.usage is not None
    assert answer.usage.output_tokens > answer.usage.output_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-6-luna"), ("xai", "grok-4.3")])
async def test_streamed_response_ends_with_the_whole_response(
    sim: Simulator, provider: str, model: str
) -> None:
    """Response events are numbered, carry the text in pieces and end with `completed`."""
    async with (
        chat_client(sim, provider) as client,
        client.responses.stream(model=model, input=PROMPT) as stream,
    ):
        events = [event async for event in stream]
        final = await stream.get_final_response()

    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == final.output_text
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert final.usage is not None


async def test_structured_output_parses(sim: Simulator) -> None:
    """A strict JSON schema is answered by an instance of it."""
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["up", "down"]}},
        "required": ["label"],
        "additionalProperties": False,
    }

    async with chat_client(sim, "openai") as client:
        answer = await client.responses.create(
            model="gpt-6-luna",
            input=PROMPT,
            text={"format": {"type": "json_schema", "name": "l", "schema": schema, "strict": True}},
        )

    assert answer.output_text in ('{"label": "up"}', '{"label": "down"}')


def claude(sim: Simulator) -> anthropic.AsyncAnthropic:
    """Point Anthropic's client at the simulator."""
    return anthropic.AsyncAnthropic(
        base_url=sim.base_url("anthropic"), api_key="sk-ant-test", max_retries=0
    )


async def test_message_is_read_by_the_anthropic_sdk(sim: Simulator) -> None:
    """A whole message has one text block, a stop reason, usage and the dated model name."""
    async with claude(sim) as client:
        answer = await client.messages.create(
            model="claude-haiku-4-5",
            max_tokens=64,
            system="Answer in one word.",
            messages=[{"role": "user", "content": PROMPT}],
        )

    assert answer.content[0].type == "text"
    assert answer.content[0].text in LABELS
    assert answer.stop_reason == "end_turn"
    assert answer.model == "claude-haiku-4-5-20251001"
    assert answer.usage.input_tokens == 25 + 9


async def test_streamed_message_with_thinking(sim: Simulator) -> None:
    """A model that thinks by default streams thinking, its signature, and then the text."""
    async with (
        claude(sim) as client,
        client.messages.stream(
            model="claude-haiku-5-5",
            max_tokens=512,
            messages=[{"role": "user", "content": PROMPT}],
        ) as stream,
    ):
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()

    assert text in LABELS
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.usage.output_tokens_details is not None
    assert final.usage.output_tokens > final.usage.output_tokens_details.thinking_tokens > 0


async def test_anthropic_counts_and_lists_models(sim: Simulator) -> None:
    """Counting equals what the message is charged for; the list knows lifecycles."""
    async with claude(sim) as client:
        counted = await client.messages.count_tokens(
            model="claude-haiku-4-5", messages=[{"role": "user", "content": PROMPT}]
        )
        models = {model.id: model async for model in client.models.list(limit=5)}

    assert counted.input_tokens == 25
    assert models["claude-haiku-4-5"].lifecycle == "active"
    assert models["claude-opus-4-0"].lifecycle == "retired"


async def test_ollama_sdk_chats_and_generates(sim: Simulator) -> None:
    """The Ollama SDK gets text and counts, whole and streamed, from both endpoints."""
    client = ollama.AsyncClient(host=sim.base_url("ollama"))
    turns = [{"role": "user", "content": PROMPT}]

    whole = await client.chat(model="qwen2.5:7b", messages=turns)
    lines = [line async for line in await client.chat("qwen2.5:7b", turns, stream=True)]
    made = await client.generate(model="qwen3:8b", prompt=PROMPT, think=True)
    await client._client.aclose()

    assert whole.message.content in LABELS
    assert whole.prompt_eval_count == 25
    assert "".join(line.message.content or "" for line in lines) == whole.message.content
    assert lines[-1].done
    assert lines[-1].eval_count == whole.eval_count
    assert made.thinking
    assert made.response in LABELS


async def test_ollama_inventory(sim: Simulator) -> None:
    """Pulled models are listed and shown, and a used one is loaded with its context."""
    client = ollama.AsyncClient(host=sim.base_url("ollama"))

    pulled = [model.model for model in (await client.list()).models]
    shown = await client.show("qwen3:8b")
    await client.generate(model="qwen3:8b", prompt="hello", options={"num_ctx": 2048})
    loaded = (await client.ps()).models
    await client._client.aclose()

    assert "qwen2.5:7b" in pulled
    assert shown.capabilities == ["completion", "thinking"]
    assert [(model.model, model.context_length) for model in loaded] == [("qwen3:8b", 2048)]


async def test_openai_lists_only_living_models(sim: Simulator) -> None:
    """OpenAI's list has announced shutdown dates and leaves dead models out."""
    async with chat_client(sim, "openai") as client:
        models = {model.id: model async for model in client.models.list()}

    assert getattr(models["gpt-4o"], "shutdown_date", None) == "2027-01-14"
    assert "gpt-4-turbo" not in models
