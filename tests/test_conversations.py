"""A conversation reaches every model as it was written, and is counted, kept and repeated whole."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import openai
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab import Lab
from llmlab.calls.identity import content_of
from llmlab.calls.prepared import most_input
from llmlab.catalogue import Catalogue
from llmlab.errors import BadParameter, CallError, ReplayMiss, TemplateError, UsageError
from llmlab.providers.adapter import unlisted
from llmlab.providers.listing import count_call
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Api, Prompt, Request, Turn
from llmlab.runs.conversation import Conversation
from llmlab.sim import Faults, RuleAuthor, Simulator, environment
from llmlab.sim.authors.author import FRAME_TOKENS, count_tokens
from llmlab.templates import Library, parse
from llmlab.tokens import Packer, TokenRoom, count_prompt, fit
from llmlab.tokens.guard import defuse

SHOTS = """[system]
You are {{ role }}. Answer positive or negative.
[user]
Acme beats forecasts
[assistant]
positive
[user]
Shares of {{ peer }} plunge
[assistant]
negative
[user]
{{ headline }}"""
"""Five turns after the system prompt, with slots in three parts."""
VALUES = {"role": "an analyst", "peer": "Bolt", "headline": "Profit doubles"}
ROLES = ["user", "assistant", "user", "assistant", "user"]
KEYS = {
    "OPENAI_API_KEY": "sk-planted-0000000000000000000000",
    "ANTHROPIC_API_KEY": "sk-ant-api03-planted000000000000",
    "DEEPSEEK_API_KEY": "sk-planted00000000000000000000000",
    "XAI_API_KEY": "xai-planted00000000000000000000",
}


def shots() -> Prompt:
    """Return the five turns, filled."""
    return parse(SHOTS, name="shots").fill(VALUES)


# ---- templates ------------------------------------------------------------------------------


def test_a_template_has_turns_and_the_last_one_is_asked() -> None:
    """Earlier parts are turns, oldest first; slots are filled in every part."""
    template = parse(SHOTS, name="shots")

    prompt = template.fill(VALUES)

    assert [turn.role for turn in prompt.turns] == ROLES[:-1]
    assert prompt.user == "Profit doubles"
    assert prompt.turns[2].text == "Shares of Bolt plunge"
    assert prompt.system == "You are an analyst. Answer positive or negative."
    assert template.slots == ("headline", "peer", "role")
    assert "{{ peer }}" in template.text


def test_versions_of_prompts_without_turns_are_what_they_were() -> None:
    """The book finds old answers again; a changed turn is a new version."""
    one = parse("[system]\nBe brief.\n[user]\nUp?\n[user]\n{{ h }}", name="p")

    assert (one.version, one.turns, one.user) == ("4c989088", (), "Up?\n\n{{ h }}")
    assert one.text == one.marked == "[system]\nBe brief.\n[user]\nUp?\n\n{{ h }}"
    versions = {parse(SHOTS.replace("Acme", name), name="s").version for name in ("Acme", "Bolt")}
    assert len(versions) == 2


WORDS = st.text("ab c.{}", min_size=1, max_size=8).filter(
    lambda text: text.strip() and "{{" not in text and "{%" not in text and "{#" not in text
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(WORDS, WORDS), max_size=4), WORDS, st.none() | WORDS)
def test_the_text_of_a_template_is_read_back(
    pairs: list[tuple[str, str]], last: str, system: str | None
) -> None:
    """What the book keeps of a version is the version: the same turns, the same hash."""
    said = [f"[user]\n{asked}\n[assistant]\n{answer}" for asked, answer in pairs]
    head = [f"[system]\n{system}"] if system else []
    template = parse("\n".join([*head, *said, f"[user]\n{last}"]), name="t")

    again = parse(template.text, name="t")

    assert (again.version, again.turns) == (template.version, template.turns)
    assert len(template.turns) == 2 * len(pairs)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[user]\na\n[assistant]\nb", 3, "the last message is [assistant]; end with a [user] part"),
        ("[assistant]\na\n[user]\nb", 1, "the first message is [assistant]"),
        ("[system]\ns\n[assistant]\na\n[user]\nb", 3, "the first message is [assistant]"),
        ("[user]\na\n[system]\ns\n[assistant]\nb\n[user]\nc", 3, "[system] comes after [user]"),
        ("[user]\na\n[assistant]\n\n[user]\nc", 3, "the [assistant] part is empty"),
        ("a\n[assistant]\nb\n[user]\n", 4, "the [user] part is empty"),
    ],
)
def test_a_part_out_of_its_place_is_one_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    """File, line, what is wrong and what to do; the checks of the library say the same."""
    (tmp_path / "shots.md").write_text(text)
    library = Library(tmp_path)

    with pytest.raises(TemplateError) as caught:
        library["shots"]

    assert str(caught.value).startswith(f"shots.md, line {line}: ")
    assert words in str(caught.value)
    assert any(each.line == line and words.startswith(each.what) for each in library.check())


def test_neighbours_of_one_role_are_one_message() -> None:
    """As several `[user]` pieces of a plain template are, joined by an empty line."""
    text = "before\n[user]\na\n[assistant]\nb\n[assistant]\nc\n[user]\nd\n[user]\ne"

    template = parse(text, name="t")

    assert [turn.text for turn in template.turns] == ["before\n\na", "b\n\nc"]
    assert template.user == "d\n\ne"


def test_a_message_that_its_values_leave_empty_is_refused() -> None:
    """Providers refuse an empty message; it is said before anything is sent."""
    template = parse("[user]\na\n[assistant]\n{% if x %}b{% endif %}\n[user]\nc", name="t")

    with pytest.raises(TemplateError, match=r"message 2, \[assistant\], is empty"):
        template.fill({"x": False})


def test_text_from_outside_cannot_begin_a_part() -> None:
    """A mark of a part in a filing is made harmless, the assistant's as the others."""
    assert defuse("[assistant]\nyes")[0] == "(assistant)\nyes"


def test_requires_and_history_read_every_part(tmp_path: Path) -> None:
    """Words that `requires` names may stand in a turn."""
    head = (
        "---\nname: s\nversion: 1\ntier: 1\ndescription: d\nslots: {}\n"
        "requires: {role: You are, output: in one word, keywords: [negative]}\n---\n"
    )
    body = "[system]\nYou are x\n[user]\nin one word\n[assistant]\nnegative\n[user]\nc"
    (tmp_path / "s.md").write_text(head + body)

    assert Library(tmp_path).check() == ()


# ---- the wire -------------------------------------------------------------------------------


def written(provider: str, model: str, api: Api, prompt: Prompt) -> dict[str, Any]:
    """Return the body that llmlab sends."""
    request = Request(provider=provider, model=model, prompt=prompt, api=api)
    call = adapter_of(provider, api).write(request, unlisted(request), "http://x")
    body: dict[str, Any] = json.loads(call.body)
    return body


def caught_by(ask: Callable[[Any], object], library: Any = httpx2) -> dict[str, Any]:
    """Return the body that an SDK sends by *library*."""
    bodies: list[dict[str, Any]] = []

    def handle(request: Any) -> Any:
        bodies.append(json.loads(request.content))
        return library.Response(400, json={"error": {"message": "no", "type": "no"}})

    with pytest.raises((openai.APIError, anthropic.APIError, ollama.ResponseError)):
        ask(library.MockTransport(handle))
    return bodies[0]


SAID = [("user", "Up?"), ("assistant", "up {{ x }}"), ("user", "And Bolt?")]
MESSAGES: Any = [{"role": role, "content": text} for role, text in SAID]
TALK = Prompt(
    name="p",
    system="Be brief.",
    turns=(Turn(role="user", text="Up?"), Turn(role="assistant", text="up {{ x }}")),
    user="And Bolt?",
)
SYSTEM: Any = {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("provider", ["openai", "deepseek", "xai"])
def test_chat_completions_send_what_the_sdk_sends(provider: str) -> None:
    """The openai SDK, given the same messages, writes the same ones."""
    sent = caught_by(
        lambda transport: openai.OpenAI(
            api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
        ).chat.completions.create(model="m", messages=[SYSTEM, *MESSAGES])
    )

    assert written(provider, "m", "chat", TALK)["messages"] == sent["messages"]


@pytest.mark.parametrize("provider", ["openai", "deepseek", "xai"])
def test_responses_send_what_the_sdk_sends(provider: str) -> None:
    """As `instructions` and `input`, or with the system prompt as the first item."""
    body = written(provider, "m", "responses", TALK)
    apart = {"instructions": "Be brief.", "input": MESSAGES}
    given: Any = apart if "instructions" in body else {"input": [SYSTEM, *MESSAGES]}

    sent = caught_by(
        lambda transport: openai.OpenAI(
            api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
        ).responses.create(model="m", **given)
    )

    assert {name: body[name] for name in given} == {name: sent[name] for name in given}


def test_messages_send_what_the_sdk_sends() -> None:
    """The system prompt stands apart, the turns before the last message."""
    sent = caught_by(
        lambda transport: anthropic.Anthropic(
            api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
        ).messages.create(model="m", max_tokens=512, system="Be brief.", messages=MESSAGES)
    )
    body = written("anthropic", "m", "messages", TALK)

    assert [body["system"], body["messages"]] == [sent["system"], sent["messages"]]


def test_ollama_chat_sends_what_the_sdk_sends() -> None:
    """`/api/chat` has the system prompt among the messages."""
    sent = caught_by(
        lambda transport: ollama.Client(transport=transport).chat("m", [SYSTEM, *MESSAGES]), httpx
    )

    assert written("ollama", "m", "chat", TALK)["messages"] == sent["messages"]


def test_generate_has_no_turns() -> None:
    """One clear line that names the API which has them."""
    with pytest.raises(BadParameter, match=r"/api/generate has one prompt; use api='chat'"):
        written("ollama", "m", "generate", TALK)


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "gpt-6-luna"), ("anthropic", "claude-haiku-4-5"),
                            ("xai", "grok-4.3")]
)  # fmt: skip
def test_counters_are_asked_about_every_message(provider: str, model: str) -> None:
    """The free counter of a provider gets the turns, too."""
    request = Request(provider=provider, model=model, prompt=TALK)

    body = count_call(request, "http://x").body.decode()

    assert all(text in body for text in ("Be brief.", "Up?", "up {{ x }}", "And Bolt?"))


# ---- identity and counts --------------------------------------------------------------------


def test_the_key_of_a_prompt_without_turns_is_what_it_was() -> None:
    """Old tapes stay valid; with turns each word and each role counts."""
    plain = Prompt(name="p", user="hi", system="s")
    prompts = [
        plain,
        Prompt(name="p", user="hi", system="s", turns=TALK.turns),
        Prompt(name="p", user="hi", system="s", turns=TALK.turns[:1]),
        Prompt(name="p", user="hi", system="s", turns=TALK.turns[::-1]),
    ]

    keys = [content_of(Request(provider="x", model="m", prompt=each)) for each in prompts]

    assert keys[0] == "38d0066bc7df3b61597a70bad09e75688cfd6aa88e505b2dfa29660daf984cc7"
    assert len(set(keys)) == 4


def test_a_table_in_an_earlier_message_is_packed() -> None:
    """It gets what all messages leave of the room, and is cut to fit it."""
    frame = pd.DataFrame({"close": range(3_000)})
    text = f"[user]\n{{{{ frame }}}}\n[assistant]\n{'noted ' * 300}\n[user]\nUp?"
    space = TokenRoom(tokens=1_000, tier=2, budget=1_000, window=None, reserved=0)

    fitted = fit(
        parse(text, name="t"), {"frame": frame}, Catalogue.load(None).find("claude"), space,
        packer=Packer(),
    )  # fmt: skip

    shown = fitted.prompt.turns[0].text.count("\n")
    assert 0 < shown < 1_000
    assert fitted.count.high <= space.tokens
    assert fitted.packed is not None


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=30))
def test_the_bound_of_the_cost_holds_for_long_conversations(texts: list[str]) -> None:
    """Counted or by bytes, it is at least what the frames and words come to."""
    turns = tuple(Turn(role="user", text=text) for text in texts)
    prompt = Prompt(name="p", user="last", turns=turns)
    for provider, model, api in (("openai", "gpt-5", "chat"), ("anthropic", "m", "messages")):
        request = Request(provider=provider, model=model, prompt=prompt, api=api)  # type: ignore[arg-type]
        call = adapter_of(provider, request.api).write(request, unlisted(request), "http://x")
        own = count_prompt(prompt, request.name)
        alone = count_prompt(Prompt(name="p", user="last"), request.name)

        assert own.tokens > alone.tokens
        if provider == "openai":
            most = most_input(request, call, unlisted(request), counted=True)
            assert most is not None
            assert most >= own.high


# ---- simulated providers --------------------------------------------------------------------


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """Run a simulator that answers by rule."""
    async with Simulator(author=RuleAuthor(seed=1)) as running:
        yield running


def live(sim: Simulator, **options: Any) -> Lab:
    """Return a lab whose five providers live at *sim*."""
    env = {**KEYS, **environment(sim)}
    return Lab(**{"book": ":memory:", "env": env, "config": "/", **options})


async def test_each_message_is_counted_with_its_frame(sim: Simulator) -> None:
    """Usage of every simulated provider grows by words and frame of each turn."""
    words = ["Be brief.", "Up?", "up {{ x }}", "And Bolt?"]
    expected = sum(count_tokens(each) + FRAME_TOKENS for each in words)
    with live(sim) as lab:
        for model in ("gpt", "claude", "deepseek", "grok", "qwen"):
            answer = await lab.ask_async(messages=[("system", "Be brief."), *SAID], model=model)
            assert answer.usage.input == expected, model


async def test_anthropic_wants_the_user_first_and_no_empty_message(sim: Simulator) -> None:
    """As the API does; neighbours of one role are read as one."""
    async with anthropic.AsyncAnthropic(
        base_url=sim.base_url("anthropic"), api_key="sk-ant-test", max_retries=0
    ) as client:
        ask: Any = client.messages.create
        for messages in (MESSAGES[1:], [*MESSAGES[:1], {"role": "assistant", "content": " "},
                                        MESSAGES[2]]):  # fmt: skip
            with pytest.raises(anthropic.BadRequestError):
                await ask(model="claude-haiku-4-5", max_tokens=9, messages=messages)
        count: Any = client.messages.count_tokens
        apart = [{"role": "user", "content": text} for text in ("ab", "cd")]
        joined = [{"role": "user", "content": "ab\n\ncd"}]
        counts = [await count(model="claude-haiku-4-5", messages=each) for each in (apart, joined)]

    assert counts[0].input_tokens == counts[1].input_tokens


async def test_examples_do_not_decide_the_answer(sim: Simulator) -> None:
    """The stand-in labels the last message, by the labels that the first one offers."""
    said = [("user", "Label it positive or negative: shares plunge, losses, cuts, recall"),
            ("assistant", "negative"), ("user", "Profit beats, record gains")]  # fmt: skip
    with live(sim) as lab:
        models = ("gpt", "claude", "deepseek", "grok", "qwen")
        texts = [(await lab.ask_async(messages=said, model=model)).text for model in models]

    assert set(texts) <= {"positive", "negative"}
    assert texts.count("positive") >= 3


# ---- ask(messages=) -------------------------------------------------------------------------


@pytest.fixture(scope="module", name="lab")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("talk")
    env = {"LLMLAB_LOCAL_MODEL": str(folder)}
    with Lab(book=":memory:", mode="stand-in", config=folder, env=env) as opened:
        yield opened


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "no message of the user"),
        ("hi", "messages must be a list, and is of type str"),
        ([{"role": "usr", "content": "hi"}], "no role is called 'usr'; did you mean user?"),
        ([{"role": "tool", "content": "hi"}], "no role is called 'tool'"),
        ([{"role": "user", "content": " "}], "message 1 is empty"),
        ([{"role": "user", "content": None}], "content must be text, and is of type NoneType"),
        ([{"role": "user", "content": b"hi"}], "decode it first"),
        ([{"role": "user"}], "message 1 has no 'content'"),
        ([{"role": "user", "content": "a", "name": "b"}], "'name' is not sent"),
        ([("user", "a"), ("assistant", "b")], "the last message must be the user's"),
        ([("assistant", "a"), ("user", "b")], "message 1 must be the user's"),
        ([("user", "a"), ("system", "s"), ("user", "b")], "message 2 is the system's"),
        ([("system", "s")], "no message of the user"),
        ([("user", "{{ x }}")], "nothing fills {{ x }}"),
        ([7], "message 1 is of type int"),
    ],
)
def test_messages_are_checked_before_anything_is_sent(
    lab: Lab, messages: object, words: str
) -> None:
    """One line that says which message, and what to do."""
    with pytest.raises(UsageError) as caught:
        lab.ask(messages=messages, model="gpt")

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_prompt_and_messages_exclude_each_other(lab: Lab) -> None:
    """So do two system prompts."""
    with pytest.raises(UsageError, match="not both"):
        lab.ask("hi", "gpt", messages=SAID)
    with pytest.raises(UsageError, match="another"):
        lab.ask(messages=[("system", "a"), ("user", "b")], model="gpt", system="c")
    with pytest.raises(UsageError, match="another"):
        lab.ask("[system]\na\n[user]\nb", "gpt", system="c", values={})


async def test_messages_in_every_form_are_one_question(lab: Lab) -> None:
    """Dicts, pairs and turns; system= or the first message; asked, awaited, streamed."""
    given: dict[str, Any] = {"model": "gpt", "seed": 3, "max_tokens": 40}
    first = await lab.ask_async(messages=[SYSTEM, *MESSAGES], **given)
    again = [
        await lab.ask_async(messages=[("system", "Be brief."), *SAID], **given),
        await lab.ask_async(messages=SAID, system="Be brief.", **given),
        await lab.ask_async(messages=[*TALK.turns, ("user", TALK.user)], system="Be brief.",
                            **given),
    ]  # fmt: skip
    pieces = [each async for each in lab.stream(messages=[SYSTEM, *MESSAGES], **given)]

    assert not first.from_book
    assert all(each.from_book and each.text == first.text for each in again)
    assert pieces[-1].answer is not None
    assert pieces[-1].answer.from_book


async def test_values_fill_every_message(lab: Lab) -> None:
    """A conversation with values is a template: slots in each of its parts."""
    said = [
        ("system", "{{ a }}"),
        ("user", "{{ b }}"),
        ("assistant", "{{ a }}"),
        ("user", "{{ c }}"),
    ]
    plain = [("system", "1"), ("user", "2"), ("assistant", "1"), ("user", "3")]
    given: dict[str, Any] = {"model": "claude", "temperature": 0.0, "max_tokens": 40}

    await lab.ask_async(messages=plain, **given)
    filled = await lab.ask_async(messages=said, values={"a": 1, "b": 2, "c": 3}, **given)

    assert filled.from_book


def test_a_template_in_a_question_keeps_its_turns(lab: Lab) -> None:
    """As in `%%llm`, whose cell is a template."""
    given: dict[str, Any] = {"model": "gpt", "seed": 5, "max_tokens": 20}
    messages = [(role, text) for role, text in zip(ROLES, [
        "Acme beats forecasts", "positive", "Shares of Bolt plunge", "negative", "Profit doubles",
    ], strict=True)]  # fmt: skip

    first = lab.ask(SHOTS, values=VALUES, **given)
    second = lab.ask(messages=messages, system=shots().system, **given)

    assert second.from_book
    assert second.text == first.text


def test_jinja_that_does_not_parse_is_one_line(lab: Lab) -> None:
    """In a system prompt as elsewhere; it was jinja2's own error."""
    with pytest.raises(TemplateError, match="expected token"):
        lab.ask("hi", "gpt", system="{{ x", values={})


# ---- lab.chat -------------------------------------------------------------------------------


async def test_a_conversation_remembers_what_was_said(sim: Simulator) -> None:
    """Each message goes with all before it; the same again comes from the book for nothing."""
    with live(sim) as lab:
        chat = lab.chat("gpt", system="Be brief.", max_tokens=30)
        first = await chat.say_async("Up or down?")
        second = await chat.say_async("And Bolt?")
        sent = len(sim.log)
        cost = chat.cost

        again = lab.chat("gpt", system="Be brief.", max_tokens=30)
        texts = [(await again.say_async(text)).text for text in ("Up or down?", "And Bolt?")]

        assert texts == [first.text, second.text]
        assert len(sim.log) == sent == 2
        assert again.cost == 0
        assert cost is not None
        assert first.cost is not None
        assert cost > first.cost > 0
        assert (await chat.say_async("And Bolt?", repeat=1)).from_book is False
    assert second.usage.input is not None
    assert first.usage.input is not None
    assert second.usage.input > first.usage.input
    assert [message["role"] for message in again.messages] == ["system", *ROLES[:4]]
    assert again.turns[1] == Turn(role="assistant", text=first.text)


async def test_messages_of_a_chat_can_be_asked(lab: Lab) -> None:
    """What was said goes on as `messages=`."""
    chat = lab.chat("gpt", system="s", seed=9)
    await chat.say_async("one")
    await chat.say_async("two")

    asked = await lab.ask_async(
        messages=[*chat.messages[:-2], ("user", "two")], model="gpt", seed=9
    )

    assert asked.from_book
    assert asked.text == chat.answers[1].text


async def test_a_failed_message_leaves_the_conversation_as_it_was() -> None:
    """It can be said again."""
    faults = Faults.parse(["400"])
    async with Simulator(author=RuleAuthor(), faults=faults) as sim:
        with live(sim) as lab:
            chat = lab.chat("gpt")
            with pytest.raises(CallError):
                await chat.say_async("Up?")

            assert len(chat.turns) == len(chat.answers) == len(chat) == 0
            assert chat.cost == 0


async def test_a_cut_answer_stays_with_its_warning(lab: Lab) -> None:
    """Its words were said, and the next message goes on from them."""
    chat = lab.chat("claude", max_tokens=1)
    answer = await chat.say_async("Tell me a long story about banks")

    assert answer.gap == "cut"
    assert "goes on from an answer that was cut" in answer.warnings[-1]
    assert chat.turns[-1].text == answer.text


def _conversation(lab: Lab) -> Conversation:
    return lab.chat("gpt")


def test_an_answer_without_text_is_no_part_of_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers refuse an empty message; what it cost is counted."""
    from decimal import Decimal

    from llmlab.records import Usage

    async def empty(*_: object, **__: object) -> Answer:
        return Answer(text=" ", usage=Usage(), finish="stop", model="m", cost=Decimal("0.25"))

    monkeypatch.setattr("llmlab.runs.conversation.answer_to", empty)
    chat = _conversation(lab)

    answer = chat.say("Up?")

    assert chat.turns == ()
    assert "no text came" in answer.warnings[-1]
    assert chat.cost == Decimal("0.25")


async def test_a_fork_goes_on_by_itself(lab: Lab) -> None:
    """Two continuations of one beginning; an answer's braces are sent as they are."""
    chat = lab.chat("gpt", seed=1)
    await chat.say_async("one")
    other = chat.fork()
    await other.say_async("two")

    assert (len(chat), len(other)) == (2, 4)
    assert other.turns[:2] == chat.turns


async def test_one_message_at_a_time(sim: Simulator) -> None:
    """A second one needs the first one's answer, and is refused meanwhile; a stream may be left."""
    with live(sim) as lab:
        chat = lab.chat("gpt")
        told = chat.stream("one")
        await anext(told)
        with pytest.raises(UsageError, match="waits for an answer"):
            await chat.say_async("two")
        await told.aclose()
        assert len(chat) == 0

        pieces = [piece async for piece in chat.stream("two")]

    assert len(chat) == 2
    assert pieces[-1].answer is chat.answers[-1]
    assert "".join(piece.text for piece in pieces) == chat.turns[-1].text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "gtp"}, "did you mean gpt"),
        ({"temprature": 1}, "did you mean temperature"),
        ({"system": "{{ x }}"}, "nothing fills"),
        ({"model": "six"}, "names several"),
        ({"values": {}}, "takes no values"),
    ],
)
def test_a_conversation_is_checked_when_it_begins(
    lab: Lab, options: dict[str, Any], words: str
) -> None:
    """Not at its first message."""
    with pytest.raises(UsageError, match=words):
        lab.chat(**options)


def test_a_conversation_shows_itself(lab: Lab) -> None:
    """In a cell and in a terminal; what was said is text, whatever is in it."""
    chat = lab.chat("gpt", system="<b>", seed=1)
    chat.say("<img src=x>")

    assert "&lt;img src=x&gt;" in chat._repr_html_()
    assert "<img" not in chat._repr_html_()
    assert repr(chat).startswith("conversation with gpt: 2 messages")
    assert "(simulated: a stand-in answered)" in repr(chat)


async def test_a_conversation_replays_from_a_tape(sim: Simulator, tmp_path: Path) -> None:
    """Recorded, then answered without a provider; another message is a miss."""
    tape = tmp_path / "talk.jsonl"
    with live(sim, mode="record", tape=tape) as lab:
        chat = lab.chat("claude", system="Be brief.")
        texts = [(await chat.say_async(text)).text for text in ("one", "two")]
    calls = len(sim.log)

    with live(sim, mode="replay", tape=tape) as lab:
        chat = lab.chat("claude", system="Be brief.")
        again = [(await chat.say_async(text)).text for text in ("one", "two")]
        with pytest.raises(ReplayMiss):
            await chat.say_async("three")

    assert again == texts
    assert len(sim.log) == calls == 2
    assert len(chat) == 4


# ---- system= --------------------------------------------------------------------------------

INPUTS = pd.DataFrame(
    {
        "headline": ["Profit up", "Shares plunge"],
        "label": ["positive", "negative"],
        "role": ["a quant", "a trader"],
    }
)
ASKED = {"on": INPUTS, "score": "label", "target": "label", "quiet": True}


def test_each_system_prompt_is_an_arm(lab: Lab) -> None:
    """Names and versions say which; slots in it are filled, and reports show its words."""
    run = lab.abtest(
        {"a": "Positive or negative: {{ headline }}"}, "gpt",
        system={"plain": None, "quant": "You are {{ role }}."}, **ASKED,  # type: ignore[arg-type]
    )  # fmt: skip

    assert sorted(set(run.rows["prompt"])) == ["a+plain", "a+quant"]
    versions = dict(zip(run.rows["prompt"], run.rows["prompt_version"], strict=True))
    assert versions["a+plain"] == parse("Positive or negative: {{ headline }}", name="a").version
    assert versions["a+quant"] != versions["a+plain"]
    assert "You are {{ role }}." in lab.history("a+quant").versions[-1].text


def test_one_system_prompt_goes_to_every_prompt(lab: Lab) -> None:
    """The run is another one where its words are others."""
    names = {
        lab.abtest({"a": "Say {{ headline }}"}, "gpt", system=text, **ASKED).name  # type: ignore[arg-type]
        for text in (None, "You are a quant.", "You are a trader.")
    }

    assert len(names) == 3


@pytest.mark.parametrize(
    ("prompts", "system", "words"),
    [
        ({"a": "[system]\ns\n[user]\nx"}, "t", r"'a' has a \[system\] part of its own"),
        ({"a": "x"}, {}, "system is empty"),
        ({"a": "x"}, " ", "system is empty"),
        ({"a": "x"}, {"q": ""}, "system prompt 'q' is empty"),
        ({"a": "x"}, {"q": 7}, "must be text, not of type int"),
        ({"a": "x"}, {"": "s"}, "is called '', which is no name"),
        ({"a": "x"}, ["s"], "system must be text, not of type list"),
        ({"a": "x", "a+q": "y"}, {"q": "s", "q+q": "t"}, r"two prompts would be called 'a\+q\+q'"),
        ({"a": "x"}, "{{ y }}", "no value for"),
    ],
)
def test_a_system_prompt_is_checked(
    lab: Lab, prompts: dict[str, str], system: Any, words: str
) -> None:
    """Before anything is sent, in one line."""
    with pytest.raises(UsageError, match=words):
        lab.abtest(prompts, "gpt", system=system, quiet=True)


# ---- guards, reports ------------------------------------------------------------------------


def test_examples_that_quote_the_inputs_are_leaks(lab: Lab) -> None:
    """A few-shot example out of the test set is the usual leak; same turns are same words."""
    example = "[user]\nAcme beats every forecast\n[assistant]\npositive"
    run = lab.abtest(
        {"shots": f"{example}\n[user]\n{{{{ headline }}}}"},
        "gpt",
        on=pd.DataFrame({"headline": ["Acme beats every forecast", "Bolt sinks"]}),
        quiet=True,
    )

    assert any("quotes 1 of the inputs" in note for note in run.notes)


@pytest.mark.parametrize("suffix", ["html", "md", "json", "xlsx"])
def test_reports_show_every_turn(lab: Lab, tmp_path: Path, suffix: str) -> None:
    """Who said it, and the words, slots included."""
    import openpyxl

    run = lab.abtest(
        {"shots": "[user]\nUp, Acme?\n[assistant]\nrather so\n[user]\n{{ headline }}"},
        "gpt", on=INPUTS, quiet=True,
    )  # fmt: skip
    path = tmp_path / f"run.{suffix}"
    run.export(path)

    if suffix == "xlsx":
        sheet = openpyxl.load_workbook(path)["prompts"]
        text = str([[cell.value for cell in row] for row in sheet.iter_rows()])
    else:
        text = path.read_text("utf-8")

    assert "Up, Acme?" in text
    assert "rather so" in text
    assert "assistant" in text
