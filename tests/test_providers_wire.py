"""What each provider is really sent: its own names, its own forms."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from llmlab.catalogue.models import Model, Rules
from llmlab.errors import BadParameter
from llmlab.providers.anthropic.messages import Anthropic
from llmlab.providers.ollama.host import host_of
from llmlab.providers.registry import adapter_of
from llmlab.records import Api, Parameters, Prompt, Request, Schema, Search

DOCUMENT = {"type": "object", "properties": {"n": {"type": "integer"}}}
SCHEMA = Schema(name="n", document=DOCUMENT)
BUDGET = Rules(thinking=("budget", "disabled"))
ALWAYS = Rules(thinking=("adaptive",))


def asked(provider: str, api: Api, parameters: Parameters, *, stream: bool = False) -> Request:
    """Return a request with *parameters*."""
    prompt = Prompt(name="p", user="Hi", system="Be brief.")
    return Request(
        provider=provider, model="m", prompt=prompt, parameters=parameters, api=api, stream=stream
    )


def body_of(
    provider: str,
    api: Api,
    rules: Rules | None = None,
    *,
    stream: bool = False,
    **parameters: object,
) -> dict[str, Any]:
    """Return the body that *parameters* become."""
    model = Model(provider=provider, id="m", rules=rules or Rules())
    request = asked(
        provider,
        api,
        replace(Parameters(), **parameters),  # type: ignore[arg-type]
        stream=stream,
    )
    call = adapter_of(provider, api).write(request, model, "")
    return cast("dict[str, Any]", json.loads(call.body))


def test_openai_chat_names_its_limit_after_completion_tokens() -> None:
    """Reasoning models refuse `max_tokens` (gotcha 2)."""
    body = body_of("openai", "chat", temperature=0.0, seed=7, stop=("END",), schema=SCHEMA)

    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
        ],
        "max_completion_tokens": 512,
        "temperature": 0.0,
        "seed": 7,
        "stop": ["END"],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "strict": True, "schema": DOCUMENT},
        },
    }


@pytest.mark.parametrize("provider", ["openai", "deepseek", "xai", "local"])
def test_a_chat_stream_asks_for_its_usage(provider: str) -> None:
    """Without `include_usage` a stream never says what it used (gotcha 7)."""
    body = body_of(provider, "chat", stream=True)

    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("provider", "parameters", "part"),
    [
        ("deepseek", {"thinking": False}, {"thinking": {"type": "disabled"}}),
        (
            "deepseek",
            {"thinking": True, "effort": "max"},
            {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
        ),
        ("openai", {"thinking": False}, {"reasoning_effort": "none"}),
        ("openai", {"effort": "high"}, {"reasoning_effort": "high"}),
        ("xai", {"thinking": False}, {"reasoning_effort": "none"}),
        ("local", {"thinking": False}, {"chat_template_kwargs": {"enable_thinking": False}}),
    ],
)
def test_chat_switches_reasoning_in_each_dialect(
    provider: str, parameters: dict[str, Any], part: dict[str, object]
) -> None:
    """The same wish is said in the provider's own words."""
    plain, body = body_of(provider, "chat"), body_of(provider, "chat", **parameters)

    assert {name: value for name, value in body.items() if name not in plain} == part


def test_a_model_that_does_not_think_by_itself_is_told_to() -> None:
    """`thinking=True` becomes an effort where the default one is none, and nothing elsewhere."""
    rules = Rules(efforts=("none", "low", "medium", "high"), default_effort="none")

    told = body_of("openai", "chat", rules, thinking=True)
    left = body_of("openai", "chat", replace(rules, default_effort="medium"), thinking=True)

    assert told["reasoning_effort"] == "medium"
    assert "reasoning_effort" not in left


def test_deepseek_gets_its_schema_in_the_prompt() -> None:
    """JSON mode needs the word json and the shape in the prompt (providers.md 4.3)."""
    body = body_of("deepseek", "chat", schema=SCHEMA)

    system = body["messages"][0]["content"]
    assert body["response_format"] == {"type": "json_object"}
    assert body["max_tokens"] == 512
    assert system.startswith("Be brief.\n\n")
    assert "json" in system
    assert json.dumps(DOCUMENT, separators=(",", ":")) in system


def test_anthropic_keeps_the_system_prompt_apart() -> None:
    """`system` is no message, the limit is required, the schema has no name (gotchas 26, 27)."""
    adapter = adapter_of("anthropic")
    parameters = Parameters(temperature=0.5, stop=("END",), schema=SCHEMA, effort="low")
    request = asked("anthropic", "messages", parameters, stream=True)

    call = adapter.write(request, Model(provider="anthropic", id="m"), "https://api.anthropic.com")

    assert (call.url, call.auth) == ("https://api.anthropic.com/v1/messages", "x-api-key")
    assert call.headers["anthropic-version"] == "2023-06-01"
    assert json.loads(call.body) == {
        "model": "m",
        "max_tokens": 512,
        "messages": [{"role": "user", "content": "Hi"}],
        "system": "Be brief.",
        "temperature": 0.5,
        "stop_sequences": ["END"],
        "output_config": {
            "effort": "low",
            "format": {"type": "json_schema", "schema": DOCUMENT},
        },
        "stream": True,
    }


def test_anthropic_thinks_as_its_rules_allow() -> None:
    """Adaptive where it is known, a budget that leaves room elsewhere, refused where it cannot."""
    budget = body_of("anthropic", "messages", BUDGET, thinking=True, max_tokens=4_000)
    adaptive = body_of("anthropic", "messages", ALWAYS, thinking=True)
    off = body_of("anthropic", "messages", BUDGET, thinking=False)

    assert budget["thinking"] == {"type": "enabled", "budget_tokens": 2_000}
    assert adaptive["thinking"] == {"type": "adaptive"}
    assert off["thinking"] == {"type": "disabled"}
    with pytest.raises(BadParameter, match="always thinks"):
        body_of("anthropic", "messages", ALWAYS, thinking=False)
    with pytest.raises(BadParameter, match="above 1024"):
        body_of("anthropic", "messages", BUDGET, thinking=True, max_tokens=1_024)


def test_the_newer_anthropic_version_takes_no_temperature() -> None:
    """Under 2026-10-21 temperature is a 400 at any value, so it is refused before sending."""
    adapter, model = Anthropic(version="2026-10-21"), Model(provider="anthropic", id="m")

    call = adapter.write(asked("anthropic", "messages", Parameters()), model, "")

    assert call.headers["anthropic-version"] == "2026-10-21"
    with pytest.raises(BadParameter, match="temperature"):
        adapter.write(asked("anthropic", "messages", Parameters(temperature=1.0)), model, "")


def test_an_anthropic_base_with_v1_is_understood() -> None:
    """People add `/v1` by habit; the path has it already."""
    adapter = adapter_of("anthropic")
    request, model = asked("anthropic", "messages", Parameters()), Model(provider="a", id="m")

    call = adapter.write(request, model, "https://gate.example/v1/")

    assert call.url == "https://gate.example/v1/messages"


@pytest.mark.parametrize("provider", ["openai", "deepseek", "xai"])
def test_responses_never_store(provider: str) -> None:
    """The default keeps prompt and answer for 30 days (gotcha 42)."""
    body = body_of(provider, "responses", schema=SCHEMA, effort="low")

    assert body["store"] is False
    assert body["max_output_tokens"] == 512
    assert body["reasoning"] == {"effort": "low"}
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "n", "strict": True, "schema": DOCUMENT}
    }


def test_responses_say_the_system_prompt_each_in_its_place() -> None:
    """OpenAI has a field for it, the others a message."""
    ours, theirs = body_of("openai", "responses"), body_of("xai", "responses")

    assert ours["instructions"] == "Be brief."
    assert ours["input"] == [{"role": "user", "content": "Hi"}]
    assert "instructions" not in theirs
    assert theirs["input"][0] == {"role": "system", "content": "Be brief."}


def test_searches_are_tools_of_responses() -> None:
    """Each provider offers the searches it has, with the places and dates they take."""
    search = Search(x=True, allowed_domains=("sec.gov",), from_date="2026-11-01")

    xai = body_of("xai", "responses", search=search)
    openai = body_of("openai", "responses", search=Search(allowed_domains=("sec.gov",)))
    claude = body_of("anthropic", "messages", search=Search(allowed_domains=("sec.gov",)))

    web = {"type": "web_search", "filters": {"allowed_domains": ["sec.gov"]}}
    assert xai["tools"] == [web, {"type": "x_search", "from_date": "2026-11-01"}]
    assert openai["tools"] == [web]
    assert claude["tools"] == [
        {"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["sec.gov"]}
    ]


@pytest.mark.parametrize(
    ("provider", "api", "parameters"),
    [
        ("openai", "chat", {"search": Search()}),
        ("openai", "chat", {"context": 8_192}),
        ("openai", "responses", {"seed": 1}),
        ("openai", "responses", {"stop": ("END",)}),
        ("openai", "responses", {"search": Search(x=True)}),
        ("openai", "responses", {"search": Search(from_date="2026-11-01")}),
        ("xai", "responses", {"search": Search(web=False)}),
        ("deepseek", "responses", {"thinking": False}),
        ("anthropic", "messages", {"seed": 1}),
        ("anthropic", "messages", {"search": Search(x=True)}),
        ("ollama", "chat", {"search": Search()}),
    ],
)
def test_what_a_wire_cannot_say_is_refused_not_dropped(
    provider: str, api: Api, parameters: dict[str, Any]
) -> None:
    """A parameter is never lost on the way without a word."""
    with pytest.raises(BadParameter, match=f"{provider}/m"):
        body_of(provider, api, **parameters)


def test_ollama_gets_its_sampling_in_options() -> None:
    """A temperature at the top would be ignored, and a long prompt cut (providers.md 6.1)."""
    body = body_of(
        "ollama",
        "chat",
        temperature=0.0,
        seed=7,
        context=8_192,
        thinking=False,
        schema=SCHEMA,
    )

    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
        ],
        "stream": False,
        "truncate": False,
        "options": {"num_predict": 512, "num_ctx": 8_192, "temperature": 0.0, "seed": 7},
        "think": False,
        "format": DOCUMENT,
    }


def test_ollama_generate_takes_a_prompt() -> None:
    """The second of Ollama's APIs has no messages."""
    body = body_of("ollama", "generate", effort="high", stream=True)

    assert (body["prompt"], body["system"]) == ("Hi", "Be brief.")
    assert (body["think"], body["stream"]) == ("high", True)
    assert "messages" not in body


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", ""),
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("gpu-box:11434/", "http://gpu-box:11434"),
        ("http://gpu-box", "http://gpu-box:11434"),
        ("https://ollama.com", "https://ollama.com"),
        ("https://gate.example/ollama/", "https://gate.example/ollama"),
        ("[::1]:11434", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::]", "http://127.0.0.1:11434"),
    ],
)
def test_an_ollama_host_may_lack_scheme_and_port(text: str, address: str) -> None:
    """OLLAMA_HOST is written in many ways; an address to listen on is no address to call."""
    assert host_of(text) == address
