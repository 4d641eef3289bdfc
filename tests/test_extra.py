"""Any other parameter: into the body as it is, part of the name and of `sent`."""

import json
from typing import Any

import pytest

from llmlab import Lab
from llmlab.calls.identity import content_of
from llmlab.catalogue import Catalogue, Model
from llmlab.catalogue.parameters import check
from llmlab.design.options import extra_of
from llmlab.errors import BadParameter, LimitError
from llmlab.providers.registry import adapter_of
from llmlab.records import Api, HttpCall, Parameters, Prompt, Request
from tests.loopback import Came, Loopback, Said

WIRES: tuple[tuple[str, Api], ...] = (
    ("openai", "chat"),
    ("openai", "responses"),
    ("anthropic", "messages"),
    ("deepseek", "chat"),
    ("xai", "chat"),
    ("xai", "responses"),
    ("ollama", "chat"),
    ("ollama", "generate"),
)


def call_of(provider: str, api: Api, extra: dict[str, Any] | None) -> HttpCall:
    """Write a question with *extra*."""
    request = Request(
        provider=provider,
        model="m",
        prompt=Prompt(name="p", user="hello"),
        api=api,
        parameters=Parameters(extra=extra),
    )
    return adapter_of(provider, api).write(request, Model(provider=provider, id="m"), "http://x")


@pytest.mark.parametrize(("provider", "api"), WIRES)
def test_it_goes_into_every_body_as_it_is(provider: str, api: Api) -> None:
    """Beside what llmlab writes, and into `sent`."""
    extra = {"top_k": 5, "metadata": {"run": "a"}, "odd_thing": [None, True]}
    call, plain = call_of(provider, api, extra), call_of(provider, api, None)

    assert json.loads(call.body) == json.loads(plain.body) | extra
    assert {name: call.sent[name] for name in extra} == extra


def test_a_table_joins_one_of_its_name() -> None:
    """Ollama's options are a table already."""
    call = call_of("ollama", "chat", {"options": {"top_k": 5}})
    assert json.loads(call.body)["options"] == {"num_predict": 512, "top_k": 5}


def test_it_is_part_of_an_answers_name() -> None:
    """Another value is another question; the order of a table is none."""

    def name(extra: dict[str, Any] | None) -> str:
        request = Request(
            provider="openai",
            model="m",
            prompt=Prompt(name="p", user="x"),
            parameters=Parameters(extra=extra),
        )
        return content_of(request)

    assert len({name(None), name({"a": 1}), name({"a": 2}), name({"b": 1})}) == 4
    assert name({"a": 1, "b": 2}) == name({"b": 2, "a": 1})
    assert call_of("openai", "chat", {"a": 1}).asked != call_of("openai", "chat", {"a": 2}).asked


@pytest.mark.parametrize("name", ["openai/gpt-6-luna", "xai/grok-4.7", "ollama/qwen2.5:7b"])
def test_the_catalogue_need_not_know_it(name: str) -> None:
    """No model refuses it here; the provider may."""
    model = Catalogue.load(None).listed[name]
    asked = Parameters(extra={"a_field_of_tomorrow": 1})
    assert check(asked, model, model.apis[0]).parameters == asked


@pytest.mark.parametrize(
    ("extra", "fix"),
    [
        ({"max_tokens": 5}, "say max_tokens="),
        ({"options": {"num_predict": 5}}, "say max_tokens="),
        ({"stream": True}, "say stream=True"),
        ({"service_tier": "flex"}, "say tier="),
        ({"messages": []}, "write it into the prompt"),
        ({"n": 2}, "say repeats="),
    ],
)
def test_what_llmlab_writes_itself_is_refused_with_the_word_to_say(
    extra: dict[str, Any], fix: str
) -> None:
    """A limit, a bound or a way to read would not be what llmlab reckons with."""
    model = Catalogue.load(None).listed["openai/gpt-6-luna"]
    with pytest.raises(BadParameter, match=fix):
        check(Parameters(extra=extra), model, "chat", drop=True)


@pytest.mark.parametrize("wish", [3, [1], {"a": object()}, {"a": {1, 2, object()}}])
def test_what_is_no_json_is_refused(wish: object) -> None:
    """Before anything is sent."""
    with pytest.raises(BadParameter, match="extra"):
        extra_of(wish)


def test_a_field_that_buys_more_has_no_worst_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five choices cost five answers: a limit refuses them, and any other field goes."""
    choice = {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    body = {"id": "c", "model": "gpt-6-luna", "choices": [choice], "usage": usage}

    def reply(_came: Came) -> Said:
        return Said(body=json.dumps(body).encode())

    with Loopback(reply) as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        with Lab(book=":memory:", budget={"total": 1.0}) as lab:
            answer = lab.ask("hello", "gpt", extra={"verbosity": "low"})
            with pytest.raises(LimitError):
                lab.ask("hello", "gpt", extra={"best_of": 5})
        (came,) = server.log
    assert answer.sent["verbosity"] == json.loads(came.body)["verbosity"] == "low"
