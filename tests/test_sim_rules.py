"""Every documented refusal comes with its status, in its provider's own envelope."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import aiohttp
import pytest

from llmlab.sim import RuleAuthor, Simulator

Json: TypeAlias = dict[str, Any]

TODAY = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
TURNS = [{"role": "user", "content": "Say hello."}]
KEY = {"authorization": "Bearer sk-test"}
OLD = {**KEY, "anthropic-version": "2023-06-01"}
NEW = {**KEY, "anthropic-version": "2026-10-21"}
GPT: Json = {"model": "gpt-6-luna", "messages": TURNS}
RESPONSE: Json = {"model": "gpt-6-luna", "input": "Say hello."}
CLAUDE: Json = {"model": "claude-haiku-4-5", "messages": TURNS, "max_tokens": 2000}
GROK: Json = {"model": "grok-4.3", "messages": TURNS}
SEEK: Json = {"model": "deepseek-flash", "messages": TURNS}
QWEN: Json = {"model": "qwen2.5:7b", "messages": TURNS, "stream": False}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """Run a simulator on the day the reference was written."""
    async with Simulator(author=RuleAuthor(), clock=lambda: TODAY) as running:
        yield running


async def post(
    sim: Simulator, provider: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> tuple[int, Any]:
    """Post a body; return status and JSON."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(sim.base_url(provider) + path, json=body, headers=headers) as reply,
    ):
        return reply.status, await reply.json(content_type=None)


CHAT = "/chat/completions"
OPENAI_REFUSALS = [
    pytest.param(CHAT, {**GPT, "model": "gpt-0"}, 404, "model_not_found", id="unknown in chat"),
    pytest.param(CHAT, {**GPT, "model": "gpt-4-turbo"}, 404, "model_not_found", id="dead"),
    pytest.param(
        "/responses", {**RESPONSE, "model": "gpt-0"}, 400, "model_not_found", id="unknown"
    ),
    pytest.param(CHAT, {**GPT, "max_tokens": 9}, 400, "unsupported_parameter", id="max_tokens"),
    pytest.param(CHAT, {**GPT, "temperature": 0}, 400, "unsupported_value", id="while reasoning"),
    pytest.param(
        CHAT, {**GPT, "temperature": -1}, 400, "decimal_below_min_value", id="below range"
    ),
    pytest.param(CHAT, {**GPT, "top_p": 2}, 400, "decimal_above_max_value", id="above range"),
    pytest.param(
        CHAT,
        {**GPT, "model": "gpt-5-mini", "reasoning_effort": "none"},
        400,
        "unsupported_value",
        id="effort",
    ),
    pytest.param(
        CHAT, {**GPT, "model": "o3", "stop": ["x"]}, 400, "unsupported_parameter", id="stop"
    ),
    pytest.param(CHAT, {**GPT, "tempo": 1}, 400, "unknown_parameter", id="unknown field"),
    pytest.param("/responses", {**RESPONSE, "seed": 1}, 400, "unknown_parameter", id="seed"),
    pytest.param("/responses", {**RESPONSE, "stop": "x"}, 400, "unknown_parameter", id="no stop"),
    pytest.param(CHAT, {"messages": TURNS}, 400, "missing_required_parameter", id="no model"),
    pytest.param(
        CHAT,
        {**GPT, "model": "gpt-4o", "messages": [{"role": "user", "content": "word " * 110_000}]},
        400,
        "context_length_exceeded",
        id="too long",
    ),
    pytest.param(
        "/responses",
        {**RESPONSE, "text": {"format": {"strict": True, "schema": OPEN_SCHEMA}}},
        400,
        "invalid_json_schema",
        id="open schema",
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), OPENAI_REFUSALS)
async def test_openai_refuses(
    sim: Simulator, path: str, body: Json, status: int, code: str
) -> None:
    """OpenAI refuses with a nested error whose `code` says why."""
    answered, error = await post(sim, "openai", path, body, KEY)

    assert (answered, error["error"]["code"]) == (status, code)
    assert set(error["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({**GPT, "temperature": 1}, id="default"),
        pytest.param({**GPT, "temperature": 0, "reasoning_effort": "none"}, id="effort none"),
        pytest.param({**GPT, "model": "gpt-5.4-mini", "temperature": 0.2}, id="none by default"),
        pytest.param({**GPT, "model": "gpt-4o", "temperature": 0, "max_tokens": 9}, id="gpt-4o"),
    ],
)
async def test_openai_takes_sampling_where_it_may(sim: Simulator, body: Json) -> None:
    """Sampling passes at its default, without reasoning, and with older models."""
    status, _ = await post(sim, "openai", CHAT, body, KEY)

    assert status == 200


PREFILL = [*TURNS, {"role": "assistant", "content": "Hel"}]
ANTHROPIC_REFUSALS = [
    pytest.param({"model": "claude-haiku-4-5", "messages": TURNS}, OLD, 400, id="no max_tokens"),
    pytest.param(CLAUDE, KEY, 400, id="no version"),
    pytest.param(CLAUDE, {**KEY, "anthropic-version": "2020-01-01"}, 400, id="bad version"),
    pytest.param({**CLAUDE, "temperature": 1}, NEW, 400, id="removed, default too"),
    pytest.param({**CLAUDE, "top_k": 5}, NEW, 400, id="top_k removed"),
    pytest.param({**CLAUDE, "model": "claude-opus-5", "temperature": 0}, OLD, 400, id="default"),
    pytest.param({**CLAUDE, "model": "claude-sonnet-5-5", "temperature": 1}, OLD, 400, id="never"),
    pytest.param({**CLAUDE, "temperature": 0, "top_p": 0.5}, OLD, 400, id="either, not both"),
    pytest.param({**CLAUDE, "temperature": 1.5}, OLD, 400, id="range"),
    pytest.param({**CLAUDE, "seed": 1}, OLD, 400, id="no seed"),
    pytest.param({**CLAUDE, "max_tokens": 65_000}, OLD, 400, id="output limit"),
    pytest.param({**CLAUDE, "model": "claude-3-opus"}, OLD, 404, id="unknown"),
    pytest.param({**CLAUDE, "model": "claude-opus-4-0"}, OLD, 404, id="retired"),
    pytest.param(
        {**CLAUDE, "messages": [{"role": "system", "content": "x"}, *TURNS]}, OLD, 400, id="system"
    ),
    pytest.param(
        {**CLAUDE, "model": "claude-opus-5-5", "messages": PREFILL}, OLD, 400, id="prefill"
    ),
    pytest.param(
        {**CLAUDE, "model": "claude-opus-5-5", "thinking": {"type": "disabled"}},
        OLD,
        400,
        id="always thinks",
    ),
    pytest.param(
        {**CLAUDE, "thinking": {"type": "enabled", "budget_tokens": 100}}, OLD, 400, id="budget"
    ),
    pytest.param({**CLAUDE, "output_config": {"effort": "high"}}, OLD, 400, id="no effort"),
    pytest.param({**CLAUDE, "messages": 5}, OLD, 400, id="type"),
    pytest.param(
        {**CLAUDE, "messages": [{"role": "user", "content": "word " * 170_000}]},
        OLD,
        400,
        id="too long",
    ),
]


@pytest.mark.parametrize(("body", "headers", "status"), ANTHROPIC_REFUSALS)
async def test_anthropic_refuses(
    sim: Simulator, body: Json, headers: dict[str, str], status: int
) -> None:
    """Anthropic refuses under either version with its typed envelope and a request id."""
    answered, error = await post(sim, "anthropic", "/v1/messages", body, headers)

    kind = "not_found_error" if status == 404 else "invalid_request_error"
    assert answered == status
    assert error["type"] == "error"
    assert error["error"]["type"] == kind
    assert error["request_id"].startswith("req_")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param({**CLAUDE, "temperature": 0}, OLD, id="older model, older version"),
        pytest.param(
            {**CLAUDE, "model": "claude-opus-5", "temperature": 1}, OLD, id="at its default"
        ),
        pytest.param(CLAUDE, NEW, id="newer version"),
        pytest.param(
            {**CLAUDE, "thinking": {"type": "enabled", "budget_tokens": 1024}}, OLD, id="budget"
        ),
    ],
)
async def test_anthropic_takes(sim: Simulator, body: Json, headers: dict[str, str]) -> None:
    """What the reference allows passes."""
    status, _ = await post(sim, "anthropic", "/v1/messages", body, headers)

    assert status == 200


async def test_anthropic_counting_refuses_sampling_too(sim: Simulator) -> None:
    """Under 2026-10-21 even `count_tokens` refuses a temperature."""
    body = {"model": "claude-haiku-4-5", "messages": TURNS, "temperature": 1}

    new, _ = await post(sim, "anthropic", "/v1/messages/count_tokens", body, NEW)
    old, counted = await post(sim, "anthropic", "/v1/messages/count_tokens", body, OLD)

    assert (new, old) == (400, 200)
    assert counted == {"input_tokens": 7}


DEEPSEEK_REFUSALS = [
    pytest.param({**SEEK, "model": "deepseek-chat"}, 400, id="retired chat"),
    pytest.param({**SEEK, "model": "deepseek-reasoner"}, 400, id="retired reasoner"),
    pytest.param({**SEEK, "max_completion_tokens": 9}, 422, id="max_completion_tokens"),
    pytest.param({**SEEK, "temperature": 3}, 422, id="range"),
    pytest.param({**SEEK, "thinking": {"type": "maybe"}}, 422, id="thinking"),
    pytest.param({**SEEK, "stop": ["x"] * 17}, 422, id="stops"),
    pytest.param({**SEEK, "response_format": {"type": "json_schema"}}, 400, id="json_schema"),
    pytest.param({**SEEK, "response_format": {"type": "json_object"}}, 400, id="no word json"),
    pytest.param({**SEEK, "max_tokens": 1_048_565}, 400, id="too long"),
    pytest.param({**SEEK, "messages": "hello"}, 422, id="type"),
]


@pytest.mark.parametrize(("body", "status"), DEEPSEEK_REFUSALS)
async def test_deepseek_refuses(sim: Simulator, body: Json, status: int) -> None:
    """DeepSeek refuses in OpenAI's envelope, with 422 for parameters."""
    answered, error = await post(sim, "deepseek", CHAT, body, KEY)

    assert answered == status
    assert error["error"]["code"] == "invalid_request_error"


@pytest.mark.parametrize("path", [CHAT, "/v1/chat/completions"])
async def test_deepseek_thinks_unless_told_not_to(sim: Simulator, path: str) -> None:
    """Thinking is on by default, ignores the temperature, and can be switched off."""
    _, on = await post(sim, "deepseek", path, {**SEEK, "temperature": 0}, KEY)
    _, off = await post(sim, "deepseek", path, {**SEEK, "thinking": {"type": "disabled"}}, KEY)

    assert on["choices"][0]["message"]["reasoning_content"]
    assert "completion_tokens_details" in on["usage"]
    assert "reasoning_content" not in off["choices"][0]["message"]
    assert "completion_tokens_details" not in off["usage"]


TEN = [f"d{number}.example" for number in range(10)]
XAI_REFUSALS = [
    pytest.param(CHAT, {**GROK, "search_parameters": {"mode": "on"}}, 410, id="live search"),
    pytest.param(CHAT, {**GROK, "model": "grok-0"}, 404, id="unknown"),
    pytest.param(CHAT, {**GROK, "model": "grok-3"}, 404, id="retired"),
    pytest.param(CHAT, {**GROK, "stop": ["x"]}, 400, id="stop"),
    pytest.param(CHAT, {**GROK, "presence_penalty": 1}, 400, id="penalty"),
    pytest.param(CHAT, {**GROK, "model": "grok-4.7", "reasoning_effort": "none"}, 400, id="off"),
    pytest.param(CHAT, {**GROK, "model": "grok-4.20", "reasoning_effort": "low"}, 400, id="any"),
    pytest.param(CHAT, {**GROK, "max_tokens": "many"}, 422, id="type"),
    pytest.param(CHAT, {"model": "grok-4.3"}, 422, id="no messages"),
    pytest.param(
        "/responses",
        {
            "model": "grok-4.3",
            "input": "x",
            "tools": [{"type": "web_search", "filters": {"allowed_domains": TEN}}],
        },
        400,
        id="domains",
    ),
]


@pytest.mark.parametrize(("path", "body", "status"), XAI_REFUSALS)
async def test_xai_refuses(sim: Simulator, path: str, body: Json, status: int) -> None:
    """XAI refuses with a flat envelope, whose `error` is a string."""
    answered, error = await post(sim, "xai", path, body, KEY)

    assert answered == status
    assert isinstance(error["error"], str)
    assert isinstance(error["code"], str)


async def test_xai_redirects_some_retired_models(sim: Simulator) -> None:
    """A redirected name is answered, and reported, by grok-4.3."""
    status, answer = await post(sim, "xai", CHAT, {**GROK, "model": "grok-4-1-fast-reasoning"}, KEY)

    assert (status, answer["model"]) == (200, "grok-4.3")


OLLAMA_REFUSALS = [
    pytest.param({**QWEN, "model": "mistral"}, 404, "model 'mistral' not found", id="not pulled"),
    pytest.param(
        {**QWEN, "think": True}, 400, '"qwen2.5:7b" does not support thinking', id="thinking"
    ),
    pytest.param(
        {**QWEN, "options": {"num_ctx": 5}, "truncate": False},
        400,
        "the input length exceeds the context length",
        id="truncate false",
    ),
    pytest.param({"messages": TURNS}, 400, "model is required", id="no model"),
]


@pytest.mark.parametrize(("body", "status", "message"), OLLAMA_REFUSALS)
async def test_ollama_refuses(sim: Simulator, body: Json, status: int, message: str) -> None:
    """Ollama refuses with one string."""
    answered, error = await post(sim, "ollama", "/api/chat", body, {})

    assert (answered, error) == (status, {"error": message})


async def test_ollama_cuts_silently(sim: Simulator) -> None:
    """A long conversation loses its oldest turns, and only the count tells."""
    turns = [{"role": "user", "content": "old " * 400}, *TURNS]
    body = {**QWEN, "messages": turns, "options": {"num_ctx": 100}}

    status, answer = await post(sim, "ollama", "/api/chat", body, {})

    assert (status, answer["prompt_eval_count"]) == (200, 7)


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_ollama_cuts_one_long_prompt_to_the_context(sim: Simulator, path: str) -> None:
    """A single prompt over the context is cut to exactly the context."""
    text = "word " * 400
    body = {
        "model": "qwen2.5:7b",
        "stream": False,
        "prompt": text,
        "messages": [{"role": "user", "content": text}],
        "options": {"num_ctx": 100},
    }

    _, answer = await post(sim, "ollama", path, body, {})

    assert answer["prompt_eval_count"] == 100


@pytest.mark.parametrize(
    ("extra", "reason"), [({}, "load"), ({"keep_alive": 0}, "unload")], ids=["load", "unload"]
)
async def test_ollama_empty_prompt_only_loads(sim: Simulator, extra: Json, reason: str) -> None:
    """An empty prompt loads the model or lets it go."""
    body = {"model": "qwen2.5:7b", "stream": False, **extra}

    _, answer = await post(sim, "ollama", "/api/generate", body, {})

    assert answer["done_reason"] == reason


BAD_KEYS = [
    ("openai", "/chat/completions", GPT, "", 401),
    ("openai", "/chat/completions", GPT, "wrong-key", 401),
    ("anthropic", "/v1/messages", CLAUDE, "", 401),
    ("anthropic", "/v1/messages", CLAUDE, "invalid-key", 401),
    ("deepseek", "/chat/completions", SEEK, "invalid-key", 401),
    ("xai", "/chat/completions", GROK, "", 401),
    ("xai", "/chat/completions", GROK, "invalid-key", 400),
]


@pytest.mark.parametrize(("provider", "path", "body", "key", "status"), BAD_KEYS)
async def test_a_bad_key_is_refused(
    sim: Simulator, provider: str, path: str, body: Json, key: str, status: int
) -> None:
    """A wrong or absent key is a 401; xAI says 400 to a wrong one."""
    headers = {"authorization": f"Bearer {key}"} if key else {}

    answered, error = await post(sim, provider, path, body, headers)

    assert answered == status
    assert "error" in error
    assert key == "" or key not in str(error)


async def test_anthropic_takes_a_key_in_either_header(sim: Simulator) -> None:
    """Both `x-api-key` and a bearer token are a key."""
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}

    status, _ = await post(sim, "anthropic", "/v1/messages", CLAUDE, headers)

    assert status == 200


async def test_unknown_paths_and_methods(sim: Simulator) -> None:
    """An unknown path is a 404 and a known one with another method a 405."""
    missing, _ = await post(sim, "xai", "/nothing", GROK, KEY)
    wrong, _ = await post(sim, "xai", "/api-key", GROK, KEY)

    assert (missing, wrong) == (404, 405)


@pytest.mark.parametrize(
    ("provider", "path", "status"),
    [("openai", CHAT, 400), ("xai", CHAT, 422), ("ollama", "/api/chat", 400)],
)
async def test_a_body_that_is_not_json(
    sim: Simulator, provider: str, path: str, status: int
) -> None:
    """A body that does not parse is refused in the provider's envelope."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(sim.base_url(provider) + path, data=b"{", headers=KEY) as reply,
    ):
        body = await reply.json()

    assert reply.status == status
    assert "error" in body
