"""Gateways and servers of one's own: rows of data, tried on what real ones said."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.backends.backends import Backends
from llmlab.catalogue import Catalogue
from llmlab.errors import (
    AuthFailed,
    CallError,
    ConfigError,
    LimitError,
    ModelNotFound,
    OutOfCredit,
    UnknownModel,
    UsageError,
)
from llmlab.providers.adapter import Adapter, unlisted
from llmlab.providers.listing import models_call, read_health, read_models
from llmlab.providers.rate_headers import retry_after
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Api, HttpReply, Parameters, Prompt, Request
from llmlab.settings import Settings
from tests.loopback import Came, Loopback, Said
from tests.record_gateways import calls_of

RECORDED = Path(__file__).parent / "gateways"
KEY, SECOND = "hb-planted-000000000000", "gk-planted-111111111111"
ENV = {"HARBOUR_API_KEY": KEY, "GATE_KEY": SECOND, "LLMLAB_LOCAL_MODEL": "/nonexistent"}

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def _chat(text: str = "four", **usage: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": "gen-1",
            "model": "tug-1",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": USAGE | usage,
        }
    ).encode()


def _row(server: Loopback, **more: object) -> dict[str, Any]:
    home = {"speaks": "openai", "keys": ["HARBOUR_API_KEY"], "base_url": f"{server.url}/v1"}
    return {"harbour": home | more}


async def _asked(row: Mapping[str, Any], *, words: str = "2 + 2?", **settings: Any) -> Answer:
    """Return the answer of the model harbour/tug-1 through a lab with this row in its settings."""
    async with Lab(book=":memory:", env=ENV, config="/", providers=row, **settings) as lab:
        return await lab.ask_async(words, "harbour/tug-1")


async def test_a_row_names_its_headers_and_its_query() -> None:
    """The key goes into the header named, and nowhere else; a query stands behind every path."""
    with Loopback(lambda _: Said(body=_chat())) as server:
        row = _row(
            server,
            key_header="api-key",
            headers={"HTTP-Referer": "https://lab.example", "X-Gate": "Token ${GATE_KEY}"},
            query={"api-version": "2024-10-21"},
            dialect={"limit_name": "max_tokens"},
        )
        answer = await _asked(row)
        came = server.log[0]

    assert came.path == "/v1/chat/completions?api-version=2024-10-21"
    assert came.headers["api-key"] == KEY
    assert "authorization" not in came.headers
    assert came.headers["http-referer"] == "https://lab.example"
    assert came.headers["x-gate"] == f"Token {SECOND}"
    assert json.loads(came.body)["max_tokens"] == 512
    assert (answer.provider, answer.text) == ("harbour", "four")


async def test_the_model_may_stand_in_the_address() -> None:
    """As in Azure's older addresses, also where the user wrote the query into the address."""
    with Loopback(lambda _: Said(body=_chat())) as server:
        place = f"{server.url}/openai/deployments/{{model}}?api-version=2024-10-21"
        await _asked(_row(server, base_url=place))
        url = server.log[0].path

    assert url == "/openai/deployments/tug-1/chat/completions?api-version=2024-10-21"
    adapter = adapter_of("harbour", speaks="openai")
    listing = models_call(adapter, "https://x.example/openai/deployments/{model}?api-version=1")
    assert listing.url == "https://x.example/openai/models?api-version=1"


async def test_a_key_in_a_header_is_redacted_like_any_other() -> None:
    """A gateway that repeats what it was sent gives no key away: in no answer and no error."""
    with Loopback(lambda came: Said(body=_chat(f"you sent {came.headers['x-gate']}"))) as server:
        answer = await _asked(_row(server, headers={"X-Gate": "${GATE_KEY}"}))
        server._reply = lambda came: Said(body=came.headers["x-gate"].encode(), status=400)
        with pytest.raises(CallError) as refused:
            await _asked(_row(server, headers={"X-Gate": "${GATE_KEY}"}), words="again")

    assert SECOND not in str(answer)
    assert "[...]" in answer.text
    assert SECOND not in str(refused.value)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"headers": {"X-Api-Key": "k-123"}}, "a key does not belong in a file; write ${VARIABLE}"),
        ({"headers": {"X-Note": "Bearer abcdefgh"}}, "a key does not belong in a file"),
        ({"headers": {"Host": "elsewhere"}}, "no header that a row may set"),
        ({"key_header": "api key"}, "no header that a row may set"),
        ({"query": {"token": "x"}}, "a key in an address is logged"),
        ({"base_url": "https://x.example/${OPENAI_API_KEY}"}, "which an address must not hold"),
        ({"dialect": {"limit": "max_tokens"}}, "did you mean limit_name"),
        ({"speaks": "", "dialect": {"limit_name": "max_tokens"}}, "write speaks"),
    ],
)
def test_what_would_show_a_key_is_refused_when_it_is_read(row: dict[str, Any], why: str) -> None:
    """One line that names the entry and never the value."""
    home = {"speaks": "openai", "base_url": "https://x.example/v1", **row}

    with pytest.raises(ConfigError, match="harbour") as said:
        Catalogue.load(None, {"harbour": home})

    assert why in str(said.value)
    assert "k-123" not in str(said.value)
    assert "abcdefgh" not in str(said.value)


async def test_a_header_without_its_variable_is_an_error_before_anything_is_sent() -> None:
    """Nothing is sent in the place of a key that is not set."""
    with Loopback(lambda _: Said(body=_chat())) as server:
        with pytest.raises(ConfigError, match="the header X-Gate needs NO_SUCH_KEY"):
            await _asked(_row(server, headers={"X-Gate": "${NO_SUCH_KEY}"}))
        assert not server.log


OVERRIDE = {"harbour/tug-1": {"input": 2, "output": 10}}


@pytest.mark.parametrize(
    ("usage", "settings", "dialect", "cost", "billed", "basis"),
    [
        ({}, {"prices": OVERRIDE}, {}, "0.003", None, "override, harbour/tug-1"),
        ({"cost": 0.00011018}, {}, {}, "0.00011018", "0.00011018", "as harbour states it"),
        ({"cost": 0.0042, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.0008}},
         {}, {}, "0.0050", "0.0050", "as harbour states it"),
        ({"cost": 0.5, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.5}},
         {}, {}, "0.5", "0.5", "as harbour states it"),
        ({"cost": 0.001}, {"prices": OVERRIDE}, {}, "0.003", "0.001", "override, harbour/tug-1"),
        ({"cost": 0.001}, {}, {"states_cost": False}, None, None, ""),
        ({"cost": {"total": 1}}, {}, {}, None, None, ""),
        ({}, {}, {}, None, None, ""),
    ],
)  # fmt: skip
async def test_a_call_costs_what_its_price_or_its_gateway_says(
    usage: dict[str, Any], settings: dict[str, Any], dialect: dict[str, object],
    cost: str | None, billed: str | None, basis: str,
) -> None:  # fmt: skip
    """`usage.cost` is dollars as billed; one's own price wins; without either it is unknown."""
    with Loopback(lambda _: Said(body=_chat(**usage))) as server:
        answer = await _asked(_row(server, dialect=dialect), **settings)

    assert answer.cost == (None if cost is None else Decimal(cost))
    assert answer.billed == (None if billed is None else Decimal(billed))
    assert answer.price_basis == basis
    odd = [text for text in answer.warnings if "usage.cost" in text]
    assert bool(odd) == isinstance(usage.get("cost"), dict)


async def test_a_price_of_a_deployment_wins_over_the_models_own() -> None:
    """Azure answers with the model's name, whatever its deployment is called."""
    body = _chat().replace(b'"tug-1"', b'"gpt-4o-2024-11-20"')
    with Loopback(lambda _: Said(body=body)) as server:
        row = _row(server, priced_as="azure")
        listed = await _asked(row)
        own = await _asked(row, prices=OVERRIDE)

    assert listed.price_basis.startswith("genai-prices")
    assert listed.cost == Decimal("0.0035")
    assert (own.cost, own.price_basis) == (Decimal("0.003"), "override, harbour/tug-1")


def test_a_stream_states_its_cost_too() -> None:
    """OpenRouter's last chunk has the usage, with `cost` (its page on usage accounting)."""
    adapter, request = _of("openrouter"), _request("openrouter", "openai/gpt-5", stream=True)
    usage = USAGE | {"cost": 0.95, "cost_details": {"upstream_inference_cost": None}}
    chunks = [
        {"model": "openai/gpt-5", "choices": [{"index": 0, "delta": {"content": "four"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage},
    ]
    decoder = adapter.stream(request)
    decoder.feed(b": OPENROUTER PROCESSING\n\n")
    for chunk in chunks:
        decoder.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    decoder.feed(b"data: [DONE]\n\n")

    assert decoder.close().billed == Decimal("0.95")


async def test_a_limit_needs_a_price_and_counts_what_was_billed() -> None:
    """Without a price a limit is no bound: refused before it is sent, and the fix is named."""
    with Loopback(lambda _: Said(body=_chat(cost=0.25))) as server:
        row, limit = _row(server), {"run": 1.0}
        with pytest.raises(LimitError, match="price"):
            await _asked(row, budget=limit)
        assert not server.log
        async with Lab(
            book=":memory:", env=ENV, config="/", providers=row, budget={"day": 1.0},
            prices={"harbour/tug-1": {"input": 1, "output": 1}},
        ) as lab:  # fmt: skip
            await lab.ask_async("2 + 2?", "harbour/tug-1")
            spent = lab.spend()

    assert spent["cost_usd"].sum() == 0.25


def test_a_price_of_an_unknown_provider_names_the_nearest() -> None:
    """Gateways are among the names that a price may have."""
    from llmlab.pricing import Prices

    sellers = {"openrouter": "openrouter", "harbour": ""}
    Prices({"harbour/tug-1": {"input": 1, "output": 1}}, sellers=sellers)
    with pytest.raises(ConfigError, match="did you mean harbour"):
        Prices({"harbor/tug-1": {"input": 1, "output": 1}}, sellers=sellers)


def _of(provider: str, api: Api | None = None) -> Adapter:
    home = Catalogue.load().providers[provider]
    return adapter_of(provider, api, speaks=home.speaks, dialect=home.dialect)


def _request(provider: str, model: str, api: Api = "chat", **more: Any) -> Request:
    stream = bool(more.pop("stream", False))
    prompt, asked = Prompt(name="p", user="2 + 2?"), Parameters(**more)
    return Request(
        provider=provider, model=model, prompt=prompt, api=api, stream=stream, parameters=asked
    )


SET = {
    "OPENROUTER_API_KEY": "sk-or-v1-planted0000000000000000",
    "AZURE_OPENAI_API_KEY": "planted-azure-000000",
    "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/",
    "AWS_BEARER_TOKEN_BEDROCK": "planted-aws-00000000",
    "AWS_REGION": "us-west-2",
    "GEMINI_API_KEY": "planted-gemini-00000",
    "VERTEX_ACCESS_TOKEN": "planted-vertex-00000",
    "GOOGLE_CLOUD_PROJECT": "lab",
    "GOOGLE_CLOUD_LOCATION": "europe-west4",
    "GROQ_API_KEY": "gsk_planted0000000000000000",
    "MISTRAL_API_KEY": "planted-mistral-0000",
    "TOGETHER_API_KEY": "planted-together-000",
    "LITELLM_API_KEY": "planted-litellm-0000",
    "VLLM_API_KEY": "planted-vllm-0000000",
    "LLAMA_API_KEY": "planted-llama-000000",
    "LM_API_TOKEN": "planted-lmstudio-000",
}
BEARER = "authorization"
VERTEX = (
    "https://europe-west4-aiplatform.googleapis.com/v1/projects/lab/locations/europe-west4/"
    "endpoints/openapi/chat/completions"
)
AZURE = "https://res.openai.azure.com/openai"
ROWS = [
    ("openrouter", "https://openrouter.ai/api/v1/chat/completions", BEARER, "max_tokens"),
    ("azure", f"{AZURE}/v1/chat/completions", "api-key", "max_completion_tokens"),
    ("azure-deployments", f"{AZURE}/deployments/m%2F1/chat/completions?api-version=2024-10-21",
     "api-key", "max_completion_tokens"),
    ("bedrock", "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1/chat/completions",
     BEARER, "max_completion_tokens"),
    ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", BEARER,
     "max_tokens"),
    ("vertex", VERTEX, BEARER, "max_tokens"),
    ("groq", "https://api.groq.com/openai/v1/chat/completions", BEARER, "max_completion_tokens"),
    ("mistral", "https://api.mistral.ai/v1/chat/completions", BEARER, "max_tokens"),
    ("together", "https://api.together.ai/v1/chat/completions", BEARER, "max_tokens"),
    ("litellm", "http://127.0.0.1:4000/v1/chat/completions", BEARER, "max_tokens"),
    ("vllm", "http://127.0.0.1:8000/v1/chat/completions", BEARER, "max_tokens"),
    ("llamacpp", "http://127.0.0.1:8080/v1/chat/completions", BEARER, "max_tokens"),
    ("lmstudio", "http://127.0.0.1:1234/v1/chat/completions", BEARER, "max_tokens"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "url", "header", "limit"), ROWS)
async def test_a_ready_row_works_once_its_variables_are_set(
    provider: str, url: str, header: str, limit: str
) -> None:
    """Address, header of the key and name of the output limit, as each provider's page has them."""
    catalogue = Catalogue.load()
    backends = Backends(catalogue=catalogue, settings=Settings(), env=SET)
    endpoint = await backends.endpoint(provider)
    request = _request(provider, "m/1")
    call = _of(provider).write(request, catalogue.find(f"{provider}/m/1"), endpoint.base_url)
    sent = endpoint.headers[call.auth]

    assert call.url == url
    assert list(sent) == [header]
    assert sent[header].endswith(
        next(SET[k] for k in catalogue.providers[provider].keys if k in SET)
    )
    assert json.loads(call.body)[limit] == 512
    assert "planted" not in f"{call}{endpoint}"


def test_every_ready_row_is_in_the_table_above() -> None:
    """A new row needs its line here."""
    ready = {name for name, home in Catalogue.load().providers.items() if home.preset}

    assert ready == {row[0] for row in ROWS}


async def test_what_a_ready_row_lacks_is_named() -> None:
    """No stand-in plays a gateway's models, so the line names the variable to set."""
    env = {"AZURE_OPENAI_API_KEY": "planted-azure-000000"}
    backends = Backends(catalogue=Catalogue.load(), settings=Settings(), env=env)

    with pytest.raises(UsageError, match="azure cannot be asked: set AZURE_OPENAI_ENDPOINT"):
        await backends.endpoint("azure")
    with pytest.raises(UsageError, match="openrouter cannot be asked: set OPENROUTER_API_KEY"):
        await backends.endpoint("openrouter")
    assert set(backends.named()) & {"azure", "groq", "vllm"} == {"azure"}


async def test_each_host_of_a_gateway_answers_for_itself() -> None:
    """Two resources are two identities: an answer of one is never taken for the other's."""
    there = SET | {"AZURE_OPENAI_ENDPOINT": "https://other.openai.azure.com"}
    both = [
        await Backends(catalogue=Catalogue.load(), settings=Settings(), env=env).endpoint("azure")
        for env in (SET, there)
    ]

    assert both[0].identity != both[1].identity


@pytest.mark.parametrize(
    ("provider", "asked", "body"),
    [
        # openrouter.ai/docs, Reasoning tokens: reasoning.effort, `none` switches it off.
        ("openrouter", {"effort": "low"}, {"reasoning": {"effort": "low"}}),
        ("vllm", {"thinking": False}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("groq", {"effort": "low"}, {"reasoning_effort": "low"}),
        ("mistral", {"stream": True}, {"stream": True}),
        ("groq", {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    ],
)
def test_a_dialect_says_it_in_the_gateways_words(
    provider: str, asked: dict[str, Any], body: dict[str, object]
) -> None:
    """Mistral refuses fields it does not know, OpenRouter has its own for reasoning."""
    request = _request(provider, "m", **asked)
    model = Catalogue.load().find(f"{provider}/m")
    written = json.loads(_of(provider).write(request, model, "https://x.example/v1").body)
    base = {"model", "messages", "max_tokens", "max_completion_tokens"}

    assert {name: value for name, value in written.items() if name not in base} == body


# Whole replies as the providers' pages or public recordings have them, with their oddities.
DOCUMENTED: list[tuple[str, dict[str, Any], tuple[str, int, int, int | None, str]]] = [
    # Public recordings of OpenRouter, March 2026: usage with cost_details and is_byok.
    ("openrouter", {"choices": [{"message": {"content": "4"}, "finish_reason": "stop",
      "native_finish_reason": "STOP", "index": 0}], "provider": "Parasail", "usage":
      {"prompt_tokens": 2340, "completion_tokens": 202, "total_tokens": 2542, "cost": 0.00011018,
       "is_byok": False, "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0,
       "audio_tokens": 0}, "cost_details": {"upstream_inference_cost": 0.00011018},
       "completion_tokens_details": {"reasoning_tokens": 0}}}, ("4", 2340, 202, 0, "stop")),
    # Azure OpenAI reference 2024-10-21: content filter results beside each choice.
    ("azure", {"choices": [{"message": {"content": "4"}, "finish_reason": "stop", "index": 0,
      "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}],
      "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
      "usage": USAGE | {"prompt_tokens_details": {"cached_tokens": 512}}},
     ("4", 1000, 100, 512, "stop")),
    # Gemini: the total has the thinking, which no other count has.
    ("gemini", {"model": "gemini-2.5-flash", "choices": [{"message": {"content": "4"},
      "finish_reason": "stop", "index": 0}], "usage": {"prompt_tokens": 10,
      "completion_tokens": 1, "total_tokens": 31}}, ("4", 10, 21, None, "stop")),
    # Groq: x_groq and times beside the counts.
    ("groq", {"choices": [{"message": {"content": "4", "reasoning": "sum"}, "index": 0,
      "finish_reason": "stop"}], "x_groq": {"id": "req_1"}, "usage": USAGE | {"queue_time": 0.1,
      "total_time": 0.3}}, ("4", 1000, 100, None, "stop")),
    # Mistral: content in parts, `model_length` for a full window.
    ("mistral", {"choices": [{"message": {"content": [{"type": "thinking", "thinking":
      [{"type": "text", "text": "sum"}]}, {"type": "text", "text": "4"}]},
      "finish_reason": "model_length", "index": 0}], "usage": USAGE},
     ("4", 1000, 100, None, "other")),
    ("together", {"choices": [{"message": {"content": "4", "tool_calls": []}, "seed": 1,
      "finish_reason": "eos", "logprobs": None}], "prompt": [], "usage": USAGE},
     ("4", 1000, 100, None, "stop")),
    # vllm-project/vllm 002032e, entrypoints/openai/chat_completion/protocol.py: what it adds.
    ("vllm", {"choices": [{"message": {"content": "4", "reasoning": None,
      "tool_calls": [], "refusal": None, "annotations": None}, "finish_reason": "stop",
      "stop_reason": None, "token_ids": None, "routed_experts": None, "index": 0}],
      "prompt_logprobs": None, "prompt_token_ids": None, "prompt_text": None, "metrics": None,
      "kv_transfer_params": None, "usage": USAGE | {"prompt_tokens_details": None}},
     ("4", 1000, 100, None, "stop")),
    # AWS, Bedrock: reasoning within tags is the model's own text; counts as OpenAI's.
    ("bedrock", {"choices": [{"message": {"content": "4", "refusal": None}, "index": 0,
      "finish_reason": "stop"}], "service_tier": "default", "usage": USAGE},
     ("4", 1000, 100, None, "stop")),
    ("vertex", {"model": "google/gemini-2.5-flash", "choices": [{"message": {"content": "4",
      "role": "assistant"}, "finish_reason": "length", "index": 0, "logprobs": None}],
      "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11,
      "extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}},
     ("4", 10, 1, None, "length")),
    # LM Studio adds a `stats` table.
    ("lmstudio", {"choices": [{"message": {"content": "4"}, "finish_reason": "stop", "index": 0,
      "logprobs": None}], "stats": {}, "usage": USAGE}, ("4", 1000, 100, None, "stop")),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "body", "said"), DOCUMENTED)
def test_the_documented_replies_are_read(
    provider: str, body: dict[str, Any], said: tuple[str, int, int, int | None, str]
) -> None:
    """Text, counts and the reason it ended; what stands beside them does no harm."""
    reply = HttpReply(status=200, headers={}, body=json.dumps({"model": "m"} | body).encode())
    answer = _of(provider).read(reply, _request(provider, "m"))
    usage = answer.usage

    assert (answer.text, usage.input, usage.output, usage.cached, answer.finish) == said
    assert answer.provider == provider


@pytest.mark.parametrize(
    ("provider", "status", "body", "kind"),
    [
        ("openrouter", 402, {"error": {"code": 402, "message": "Insufficient credits"}},
         OutOfCredit),
        ("openrouter", 400, {"error": {"code": 400, "message": "x/y is not a valid model ID"}},
         ModelNotFound),
        ("azure", 404, {"error": {"code": "DeploymentNotFound", "message":
         "The API deployment for this resource does not exist."}}, ModelNotFound),
        ("azure", 401, {"error": {"code": "401", "message": "Access denied"}}, AuthFailed),
        ("gemini", 404, [{"error": {"code": 404, "message": "models/x is not found",
         "status": "NOT_FOUND"}}], ModelNotFound),
        ("mistral", 400, {"object": "error", "message": "Invalid model: x", "type":
         "invalid_model", "code": "1500"}, ModelNotFound),
        ("vllm", 404, {"error": {"message": "The model `x` does not exist.", "type":
         "NotFoundError", "code": 404}}, ModelNotFound),
        ("litellm", 400, {"error": {"message": "Budget has been exceeded!", "type":
         "budget_exceeded", "code": "400"}}, OutOfCredit),
    ],
)  # fmt: skip
def test_the_gateways_refusals_mean_what_they_say(
    provider: str, status: int, body: object, kind: type[CallError]
) -> None:
    """A wrong key ends a run, a wrong model is named: each has its own words for both."""
    reply = HttpReply(status=status, headers={}, body=json.dumps(body).encode())

    with pytest.raises(kind) as said:
        _of(provider).read(reply, _request(provider, "m"))
    assert str(said.value).startswith(f"{provider}: {status} ")


def _recorded() -> list[tuple[str, str]]:
    files = [json.loads(path.read_text(encoding="utf-8")) for path in RECORDED.glob("*.json")]
    return [(each["gateway"], name) for each in files for name in each["exchanges"]]


def _exchange(gateway: str, name: str) -> tuple[dict[str, Any], HttpReply]:
    text = (RECORDED / f"{gateway}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)["exchanges"][name]
    body = found["body"].encode()
    return found["request"], HttpReply(status=found["status"], headers=found["headers"], body=body)


REFUSED = {
    ("litellm", "chat_unknown_model"): ModelNotFound,
    ("litellm", "chat_wrong_key"): AuthFailed,
    ("llamacpp", "chat_wrong_key"): AuthFailed,
}


@pytest.mark.parametrize(("gateway", "name"), _recorded())
def test_what_real_gateways_said_is_read(gateway: str, name: str) -> None:
    """LiteLLM's proxy and llama.cpp's server, recorded by `record_gateways.py`."""
    asked, reply = _exchange(gateway, name)
    if name == "models":
        assert {"luna", "smollm2-135m-instruct-q4_1"} & {
            m.id for m in read_models(reply, _of(gateway))
        }
        return
    api: Api = {"responses": "responses", "messages": "messages"}.get(  # type: ignore[assignment]
        name.split("_", maxsplit=1)[0], "chat"
    )
    request = _request(gateway, asked["body"]["model"], api, stream=name.endswith("stream"))
    adapter = _of(gateway, api)
    kind = REFUSED.get((gateway, name))
    if kind is not None:
        with pytest.raises(kind):
            adapter.read(reply, request)
        return
    if request.stream:
        decoder = adapter.stream(request, reply.headers)
        for at in range(0, len(reply.body), 97):
            decoder.feed(reply.body[at : at + 97])
        answer = decoder.close()
    else:
        answer = adapter.read(reply, request)

    assert answer.text
    assert answer.usage.input
    assert answer.usage.output
    assert answer.finish in {"stop", "length"}
    assert not answer.warnings


@pytest.mark.parametrize(("gateway", "name"), _recorded())
def test_what_was_recorded_is_what_llmlab_writes(gateway: str, name: str) -> None:
    """The recordings are answers to llmlab's own requests, as it writes them today."""
    asked, _ = _exchange(gateway, name)
    if name == "models":
        return
    model = "luna" if gateway == "litellm" else "smollm2-135m-instruct-q4_1"
    made = calls_of(gateway, model, "claude" if gateway == "litellm" else "")
    call = made["chat" if name == "chat_wrong_key" else name]
    assert json.loads(call.body) == asked["body"]
    assert urlsplit(call.url).path == asked["path"]


@pytest.mark.parametrize(
    ("provider", "body", "ids"),
    [
        ("openrouter", {"data": [{"id": "a/b", "context_length": 8192, "top_provider": {}}]},
         [("a/b", 8192)]),
        ("together", [{"id": "a/b", "type": "chat", "context_length": 4096, "max_tokens": None}],
         [("a/b", 4096)]),
        ("groq", {"data": [{"id": "a", "context_window": 131072,
         "max_completion_tokens": 8192}]}, [("a", 131072)]),
        ("mistral", {"data": [{"id": "a", "max_context_length": 32768}]}, [("a", 32768)]),
        ("vllm", {"data": [{"id": "a", "max_model_len": 2048}]}, [("a", 2048)]),
        ("gemini", {"data": [{"id": "models/gemini-2.5-flash"}]},
         [("models/gemini-2.5-flash", None)]),
    ],
)  # fmt: skip
def test_each_list_of_models_is_read(
    provider: str, body: object, ids: list[tuple[str, int | None]]
) -> None:
    """Names and windows, whatever the gateway calls the window."""
    reply = HttpReply(status=200, headers={}, body=json.dumps(body).encode())
    listed = read_models(reply, _of(provider))

    assert [(each.id, each.context) for each in listed] == ids
    assert read_health(reply, _of(provider)).endswith("1 models")


def test_openrouters_key_is_checked_where_a_key_is_needed() -> None:
    """Its list of models is public, so it says nothing about the key."""
    adapter = _of("openrouter")
    body = {"data": {"label": "sk-or-v1-abc...def", "limit_remaining": 74.5, "usage": 25.5}}
    reply = HttpReply(status=200, headers={}, body=json.dumps(body).encode())

    assert adapter.profile.health == "/key"
    assert read_health(reply, adapter) == "key accepted"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        # openrouter.ai/docs, Limits: a moment in milliseconds.
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795868400000"}, 100.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, 30.0),
        # console.groq.com/docs, Rate limits: Go durations.
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"retry-after-ms": "1500"}, 1.5),  # Azure
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "1795868400000"}, None),
    ],
)
def test_a_gateways_rate_headers_say_how_long_to_wait(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds, durations and moments."""
    assert retry_after(headers, now=1_795_868_300.0) == pytest.approx(seconds)


def _project(folder: Path, url: str) -> None:
    (folder / "llmlab.toml").write_text(
        f'[providers.harbour]\nspeaks = "openai"\nkeys = ["HARBOUR_API_KEY"]\nbase_url = "{url}"\n'
        'headers = { X-Gate = "${GATE_KEY}" }\n'
    )


async def test_a_projects_row_waits_for_the_users_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable that would be sent, a header's too, is named with the host that gets it."""
    monkeypatch.setenv("LLMLAB_TRUST_FILE", str(tmp_path / "trust.json"))
    monkeypatch.chdir(tmp_path)
    from llmlab.cli import main

    with Loopback(lambda _: Said(body=_chat())) as server:
        _project(tmp_path, f"{server.url}/v1")
        with pytest.raises(ConfigError) as said:
            Lab(book=":memory:", env=ENV, config=tmp_path)
        assert not server.log
        assert main(["trust"]) == 0
        async with Lab(book=":memory:", env=ENV, config=tmp_path) as lab:
            await lab.ask_async("2 + 2?", "harbour/tug-1")
        text = (tmp_path / "llmlab.toml").read_text()
        (tmp_path / "llmlab.toml").write_text(text.replace("X-Gate", "X-Other"))
        with pytest.raises(ConfigError, match="llmlab trust"):
            Lab(book=":memory:", env=ENV, config=tmp_path)

    line = str(said.value)
    assert f"llmlab.toml would send HARBOUR_API_KEY, GATE_KEY and prompts to {server.url}" in line
    assert "planted" not in line


async def test_a_gateway_has_its_own_breaker_and_no_batches() -> None:
    """A run by batch goes call by call, which a line says; one gateway down holds up no other."""

    def reply(came: Came) -> Said:
        down = json.loads(came.body)["model"] == "down"
        return Said(body=b"{}", status=503) if down else Said(body=_chat())

    with Loopback(reply) as server:
        rows = _row(server) | {"pier": _row(server)["harbour"]}
        async with Lab(
            book=":memory:", env=ENV, config="/", providers=rows, attempts=1, unpriced=True
        ) as lab:
            run = await lab.abtest_async(
                {"p": "What is {{ n }}?"}, ["harbour/down", "pier/tug-1"],
                on=pd.DataFrame({"n": range(12)}), quiet=True, batch=True,
            )  # fmt: skip
            gates = {state.provider for state in lab.gates()}

    frame = run.rows
    answered = list(frame["provider"][frame["error"].isna()])
    assert answered == ["pier"] * 12
    assert gates == {"harbour", "pier"}
    assert "No batches at harbour, pier: what it was asked went call by call." in run.notes


async def test_rows_of_a_gateway_are_priced_again_like_any_other() -> None:
    """`reprice` knows the sellers of the ready rows without a lab."""
    with Loopback(
        lambda _: Said(body=_chat(cost=0.5).replace(b"tug-1", b"openai/gpt-5"))
    ) as server:
        env = {"OPENROUTER_API_KEY": "sk-or-v1-planted0000000000000000"}
        urls = {"openrouter": f"{server.url}/v1"}
        async with Lab(book=":memory:", env=env, config="/", base_urls=urls) as lab:
            run = await lab.abtest_async({"p": "2 + 2?"}, "openrouter/openai/gpt-5", quiet=True)

    assert run.rows["cost_usd"].tolist() == [0.5]
    assert run.reprice().rows["cost_usd"].tolist() == pytest.approx([0.00225])


def test_a_misspelt_gateway_is_named() -> None:
    """No list of models could help: the gateway's are not known here."""
    with pytest.raises(UnknownModel, match="no provider is called 'openroutr'; did you mean openr"):
        Catalogue.load().find("openroutr/anthropic/claude-sonnet-5")


async def test_a_row_without_keys_has_its_own_header() -> None:
    """Where nothing but a header identifies the caller, no key is waited for."""
    with Loopback(lambda _: Said(body=_chat())) as server:
        row = _row(server, headers={"Authorization": "Token ${GATE_KEY}"}, keys=[])
        answer = await _asked(row)
        came = server.log[0].headers["authorization"]

    assert (answer.backend, came) == ("live", f"Token {SECOND}")


def test_the_greeting_promises_no_stand_in_for_a_gateway() -> None:
    """A line-up with a gateway says what is missing."""
    from llmlab.backends.greeting import greeting

    catalogue = Catalogue.load().with_lineup("mine", ["openrouter/a/b", "vllm/c", "groq/d"])
    told = greeting(catalogue, Settings(models="mine"), {"GROQ_API_KEY": "gsk_planted"})

    assert "live: groq" in told
    assert "no key: openrouter" in told
    assert "live if a server answers: vllm" in told
    assert "stand-in" not in told


async def test_a_recorded_gateway_is_replayed_without_its_keys(tmp_path: Path) -> None:
    """Nothing is sent, no variable is read, and the tape holds neither key."""
    asked: dict[str, Any] = {
        "prompts": {"p": "2 + {{ n }}?"},
        "models": ["harbour/tug-1"],
        "quiet": True,
    }
    on, tape = pd.DataFrame({"n": range(3)}), tmp_path / "tape.jsonl"
    with Loopback(lambda _: Said(body=_chat(cost=0.25))) as server:
        rows = _row(server, headers={"X-Gate": "${GATE_KEY}"})
        async with Lab(
            book=":memory:", env=ENV, config="/", providers=rows, mode="record", tape=tape
        ) as lab:
            await lab.abtest_async(on=on, name="r", **asked)
        sent = len(server.log)
        async with Lab(
            book=":memory:", env={}, config="/", providers=rows, mode="replay", tape=tape
        ) as lab:
            run = await lab.abtest_async(on=on, name="r", **asked)
        assert len(server.log) == sent == 3

    assert run.rows["cost_usd"].tolist() == [0.25] * 3
    assert KEY not in tape.read_text()
    assert SECOND not in tape.read_text()


def test_a_projects_catalogue_reads_no_foreign_variable_into_a_header(tmp_path: Path) -> None:
    """Also where the user named the catalogue: its content is still the project's."""
    (tmp_path / "llmlab.toml").write_text("deadline = 30\n")
    (tmp_path / "mine.toml").write_text(
        '[providers.harbour]\nspeaks = "openai"\nkeys = ["OPENAI_API_KEY"]\n'
        'base_url = "https://harbour.example/v1"\nheaders = { X-Gate = "${GITHUB_TOKEN}" }\n'
    )

    with pytest.raises(ConfigError, match="would send OPENAI_API_KEY, GITHUB_TOKEN and prompts"):
        Lab(book=":memory:", env=ENV, config=tmp_path, catalogue=tmp_path / "mine.toml")


@pytest.mark.parametrize(("provider", "api", "path"), [
    ("openai", "chat", "chat/completions"), ("openai", "responses", "responses"),
    ("anthropic", "messages", "v1/messages"),
])  # fmt: skip
@pytest.mark.parametrize("tier", [None, "auto"])
def test_a_query_comes_after_the_path(provider: str, api: Any, path: str, tier: Any) -> None:
    """Also of a question that is held at the standard tier."""
    request = Request(
        provider=provider, model="m", prompt=Prompt(name="p", user="x"), api=api,
        parameters=Parameters(tier=tier),
    )  # fmt: skip
    call = adapter_of(provider, api).write(request, unlisted(request), "https://h/p?v=1")

    assert call.url == f"https://h/p/{path}?v=1"
