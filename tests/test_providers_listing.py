"""The free endpoints: health, lists, counts, and what an Ollama server holds."""

import json
from datetime import date

import pytest

from llmlab.catalogue import Catalogue
from llmlab.errors import AuthFailed, BadParameter, Unreadable
from llmlab.providers.listing import (
    ListedModel,
    count_call,
    health_call,
    models_call,
    read_count,
    read_health,
    read_models,
)
from llmlab.providers.ollama.models import (
    ps_call,
    read_ps,
    read_show,
    read_tags,
    show_call,
    tags_call,
)
from llmlab.providers.registry import adapter_of
from llmlab.records import HttpReply, Prompt, Request

BASES = {name: profile.base_url for name, profile in Catalogue.load().providers.items()} | {
    "local": "http://127.0.0.1:8080/v1"
}


def reply(body: object, status: int = 200) -> HttpReply:
    """Return *body* as a reply."""
    return HttpReply(status=status, headers={}, body=json.dumps(body).encode())


def asked(provider: str) -> Request:
    """Return a request."""
    prompt = Prompt(name="p", user="Hi", system="Be brief.")
    return Request(provider=provider, model="m", prompt=prompt)


@pytest.mark.parametrize(
    ("provider", "url", "body", "said"),
    [
        ("openai", "https://api.openai.com/v1/models", {"data": [{"id": "a"}]}, "1 models"),
        (
            "anthropic",
            "https://api.anthropic.com/v1/models?limit=1000",
            {"data": []},
            "key accepted, 0 models",
        ),
        (
            "deepseek",
            "https://api.deepseek.com/user/balance",
            {"is_available": True, "balance_infos": []},
            "balance left",
        ),
        (
            "deepseek",
            "https://api.deepseek.com/user/balance",
            {"is_available": False},
            "no balance",
        ),
        (
            "xai",
            "https://api.x.ai/v1/api-key",
            {"api_key_blocked": False, "team_blocked": False, "team_id": "t-secret"},
            "key accepted",
        ),
        ("xai", "https://api.x.ai/v1/api-key", {"team_blocked": True}, "but blocked"),
        ("ollama", "http://127.0.0.1:11434/api/version", {"version": "0.33.0"}, "version 0.33.0"),
        ("local", "http://127.0.0.1:8080/v1/models", {"data": [{"id": "a"}]}, "1 models"),
    ],
)
def test_health_is_asked_for_free_and_told_in_words(
    provider: str, url: str, body: object, said: str
) -> None:
    """Each provider has one free question, and its answer names no account."""
    adapter = adapter_of(provider)

    call, found = health_call(adapter, BASES[provider]), read_health(reply(body), adapter)

    assert (call.method, call.url, call.body) == ("GET", url, b"")
    assert said in found
    assert "t-secret" not in found


def test_anthropic_lists_under_its_version() -> None:
    """Its free endpoints need the version header too."""
    assert "anthropic-version" in models_call(adapter_of("anthropic"), BASES["anthropic"]).headers


def test_a_bad_key_shows_in_the_health_check() -> None:
    """A 401 is an error, and so is a reply that is no list."""
    adapter = adapter_of("openai")

    for body, status, kind in (({}, 401, AuthFailed), ({}, 200, Unreadable)):
        with pytest.raises(kind):
            read_health(reply(body, status), adapter)
        with pytest.raises(kind):
            read_models(reply(body, status), adapter)


def test_a_list_tells_when_models_die() -> None:
    """OpenAI's `shutdown_date` and Anthropic's `retires_at` are dates, whatever else is said."""
    openai = {"data": [{"id": "a", "shutdown_date": "2026-12-11"}, {"id": "b"}, {"object": "?"}]}
    entry = {"id": "c", "retires_at": "2026-11-30T00:00:00Z", "max_input_tokens": 9}

    ours = read_models(reply(openai), adapter_of("openai"))
    theirs = read_models(reply({"data": [entry]}), adapter_of("anthropic"))
    odd = read_models(reply({"data": [{"id": "d", "shutdown_date": "soon"}]}), adapter_of("openai"))

    assert ours == (ListedModel(id="a", retires=date(2026, 12, 11)), ListedModel(id="b"))
    assert theirs == (ListedModel(id="c", retires=date(2026, 11, 30), context=9),)
    assert odd == (ListedModel(id="d"),)


def test_tokens_are_counted_where_the_provider_counts() -> None:
    """The counter gets the words and none of what bounds the output."""
    openai, anthropic = (
        count_call(asked("openai"), BASES["openai"]),
        count_call(asked("anthropic"), BASES["anthropic"]),
    )
    xai = count_call(asked("xai"), BASES["xai"])

    assert openai.url == "https://api.openai.com/v1/responses/input_tokens"
    assert json.loads(openai.body) == {
        "model": "m",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "Hi"}],
    }
    assert anthropic.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert "max_tokens" not in json.loads(anthropic.body)
    assert json.loads(xai.body) == {"model": "m", "text": "Be brief.\nHi"}
    for provider in ("deepseek", "ollama"):
        with pytest.raises(BadParameter, match="no token counter"):
            count_call(asked(provider), BASES[provider])


def test_a_count_is_read_in_either_form() -> None:
    """A number, or xAI's list of tokens; anything else is unreadable."""
    assert read_count(reply({"input_tokens": 7}), "openai") == 7
    assert read_count(reply({"token_ids": [{}, {}]}), "xai") == 2
    with pytest.raises(Unreadable):
        read_count(reply({"tokens": 7}), "openai")


def test_an_ollama_server_tells_what_it_holds() -> None:
    """Pulled models, what one can do, and the context that is really allocated."""
    details = {"parameter_size": "7.6B", "quantization_level": "Q4_K_M"}
    pulled = {"models": [{"name": "qwen2.5:7b", "size": 5, "digest": "d", "details": details}]}
    info = {"general.architecture": "qwen2", "qwen2.context_length": 32_768}
    shown = {"model_info": info, "details": details, "capabilities": ["completion", "tools"]}
    loaded = {"models": [{"name": "qwen2.5:7b", "context_length": 4_096, "size_vram": 3}]}

    tag, known = read_tags(reply(pulled))[0], read_show(reply(shown))

    assert (tag.name, tag.size, tag.quantization) == ("qwen2.5:7b", 5, "Q4_K_M")
    assert (known.context, known.capabilities) == (32_768, ("completion", "tools"))
    assert (read_ps(reply(loaded))[0].context, read_ps(reply({"models": []}))) == (4_096, ())
    assert tags_call("gpu-box").url == "http://gpu-box:11434/api/tags"
    assert ps_call("0.0.0.0").url == "http://127.0.0.1:11434/api/ps"  # noqa: S104 - read, never bound
    assert json.loads(show_call("qwen2.5:7b").body) == {"model": "qwen2.5:7b"}
