"""Authors answer deterministically, within the limits they are given."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import jsonschema
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from llmlab.errors import TooLong, Unavailable
from llmlab.sim import Asked, EmbeddedAuthor, RuleAuthor, Simulator
from llmlab.sim.authors.author import OfferedTool, count_tokens
from llmlab.sim.authors.embedded import arm_seed, arm_temperature
from llmlab.sim.authors.instance import instance
from llmlab.sim.authors.rule import labels_in
from llmlab.sim.authors.weights import held
from tests.labs import lab_for

ASKED = Asked(
    provider="openai",
    model="gpt-6-luna",
    user="Label this headline positive, negative or neutral.\nAcme beats forecasts",
)
LABELS = {"positive", "negative", "neutral"}


async def test_the_same_question_gets_the_same_answer() -> None:
    """Two authors of one seed write alike; tokens are four bytes each."""
    first = await RuleAuthor(seed=3).write(ASKED)
    second = await RuleAuthor(seed=3).write(ASKED)

    assert first == second
    assert first.text in LABELS
    assert first.output_tokens == count_tokens(first.text)


async def test_models_differ_in_skill() -> None:
    """Over many headlines the arms agree often, but not always, and none is perfect."""
    models = ("gpt-6-luna", "claude-haiku-4-5", "grok-4.3", "deepseek-flash")
    author = RuleAuthor(seed=1)

    rights = []
    for model in models:
        answers = [
            await author.write(replace(ASKED, model=model, user=f"{ASKED.user} in case {n}"))
            for n in range(200)
        ]
        rights.append(sum(answer.text == "positive" for answer in answers))

    assert len(set(rights)) > 1
    assert all(120 <= right < 200 for right in rights)


async def test_a_seed_given_by_the_client_varies_the_answer() -> None:
    """Repeats with different seeds are different draws."""
    texts = {(await RuleAuthor().write(replace(ASKED, seed=seed))).text for seed in range(60)}

    assert len(texts) > 1


@pytest.mark.parametrize(
    ("prompt", "labels"),
    [
        ("positive, negative or neutral", ["positive", "negative", "neutral"]),
        ("Answer 'yes' or 'no'.", ["yes", "no"]),
        ("Say buy|hold|sell now", ["buy", "hold", "sell"]),
        ("One of: up, down, flat", ["up", "down", "flat"]),
        ("Summarise the text.", []),
    ],
)
def test_labels_are_read_from_the_prompt(prompt: str, labels: list[str]) -> None:
    """Labels are found in the ways people write them."""
    assert labels_in(prompt) == labels


async def test_a_number_stays_in_its_range() -> None:
    """A prompt that asks for a score from 1 to 10 gets one."""
    asked = replace(ASKED, user="Give a score from 1 to 10 for this: fine.")

    text = (await RuleAuthor().write(asked)).text

    assert 1 <= int(text) <= 10


async def test_a_small_limit_is_eaten_by_thinking() -> None:
    """With thinking on and few tokens there is reasoning, no text, and `length`."""
    written = await RuleAuthor().write(replace(ASKED, thinking=True, max_tokens=10))

    assert (written.text, written.finish) == ("", "length")
    assert written.reasoning_tokens == written.output_tokens == 10


async def test_a_stop_sequence_ends_the_text() -> None:
    """The text ends before the first stop sequence, and says which it was."""
    asked = replace(ASKED, user="Summarise: one two three four", stop=("three", "two"))

    written = await RuleAuthor().write(asked)

    assert written.text.endswith("one ")
    assert written.matched_stop == "two"


@given(st.text(max_size=200), st.integers(1, 50), st.booleans())
def test_the_output_limit_holds(user: str, limit: int, thinking: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever is asked, output never passes the limit and reasoning is part of it."""
    asked = replace(ASKED, user=user, max_tokens=limit, thinking=thinking)

    written = asyncio.run(RuleAuthor().write(asked))

    assert 0 <= written.reasoning_tokens <= written.output_tokens <= limit


SCHEMAS: list[dict[str, Any]] = [
    {"type": "object"},
    {
        "type": "object",
        "properties": {
            "label": {"enum": ["up", "down"]},
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "count": {"type": "integer", "minimum": 3, "multipleOf": 5},
            "when": {"type": "string", "format": "date"},
            "why": {"type": ["string", "null"], "maxLength": 3},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "sure": {"type": "boolean"},
        },
        "required": ["label", "score", "count", "when", "why", "tags", "sure"],
        "additionalProperties": False,
    },
    {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
                "required": ["next"],
            }
        },
        "$ref": "#/$defs/node",
    },
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
            {"properties": {"b": {"type": "integer", "exclusiveMinimum": 1}}, "required": ["b"]},
        ]
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_instance_follows_its_schema(schema: dict[str, Any]) -> None:
    """What is made from a schema is valid by it."""
    made = instance(schema, lambda labels: labels[0])

    jsonschema.validate(made, schema)


class Llama:
    """A small server that speaks as llama.cpp does, and notes what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.status = 200
        self.running = self.most = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.running += 1
        self.most = max(self.most, self.running)
        self.bodies.append(await request.json())
        self.keys.append(request.headers.get("authorization", ""))
        await asyncio.sleep(0.01)
        self.running -= 1
        if self.status != 200:
            error = {"type": "exceed_context_size_error", "message": "too long"}
            return web.json_response({"error": error}, status=self.status)
        choice = {"message": {"content": "a real word"}, "finish_reason": "length"}
        details = {"cached_tokens": 5}
        usage = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": details}
        return web.json_response({"choices": [choice], "usage": usage})


async def ask_openai(author: EmbeddedAuthor) -> tuple[int, dict[str, Any]]:
    """Ask the simulated OpenAI, which the author writes for; return status and error."""
    async with (
        Simulator(author=author) as sim,
        aiohttp.ClientSession(headers={"authorization": "Bearer k"}) as session,
        session.post(
            f"{sim.base_url('openai')}/chat/completions",
            json={"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]},
        ) as reply,
    ):
        return reply.status, json.loads(await reply.read())["error"]


@pytest.fixture
def llama() -> Llama:
    """Make the state of a llama.cpp look-alike."""
    return Llama()


@pytest.fixture
async def embedded(llama: Llama) -> AsyncIterator[EmbeddedAuthor]:
    """Serve the look-alike and point an author at it."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", llama.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    author = EmbeddedAuthor(f"http://127.0.0.1:{runner.addresses[0][1]}", "secret")
    yield author
    await author.close()
    await runner.cleanup()


async def test_room_to_reason_is_not_used_for_the_answer(
    embedded: EmbeddedAuthor, llama: Llama
) -> None:
    """A limit with room to reason leaves the model, which does not reason, the rest."""
    await embedded.write(replace(ASKED, thinking=True, max_tokens=4096 + 16))
    await embedded.write(replace(ASKED, thinking=True, max_tokens=300))

    assert [body["max_tokens"] for body in llama.bodies] == [16, 300]


async def test_a_choice_of_labels_is_held_to_them(embedded: EmbeddedAuthor, llama: Llama) -> None:
    """A prompt that asks for one of several words gets a grammar of them; others get none."""
    await embedded.write(replace(ASKED, user="Label it positive, negative or neutral: up 5%"))
    await embedded.write(replace(ASKED, user="Write a sentence about cats or dogs."))

    assert llama.bodies[0]["grammar"] == 'root ::= "positive" | "negative" | "neutral"'
    assert "grammar" not in llama.bodies[1]


async def test_the_embedded_author_passes_on_what_was_asked(
    embedded: EmbeddedAuthor, llama: Llama
) -> None:
    """Prompt, limit, sampling, schema and key reach the model; its counts come back."""
    asked = replace(ASKED, system="Be short.", max_tokens=7, temperature=0.9, schema=SCHEMAS[1])

    written = await embedded.write(asked)

    body = llama.bodies[0]
    assert [turn["role"] for turn in body["messages"]] == ["system", "user"]
    assert (body["max_tokens"], body["temperature"], body["cache_prompt"]) == (7, 0.9, True)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMAS[1]
    assert llama.keys == ["Bearer secret"]
    assert (written.text, written.finish) == ("a real word", "length")
    assert (written.input_tokens, written.cached_tokens, written.output_tokens) == (11, 0, 3)


async def test_the_embedded_author_writes_the_arguments_of_a_call_that_is_demanded(
    embedded: EmbeddedAuthor, llama: Llama
) -> None:
    """The schema of the function is that of the answer; a function that is only offered is not."""
    tool = OfferedTool(name="quote", parameters=SCHEMAS[1])

    called = await embedded.write(replace(ASKED, tools=(tool,), choice="required"))
    free = await embedded.write(replace(ASKED, tools=(tool,)))

    assert llama.bodies[0]["response_format"]["json_schema"]["schema"] == SCHEMAS[1]
    assert (called.text, called.calls) == ("", (("quote", "a real word"),))
    assert (free.text, free.calls) == ("a real word", ())
    assert "response_format" not in llama.bodies[1]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "deepseek", "xai", "ollama"])
async def test_a_call_that_was_cut_off_is_no_fault_of_the_simulator(
    embedded: EmbeddedAuthor, provider: str
) -> None:
    """Arguments that end in the middle are an answer that was cut."""
    models = {"openai": "gpt", "anthropic": "claude", "deepseek": "deepseek", "xai": "grok",
              "ollama": "qwen"}  # fmt: skip
    choice = "auto" if provider == "ollama" else "quote"
    tool = {"name": "quote", "parameters": SCHEMAS[1]}
    async with Simulator(author=embedded) as sim, lab_for(sim) as lab:
        answer = await lab.ask_async("hi", models[provider], tools=[tool], tool_choice=choice)

    assert (answer.finish, answer.gap) == ("length", "cut")


def test_held_to_labels_a_model_has_other_chances() -> None:
    """What begins or continues a label makes up all there is, in the same proportions."""

    def place(own: str, **chances: float) -> dict[str, Any]:
        tops = [{"token": word, "logprob": math.log(p)} for word, p in chances.items()]
        return {"token": own, "logprob": math.log(chances.get(own, 0.001)), "top_logprobs": tops}

    free = [place("pos", The=0.5, pos=0.03, neg=0.01), place("itive", itive=0.4, sible=0.6),
            place("", x=1.0)]  # fmt: skip
    kept = held(free, ["positive", "negative"])

    shares = [
        {each["token"]: math.exp(each["logprob"]) for each in one["top_logprobs"]} for one in kept
    ]
    assert shares == [
        {"pos": pytest.approx(0.75), "neg": pytest.approx(0.25)},
        {"itive": pytest.approx(1.0)},
    ]
    assert [each["token"] for each in held(free, [])] == ["pos", "itive"]


async def test_the_embedded_author_makes_no_reasoning_up(embedded: EmbeddedAuthor) -> None:
    """A question that asks for thinking gets none, in words or in counts."""
    written = await embedded.write(replace(ASKED, thinking=True))

    assert (written.reasoning, written.reasoning_tokens) == ("", 0)


async def test_a_copy_of_the_model_is_asked_one_thing_at_a_time(
    embedded: EmbeddedAuthor, llama: Llama
) -> None:
    """However many ask at once, each address sees one at a time, and all are answered."""
    await asyncio.gather(*(embedded.write(ASKED) for _ in range(8)))
    alone = llama.most
    address = embedded._turns._copies[0].address
    twice = EmbeddedAuthor([address, f"{address}/"], "secret")
    await asyncio.gather(*(twice.write(ASKED) for _ in range(8)))
    await twice.close()

    assert (alone, llama.most) == (1, 2)
    assert len(llama.bodies) == 16


def test_arms_get_their_own_seed_and_temperature() -> None:
    """Six models share the weights, not the draw; the same arm is the same every time."""
    arms = [replace(ASKED, model=name) for name in "abcdef"]

    seeds = {arm_seed(arm) for arm in arms}
    temperatures = {arm_temperature(arm) for arm in arms}

    assert len(seeds) == len(temperatures) == 6
    assert seeds == {arm_seed(arm) for arm in arms}
    assert all(0 <= temperature <= 0.9 for temperature in temperatures)
    assert arm_seed(ASKED) != arm_seed(replace(ASKED, seed=1))
    assert arm_temperature(replace(ASKED, temperature=0.0)) == 0.0


async def test_a_model_that_is_gone_or_full_is_an_error(
    embedded: EmbeddedAuthor, llama: Llama
) -> None:
    """A prompt over the context is `TooLong`, a server that is gone `Unavailable`."""
    llama.status = 400
    gone = EmbeddedAuthor("http://127.0.0.1:9")

    with pytest.raises(TooLong):
        await embedded.write(ASKED)
    with pytest.raises(Unavailable):
        await gone.write(ASKED)
    await gone.close()


async def test_a_failing_author_is_the_providers_failure() -> None:
    """When nothing can be written, the client sees a 500 in the provider's envelope."""
    author = EmbeddedAuthor("http://127.0.0.1:9")

    status, error = await ask_openai(author)
    await author.close()

    assert (status, error["type"]) == (500, "server_error")


async def test_a_prompt_the_model_cannot_hold_is_too_long(
    embedded: EmbeddedAuthor, llama: Llama
) -> None:
    """When the local model's context is too small, the client sees the provider's own code."""
    llama.status = 400

    status, error = await ask_openai(embedded)

    assert (status, error["code"]) == (400, "context_length_exceeded")


async def test_labels_of_an_earlier_message_hold_the_log_probabilities() -> None:
    """What stands beside a label is another label, wherever the conversation names them."""
    asked = Asked(
        provider="openai", model="gpt-4o", user="Profit rose by a fifth", logprobs=2,
        turns=(("user", "Positive, negative or neutral?"), ("assistant", "Send one.")),
    )  # fmt: skip
    written = await RuleAuthor(seed=1).write(asked)

    (token, *_) = written.logprobs
    likely = {each["token"].strip().casefold() for each in token["top_logprobs"]}
    assert {"positive", "negative", "neutral"} <= likely
