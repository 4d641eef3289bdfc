"""Prompt caching on purpose: marked, sent in order, expected, reserved, and what it saved."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import openai
import pandas as pd
import pytest

from llmlab import Lab
from llmlab.calls.identity import content_of
from llmlab.catalogue import Catalogue, Model
from llmlab.catalogue.parameters import check
from llmlab.errors import BadParameter
from llmlab.providers.caching import cache_minimum, shared_words
from llmlab.providers.registry import adapter_of
from llmlab.records import Api, HttpCall, Parameters, Prompt, Request, Turn
from llmlab.sim import Simulator
from llmlab.templates import parse
from tests.labs import lab_for, questions
from tests.loopback import Came, Loopback, Said
from tests.pictures import picture, prepared
from tests.test_attachments import sent_by_sdk
from tests.test_batches import lab_for as batching
from tests.test_plan import planned

RULES = "Answer with one word, positive, negative or neutral. " * 400
LONG = f"[system]\n{RULES}\n[user]\nThe headline is this one: {{{{ headline }}}}"
MARK = {"type": "ephemeral"}
FRAME = pd.DataFrame(
    {
        "headline": ["Profit up 20%", "Shares plunge", "Board meets in May", "Sales flat"],
        "label": ["positive", "negative", "neutral", "neutral"],
    }
)


def call_of(name: str, prompt: Prompt, api: Api, *, speaks: str = "", **asked: Any) -> HttpCall:
    """Write a question in the provider's words."""
    provider, _, model = name.partition("/")
    request = Request(
        provider=provider, model=model, prompt=prompt, api=api, parameters=Parameters(**asked)
    )
    adapter = adapter_of(provider, api, speaks=speaks)
    return adapter.write(request, Model(provider=provider, id=model), "http://h")


def body_of(name: str, prompt: Prompt, api: Api, **asked: Any) -> dict[str, Any]:
    """Return what goes over the wire."""
    found: dict[str, Any] = json.loads(call_of(name, prompt, api, **asked).body)
    return found


def filled(words: str = LONG, headline: str = "Profit up 20%") -> Prompt:
    """Fill a template whose beginning is constant."""
    return parse(words, name="p").fill({"headline": headline})


def test_what_inputs_share_ends_at_the_first_slot() -> None:
    """The system prompt and the words before the first slot; nothing where that has a slot."""
    one, other = filled(headline="up"), filled(headline="down")

    assert shared_words(one) == shared_words(other) == f"{RULES.strip()}The headline is this one: "
    assert filled("[system]\nOn {{ headline }}\n[user]\nUp?").shared == -1
    assert shared_words(filled("{{ headline }}: up or down?")) == ""
    assert shared_words(filled("Up?\n{%- if headline %} {{ headline }}{% endif %}")) == "Up?"
    assert shared_words(Prompt(name="ask", user="Up?", system="Be brief.")) == "Be brief."


def test_anthropic_gets_the_mark_where_the_shared_part_ends() -> None:
    """The text of the user is divided in two blocks, which say together what they said before."""
    body = body_of("anthropic/claude-haiku-4-5", filled(), "messages", cache=True)

    head, tail = body["messages"][0]["content"]
    assert head == {"type": "text", "text": "The headline is this one: ", "cache_control": MARK}
    assert tail == {"type": "text", "text": "Profit up 20%"}
    assert body["system"] == RULES.strip()


def test_without_shared_words_of_the_user_the_mark_is_before() -> None:
    """After the last earlier turn, else after the system prompt; before images, which differ."""
    system = body_of(
        "anthropic/c", Prompt(name="ask", user="Up?", system="S"), "messages", cache=True
    )
    image = parse("[system]\nS\n[user]\nSee {{ c }}", name="p").fill({"c": picture()})
    with_image = body_of("anthropic/c", image, "messages", cache=True)
    nothing = body_of("anthropic/c", Prompt(name="ask", user="Up?"), "messages", cache=True)

    assert system["system"] == [{"type": "text", "text": "S", "cache_control": MARK}]
    assert with_image["system"] == system["system"]
    assert "cache_control" not in json.dumps(with_image["messages"])
    assert "cache_control" not in json.dumps(nothing)
    assert shared_words(Prompt(name="a", user="u", turns=(Turn(role="user", text="x"),))) == "x"


def test_a_prompt_without_slots_is_one_block() -> None:
    """An empty block would be refused."""
    body = body_of("anthropic/c", parse("Up?", name="p").fill({}), "messages", cache=True)

    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "Up?", "cache_control": MARK}
    ]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_openai_gets_a_key_that_is_the_same_for_an_arm(api: Api) -> None:
    """Inputs do not change it, another prompt or model does."""
    keys = [
        body_of(name, prompt, api, cache=True)["prompt_cache_key"]
        for name, prompt in [
            ("openai/gpt-6-luna", filled(headline="up")),
            ("openai/gpt-6-luna", filled(headline="down")),
            ("openai/gpt-6-luna", filled(f"Please. {LONG}")),
            ("openai/gpt-6-sol", filled()),
        ]
    ]

    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert all(len(key) <= 64 for key in keys)


@pytest.mark.parametrize(
    ("name", "api", "speaks"),
    [
        ("deepseek/deepseek-flash", "chat", ""),
        ("xai/grok-4.3", "chat", ""),
        ("xai/grok-4.3", "responses", ""),
        ("ollama/gemma3", "chat", ""),
        ("openrouter/openai/gpt-6-luna", "chat", "openai"),
    ],
)
def test_the_others_are_sent_nothing(name: str, api: Api, speaks: str) -> None:
    """They keep beginnings by themselves, or are gateways whose fields nobody knows here."""
    with_cache = call_of(name, filled(), api, speaks=speaks, cache=True)
    without = call_of(name, filled(), api, speaks=speaks)

    assert with_cache == without


@pytest.mark.parametrize(
    ("name", "api"),
    [
        ("openai/gpt-6-luna", "chat"),
        ("openai/gpt-6-luna", "responses"),
        ("anthropic/claude-haiku-4-5", "messages"),
    ],
)
def test_caching_does_not_change_what_is_asked(name: str, api: Api) -> None:
    """The name in the book is that of the plain question, and so is the one on a tape."""
    plain, kept = call_of(name, filled(), api), call_of(name, filled(), api, cache=True)
    provider, _, model = name.partition("/")
    request = Request(provider=provider, model=model, prompt=filled(), api=api)
    cached = Request(
        provider=provider, model=model, prompt=filled(), api=api, parameters=Parameters(cache=True)
    )

    assert kept.body != plain.body
    assert kept.asked == plain.asked
    assert content_of(request) == content_of(cached)


def test_the_sdks_send_the_same_bodies() -> None:
    """`cache_control` and `prompt_cache_key` as the providers' own clients write them."""
    prompt = filled("[system]\nBe brief.\n[user]\nUp or down? {{ headline }}")
    ours = body_of("anthropic/claude-haiku-4-5", prompt, "messages", cache=True)
    keyed = body_of("openai/gpt-6-luna", prompt, "chat", cache=True)

    def messages(url: str) -> None:
        with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client:
            client.messages.create(
                model="claude-haiku-4-5", max_tokens=512, system="Be brief.",
                service_tier="standard_only",
                messages=[
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "text",
                                "text": "Up or down? ",
                                "cache_control": {"type": "ephemeral"},
                            },
                            {"type": "text", "text": "Profit up 20%"},
                        ],
                    }
                ],
            )  # fmt: skip

    def chat(url: str) -> None:
        with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
            client.chat.completions.create(
                model="gpt-6-luna", max_completion_tokens=512, service_tier="default",
                prompt_cache_key=keyed["prompt_cache_key"],
                messages=[
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Up or down? Profit up 20%"},
                ],
            )  # fmt: skip

    assert ours == sent_by_sdk(messages)
    assert keyed == sent_by_sdk(chat)


def test_minimums_are_by_model() -> None:
    """From so many tokens on a beginning is kept."""
    names = ["claude-haiku-4-5", "claude-opus-4-7", "claude-sonnet-4-6", "claude-opus-4-8", "gpt-6"]

    assert [cache_minimum(name) for name in names] == [4096, 4096, 2048, 1024, 1024]


def test_only_yes_and_no_are_taken() -> None:
    """Anything else is one line before anything is sent."""
    model = Catalogue.load(None).arms("claude")[0].model
    with pytest.raises(BadParameter, match="cache='1h'"):
        check(Parameters(cache="1h"), model, "messages")  # type: ignore[arg-type]


def test_the_worst_case_is_that_of_a_write() -> None:
    """What is reserved covers the price of writing, with the mark and without."""
    plain, kept = prepared("claude", filled()), prepared("claude", filled(), cache=True)

    assert plain.worst is not None
    assert kept.worst == plain.worst
    assert kept.key == plain.key
    tokens = len(RULES) // 4
    assert kept.worst > Decimal(tokens) * Decimal("1.25") / 10**6  # claude-haiku-4-5: $1 a million


async def run_of(lab: Lab, words: str = LONG, models: Any = "claude", **options: Any) -> Any:
    """Ask about four headlines."""
    given = {"on": FRAME, "score": "label", "target": "label", "quiet": True, "max_tokens": 20}
    return await lab.abtest_async({"p": words}, models, **{**given, "cache": True, **options})


async def test_one_call_fills_the_cache_and_the_others_read(simulator: Simulator) -> None:
    """The first is alone on its way; what it saved is a line of the summary."""
    async with lab_for(simulator) as lab:
        run = await run_of(lab, models=["claude", "gpt", "deepseek"])
        rows = run.rows

    for label in ("claude", "gpt"):
        cached = sorted(rows[rows["label"] == label]["cached_tokens"])
        assert cached[0] == 0
        assert cached[1] == cached[3] > 5_000
    (note,) = [each for each in run.notes if each.startswith("Prompt cache: it saved $0.0")]
    assert "tokens read from it" in note


def test_the_first_call_is_answered_before_the_others_are_sent() -> None:
    """While it is on its way nothing else of the run is, where a cache is to be filled."""
    alone: list[bool] = []

    def reply(came: Came) -> Said:
        if not alone:
            alone.append(server.stays_at(1))
        content = [{"type": "text", "text": "positive"}]
        usage = {"input_tokens": 5_000, "output_tokens": 1}
        said = {"model": "m", "content": content, "stop_reason": "end_turn", "usage": usage}
        return Said(body=json.dumps(said).encode())

    with Loopback(reply) as server, Lab(book=":memory:", env=server.env, config="/") as lab:
        lab.abtest({"p": LONG}, "claude", cache=True, on=FRAME, quiet=True, max_tokens=20)

    assert alone == [True]
    assert len(server.log) == 4


async def test_what_it_cost_more_is_said_too(simulator: Simulator) -> None:
    """One input writes, and nobody reads."""
    async with lab_for(simulator) as lab:
        run = await run_of(lab, on=FRAME.iloc[:1])

    (note,) = [each for each in run.notes if each.startswith("Prompt cache")]
    assert "more than it saved" in note
    paid = float(note.split("$")[1].split()[0])
    written = int(note.split("read from it, ")[1].split()[0].replace(",", ""))
    assert paid == pytest.approx(written * 0.25 / 10**6, rel=1e-3)


async def test_an_answer_of_the_book_is_found_either_way(simulator: Simulator) -> None:
    """What was asked without the cache is not paid again with it, nor the other way round."""
    async with lab_for(simulator) as lab:
        await run_of(lab, cache=None, models=["claude", "gpt"])
        sent = questions(simulator)
        again = await run_of(lab, models=["claude", "gpt"])
        streamed = await run_of(lab, models=["claude", "gpt"], stream=True)

    assert questions(simulator) == sent
    assert again.rows["from_book"].all()
    assert streamed.rows["from_book"].all()
    assert not [each for each in again.notes if each.startswith("Prompt cache")]


async def test_a_beginning_that_is_too_short_is_said_before(simulator: Simulator) -> None:
    """Nothing is kept of it; the plan says so, and no call waits for another."""
    async with lab_for(simulator) as lab:
        plan = await planned(lab, "Up?", ["claude", "gpt", "grok"], cache=True)
        run = await run_of(lab, "Positive or negative? {{ headline }}")

    notes = [each for each in plan.notes if each.startswith("Caching: ")]
    assert len(notes) == 2
    assert "claude keeps a beginning of 4,096 tokens or more" in notes[0]
    assert (run.rows["cached_tokens"] == 0).all()


async def test_a_plan_expects_what_is_kept(simulator: Simulator) -> None:
    """The first call writes at 1.25 times, the others read at a tenth of the price."""
    plans = []
    for options in ({}, {"cache": True}, {"cache": True, "batch": True}):
        async with lab_for(simulator) as lab:
            given: dict[str, Any] = {"max_tokens": 1, "on": _many(), **options}
            plans.append(await planned(lab, f"{RULES}Which?", ["claude"], **given))
    plain, kept, batch = plans

    assert plain.expected_usd is not None
    assert kept.expected_usd is not None
    share = kept.expected_usd / plain.expected_usd
    assert share == pytest.approx((1.25 + 19 * 0.1) / 20, rel=0.03)
    assert kept.worst_usd == plain.worst_usd
    assert batch.expected_usd == plain.expected_usd


def _many() -> pd.DataFrame:
    return pd.DataFrame({"headline": [f"Profit up {n}%" for n in range(20)]})


async def test_a_batch_is_sent_without_marks(simulator: Simulator) -> None:
    """It has no order in which a cache could be filled."""
    async with batching(simulator) as lab:
        run = await run_of(lab, models=["claude", "gpt"], batch=True)

    assert run.rows["error"].notna().sum() == 0
    assert (run.rows["cached_tokens"] == 0).all()


async def test_a_question_may_be_cached_too(simulator: Simulator, tmp_path: Path) -> None:
    """The system prompt of questions one after the other is written once and read again."""
    async with lab_for(simulator) as lab:
        first = await lab.ask_async("Up?", "claude", system=RULES, cache=True)
        second = await lab.ask_async("Down?", "claude", system=RULES, cache=True)

    assert first.usage.cache_write > 5_000
    assert second.usage.cached == first.usage.cache_write
