"""Log-probabilities: asked for and read on every wire, and scored as the chance of a label."""

import itertools
import json
import math
from typing import Any

import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from llmlab.calls.identity import pack, recall
from llmlab.design.options import parameters_of
from llmlab.errors import BadParameter, CallError
from llmlab.providers.registry import adapter_of
from llmlab.records import (
    Answer,
    Api,
    HttpReply,
    Parameters,
    Prompt,
    Request,
    TokenLogprob,
)
from llmlab.sim import Simulator
from tests.labs import lab_for
from tests.test_agreement import _openai
from tests.test_tool_calls import chat, message, ollama_body, response, sse
from tests.test_tools import Json, body_of

# --- asked for ----------------------------------------------------------------------------


def test_true_asks_for_the_answers_own_tokens() -> None:
    """A number asks for that many likeliest ones beside; False and None ask for nothing."""
    wishes = [True, False, None, 5, 5.0]

    assert [parameters_of({"logprobs": each}).logprobs for each in wishes] == [0, None, None, 5, 5]


CHAT = {"logprobs": True, "top_logprobs": 5}
LOGPROBS: list[tuple[str, Api, Json]] = [
    ("openai", "chat", CHAT),
    ("deepseek", "chat", CHAT),
    ("xai", "chat", CHAT),
    ("ollama", "chat", CHAT),
    ("ollama", "generate", CHAT),
    ("openai", "responses", {"include": ["message.output_text.logprobs"], "top_logprobs": 5}),
]


@pytest.mark.parametrize(("provider", "api", "fields"), LOGPROBS)
def test_each_wire_asks_in_its_own_words(provider: str, api: Api, fields: Json) -> None:
    """And adds nothing where nothing is asked."""
    plain = body_of(provider, api)

    assert body_of(provider, api, logprobs=5) == plain | fields
    assert body_of(provider, api, logprobs=0) == plain | fields | {"top_logprobs": 0}
    assert not set(fields) & set(plain)


PENALTIES = {"presence_penalty": 0.5, "frequency_penalty": -1.0}
OTHERS: list[tuple[str, Api, Json, Json]] = [
    ("openai", "chat", {**PENALTIES, "verbosity": "low"}, {**PENALTIES, "verbosity": "low"}),
    ("openai", "responses", {"verbosity": "low"}, {"text": {"verbosity": "low"}}),
    ("deepseek", "chat", PENALTIES, PENALTIES),
    ("anthropic", "messages", {"top_k": 40}, {"top_k": 40}),
    ("ollama", "chat", {**PENALTIES, "top_k": 40},
     {"options": {"num_predict": 512, "top_k": 40, **PENALTIES}}),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "api", "given", "fields"), OTHERS)
def test_top_k_penalties_and_verbosity_are_sent(
    provider: str, api: Api, given: Json, fields: Json
) -> None:
    """Each under the provider's own name."""
    assert body_of(provider, api, **given) == body_of(provider, api) | fields


REFUSED: list[tuple[str, Api, Json]] = [
    ("openai", "chat", {"top_k": 5}),
    ("openai", "responses", {"presence_penalty": 1}),
    ("anthropic", "messages", {"logprobs": 1}),
    ("anthropic", "messages", {"frequency_penalty": 1}),
    ("anthropic", "messages", {"verbosity": "low"}),
    ("ollama", "chat", {"verbosity": "low"}),
]


@pytest.mark.parametrize(("provider", "api", "given"), REFUSED)
def test_what_a_wire_cannot_say_is_refused(provider: str, api: Api, given: Json) -> None:
    """Also for a model that the catalogue knows nothing about."""
    with pytest.raises(BadParameter):
        body_of(provider, api, **given)


# --- read ---------------------------------------------------------------------------------


def weight(token: str, chance: float, **others: float) -> Json:
    """Return a token as OpenAI and Ollama have it."""

    def one(word: str, p: float) -> Json:
        return {"token": word, "logprob": math.log(p), "bytes": list(word.encode())}

    tops = [one(token, chance), *(one(word, p) for word, p in others.items())]
    return {**one(token, chance), "top_logprobs": tops}


FOUND = [weight("neg", 0.7, pos=0.2), weight("ative", 0.9, ligible=0.1)]
TOKENS = tuple(
    TokenLogprob(
        token=each["token"],
        logprob=each["logprob"],
        top=tuple((top["token"], top["logprob"]) for top in each["top_logprobs"]),
    )
    for each in FOUND
)
TEXT = "negative"


def said(found: Any = FOUND) -> Json:
    """Return a message of Responses."""
    part = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": found}
    return {"id": "m", "type": "message", "role": "assistant", "status": "completed",
            "content": [part]}  # fmt: skip


def completion(found: Any = FOUND) -> Json:
    """Return a chat completion."""
    body = chat(content=TEXT, finish="stop")
    body["choices"][0]["logprobs"] = {"content": found, "refusal": None}
    return body


def asked(provider: str, api: Api) -> Request:
    """Return a question that asks for them."""
    return Request(
        provider=provider,
        model="m",
        prompt=Prompt(name="p", user="Hi"),
        parameters=Parameters(logprobs=2),
        api=api,
    )


def read(provider: str, api: Api, body: Json) -> Answer:
    """Read a whole reply."""
    reply = HttpReply(status=200, headers={}, body=json.dumps(body).encode())
    return adapter_of(provider, api).read(reply, asked(provider, api))


SPOKEN = {"model": "m", "message": {"role": "assistant", "content": TEXT}, "logprobs": FOUND,
          "done": True}  # fmt: skip
GENERATED = {"model": "m", "response": TEXT, "logprobs": FOUND, "done": True}
WHOLE: list[tuple[str, Api, Json]] = [
    ("openai", "chat", completion()),
    ("deepseek", "chat", completion()),
    ("xai", "chat", completion()),
    ("openai", "responses", response(said())),
    ("ollama", "chat", SPOKEN),
    ("ollama", "generate", GENERATED),
]


@pytest.mark.parametrize(("provider", "api", "body"), WHOLE)
def test_a_whole_reply_has_its_tokens(provider: str, api: Api, body: Json) -> None:
    """With the likeliest tokens at each place, and no warning."""
    answer = read(provider, api, body)

    assert answer.logprobs == TOKENS
    assert not [each for each in answer.warnings if "logprob" in each]


def test_the_sdks_read_the_same_tokens() -> None:
    """Openai and ollama read the same bytes."""
    chatted = ChatCompletion.model_validate(completion()).choices[0].logprobs
    spoken = Response.model_validate(response(said())).output[0]
    local = ollama.ChatResponse.model_validate(SPOKEN).logprobs or []
    assert chatted is not None
    assert spoken.type == "message"
    assert spoken.content[0].type == "output_text"

    for found in (chatted.content or [], spoken.content[0].logprobs or [], local):
        assert [(each.token, each.logprob) for each in found] == [
            (each.token, each.logprob) for each in TOKENS
        ]
        assert [
            [(top.token, top.logprob) for top in each.top_logprobs or []] for each in found
        ] == [list(each.top) for each in TOKENS]


def piece(text: str, found: Any, finish: str | None = None) -> Json:
    """Return a chunk with its tokens."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish,
              "logprobs": {"content": found, "refusal": None}}  # fmt: skip
    return {"model": "m", "choices": [choice]}


USED = {"model": "m", "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}  # fmt: skip
DELTAS = [{"type": "response.output_text.delta", "delta": text, "logprobs": [found]}
          for text, found in zip(("neg", "ative"), FOUND, strict=True)]  # fmt: skip
STREAMS: dict[str, tuple[str, Api, bytes]] = {
    "chat": ("openai", "chat",
             sse(piece("neg", FOUND[:1]), piece("ative", FOUND[1:], "stop"), USED, "[DONE]")),
    "responses": ("openai", "responses",
                  sse(*DELTAS, {"type": "response.completed", "response": response(said())})),
    "responses, the last event without them": (
        "openai", "responses",
        sse(*DELTAS, {"type": "response.completed", "response": response(said([]))})),
    "ollama": ("ollama", "chat", b"".join(json.dumps(each).encode() + b"\n" for each in (
        {**SPOKEN, "message": {"content": "neg"}, "logprobs": FOUND[:1], "done": False},
        {**SPOKEN, "message": {"content": "ative"}, "logprobs": FOUND[1:]}))),
}  # fmt: skip


@pytest.mark.parametrize("kind", STREAMS)
@settings(max_examples=20)
@given(data=st.data())
def test_any_cut_of_a_stream_gives_the_same_tokens(kind: str, data: st.DataObject) -> None:
    """Tokens come in pieces as the words do, and once."""
    provider, api, sent = STREAMS[kind]
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=9))), len(sent)]
    decoder = adapter_of(provider, api).stream(asked(provider, api))

    for start, end in itertools.pairwise(cuts):
        decoder.feed(sent[start:end])
    answer = decoder.close()

    assert (answer.text, answer.logprobs) == (TEXT, TOKENS)


@pytest.mark.parametrize(
    "found",
    [
        3,
        {"token": "x"},
        [{"token": "x"}],
        [{"token": "x", "logprob": "low"}],
        [{"token": "x", "logprob": float("nan")}],
        [{"token": "x", "logprob": 0.5}],
        [{"token": "x", "logprob": -1e400}],
        [{"token": "x", "logprob": -1, "top_logprobs": [{"token": "y", "logprob": float("inf")}]}],
    ],
)
@pytest.mark.parametrize(("provider", "api"), [("openai", "chat"), ("ollama", "chat")])
def test_what_cannot_be_read_costs_no_words(provider: str, api: Api, found: Any) -> None:
    """Odd log-probabilities are left out and named; the answer stays, and goes into a book."""
    body = completion(found) if provider == "openai" else {**SPOKEN, "logprobs": found}

    answer = read(provider, api, body)

    assert (answer.text, answer.logprobs) == (TEXT, ())
    assert any("unreadable logprobs" in each for each in answer.warnings)
    assert recall(pack(answer)).text == TEXT


def test_that_none_came_is_said() -> None:
    """A server that does not know the parameter leaves them out."""
    answer = read("openai", "chat", chat(content="yes", finish="stop"))
    called = read("anthropic", "messages", message({"type": "text", "text": "4"}))
    empty = read("ollama", "chat", ollama_body())

    assert "no log-probabilities came" in answer.warnings[0]
    assert "no log-probabilities came" in called.warnings[0]
    assert not [each for each in empty.warnings if "log-prob" in each]


# --- at the simulator ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["openai", "deepseek", "xai", "responses", "ollama"])
async def test_the_sdks_and_llmlab_hear_the_same_tokens(simulator: Simulator, kind: str) -> None:
    """Both ask the simulator."""
    question = "Positive, negative or neutral? Profit soars"
    model = "openai/gpt-6-luna"
    options: Json = {"effort": "none"}
    if kind == "ollama":
        client = ollama.AsyncClient(host=simulator.base_url("ollama"))
        turns = [{"role": "user", "content": question}]
        made = await client.chat("qwen2.5:7b", turns, logprobs=True, top_logprobs=3)
        await client._client.aclose()
        theirs: Any = made.logprobs
        model, options = "qwen", {}
    elif kind == "responses":
        async with _openai(simulator, "openai") as sdk:
            said = await sdk.responses.create(
                model="gpt-6-luna", input=question, top_logprobs=3, reasoning={"effort": "none"},
                include=["message.output_text.logprobs"],
            )  # fmt: skip
        content: Any = said.output[0]
        theirs, options = content.content[0].logprobs, {**options, "api": "responses"}
    else:
        names = {"openai": "gpt-6-luna", "deepseek": "deepseek-flash", "xai": "grok-4.3"}
        extra: Json = {"reasoning_effort": "none"}
        if kind == "deepseek":
            extra, options = {"extra_body": {"thinking": {"type": "disabled"}}}, {"thinking": False}
        async with _openai(simulator, kind) as sdk:
            whole = await sdk.chat.completions.create(
                model=names[kind], messages=[{"role": "user", "content": question}],
                logprobs=True, top_logprobs=3, **extra,
            )  # fmt: skip
        found: Any = whole.choices[0].logprobs
        theirs, model = found.content, f"{kind}/{names[kind]}"

    async with lab_for(simulator) as lab:
        answer = await lab.ask_async(question, model, logprobs=3, **options)

    assert [(each.token, each.logprob) for each in answer.logprobs] == [
        (each.token, each.logprob) for each in theirs
    ]
    assert [len(each.top) for each in answer.logprobs] == [3] * len(theirs)


@pytest.mark.parametrize(
    ("provider", "model", "given"),
    [
        ("openai", "gpt-4o", {"logprobs": 21}),
        ("openai", "gpt-6-luna", {"logprobs": 6, "effort": "none"}),
        ("openai", "gpt-6-luna", {"logprobs": 1}),
        ("openai", "gpt-4o", {"verbosity": "low"}),
        ("deepseek", "deepseek-flash", {"logprobs": 1, "thinking": True}),
        ("xai", "grok-4.3", {"logprobs": 9}),
        ("ollama", "qwen2.5:7b", {"logprobs": 21}),
    ],
)
async def test_the_simulator_refuses_what_the_catalogue_does(
    simulator: Simulator, provider: str, model: str, given: Json
) -> None:
    """Rules that are written twice, by different hands, agree."""
    fields: Json = (
        {"logprobs": True, "top_logprobs": given["logprobs"]} if "logprobs" in given else {}
    )
    if "verbosity" in given:
        fields["verbosity"] = given["verbosity"]
    if "effort" in given:
        fields["reasoning_effort"] = given["effort"]
    async with lab_for(simulator) as lab:
        with pytest.raises(BadParameter):
            await lab.ask_async("Hi", f"{provider}/{model}", **given)
        with pytest.raises(CallError):
            await lab.ask_async("Hi", f"{provider}/{model}", extra=fields)
