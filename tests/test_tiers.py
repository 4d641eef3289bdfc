"""Tiers of service and regions: what is asked, read, priced, reserved and named."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.book import Book
from llmlab.calls.identity import content_of, key_of
from llmlab.calls.prepared import Prepared
from llmlab.calls.settling import Timing, valued
from llmlab.catalogue import Catalogue, Model
from llmlab.catalogue.parameters import check
from llmlab.errors import BadParameter
from llmlab.pricing import Prices
from llmlab.providers.registry import adapter_of
from llmlab.providers.tiers import bound_of
from llmlab.records import Api, HttpReply, Parameters, Prompt, Request, Usage
from llmlab.secrets import Secret
from llmlab.wire import Endpoint, Session
from tests.chaos import FakeTime, caller_on
from tests.loopback import Came, Loopback, Said

AT = 1_795_000_000.0

FRAME = pd.DataFrame({"x": [str(each) for each in range(8)]})
OPENAI, EU = "https://api.openai.com/v1", "https://eu.api.openai.com/v1"


def request(name: str, *, api: Api = "chat", stream: bool = False, **asked: Any) -> Request:
    """Ask the model *name* for a greeting."""
    provider, _, model = name.partition("/")
    return Request(
        provider=provider,
        model=model,
        prompt=Prompt(name="p", user="hello"),
        api=api,
        stream=stream,
        parameters=Parameters(**asked),
    )


def used(service_tier: str = "", region: str = "") -> Usage:
    """Use 1,000 tokens in and 100 out."""
    return Usage(input=1_000, output=100, service_tier=service_tier, region=region)


def body_of(asked: Request, base_url: str = OPENAI, *, speaks: str = "") -> dict[str, Any]:
    """Return what goes over the wire."""
    adapter = adapter_of(asked.provider, asked.api, speaks=speaks)
    call = adapter.write(asked, Model(provider=asked.provider, id=asked.model), base_url)
    found: dict[str, Any] = json.loads(call.body)
    return found


def prepared_at(base_url: str) -> Prepared:
    """Prepare a question to OpenAI's API at an address."""
    with Book.open(None) as book:
        caller = caller_on(book, Session(), FakeTime())
        model = Catalogue.load(None).arms("openai/gpt-6-sol")[0].model
        endpoint = Endpoint(provider="openai", base_url=base_url, key=Secret("k"))
        return caller.prepare(request("openai/gpt-6-sol"), model, endpoint)


def completion(tier: str | None, model: str = "gpt-6-sol") -> dict[str, Any]:
    """Make a chat completion of 1,000 tokens in and 100 out, served at *tier*."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "positive"},
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
    said = {} if tier is None else {"service_tier": tier}
    return {"id": "c", "model": model, "choices": [choice], "usage": usage, **said}


def at(tier: str | None) -> Callable[[Came], Said]:
    """Answer every chat completion at *tier*; at the one that was asked for where it is None."""

    def reply(came: Came) -> Said:
        asked = json.loads(came.body)
        served = tier or asked["service_tier"]
        return Said(body=json.dumps(completion(served, asked["model"])).encode())

    return reply


@pytest.fixture
def lab_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lab]:
    """Make labs all of whose providers are one server."""

    def made(server: Loopback, **settings: Any) -> Lab:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        return Lab(book=":memory:", **settings)

    return made


# ---- prices


@pytest.mark.parametrize(
    ("model", "standard", "flex", "priority"),
    [
        ("gpt-6-sol", "0.003", "0.0015", "0.006"),
        ("gpt-5.5", "0.008", "0.004", "0.02"),
        ("gpt-5", "0.00225", "0.001125", "0.0045"),
    ],
)
def test_tiers_are_priced_from_the_table(
    model: str, standard: str, flex: str, priority: str
) -> None:
    """1,000 tokens in and 100 out, at each tier that genai-prices lists."""
    prices = Prices()
    for tier, usd in {"": standard, "flex": flex, "priority": priority, "fast": priority}.items():
        cost = prices.cost(used(service_tier=tier), "openai", model, AT)
        assert cost is not None
        assert cost.usd == Decimal(usd), tier
        assert cost.basis.endswith(f"openai/{model}" + (f", {tier}" if tier else ""))


def test_a_tier_without_a_price_is_unknown_and_never_the_standard_one() -> None:
    """No price is listed for it: no dollars are said."""
    prices = Prices()
    for provider, model, tier in (
        ("openai", "gpt-6-sol", "scale"),
        ("openai", "gpt-4o", "flex"),
        ("anthropic", "claude-haiku-4-5", "priority"),
        ("xai", "grok-4.3", "priority"),
    ):
        assert prices.cost(used(service_tier=tier), provider, model, AT) is None
    own = prices.cost(used(service_tier="priority"), "ollama", "qwen3:8b", AT)
    assert own is not None
    assert own.usd == 0, "a model on this machine is free, whatever its server says"


@pytest.mark.parametrize(
    ("provider", "model", "charged"),
    [
        ("openai", "gpt-5.4", True),
        ("openai", "gpt-5.4-mini", True),
        ("openai", "gpt-6-luna", True),
        ("openai", "gpt-5.2", False),
        ("openai", "gpt-5-mini", False),
        ("openai", "gpt-4o-mini", False),
        ("openai", "o3", False),
        ("anthropic", "claude-opus-4-6", True),
        ("anthropic", "claude-sonnet-4-6", True),
        ("anthropic", "claude-opus-5-5", True),
        ("anthropic", "claude-haiku-4-5", False),
        ("anthropic", "claude-opus-4-5", False),
        ("deepseek", "deepseek-flash", False),
    ],
)
def test_a_region_costs_a_tenth_more_where_the_provider_says_so(
    provider: str, model: str, *, charged: bool
) -> None:
    """By the providers' pages: which models, and how much."""
    prices = Prices()
    plain = prices.cost(used(), provider, model, AT)
    there = prices.cost(used(region="us"), provider, model, AT)
    assert plain is not None
    assert there is not None
    assert there.usd == plain.usd * (Decimal("1.1") if charged else 1)
    assert there.basis.endswith(", in us") is charged


def test_a_batch_is_a_tier_of_its_own() -> None:
    """What flex calls would have cost by batch is the batch's price."""
    prices = Prices()
    plain, flex, there = (
        prices.cost(each, "openai", "gpt-6-sol", AT, batch=True)
        for each in (used(), used("flex"), used("", "eu"))
    )
    assert plain is not None
    assert flex is not None
    assert there is not None
    assert plain.usd == flex.usd == Decimal("0.0015")
    assert there.usd == plain.usd * Decimal("1.1")


def test_region_and_tier_multiply() -> None:
    """Priority in Europe costs 2 times 1.1 the standard price."""
    cost = Prices().cost(used(service_tier="priority", region="eu"), "openai", "gpt-6-sol", AT)
    assert cost is not None
    assert cost.usd == Decimal("0.0066")
    assert cost.basis.endswith("gpt-6-sol, priority, in eu")


def test_a_price_of_the_users_says_what_its_tiers_cost() -> None:
    """`flex` and `priority` are factors, as `batch` is; a tier that is not there is unknown."""
    prices = Prices({"openai/mine": {"input": 1, "output": 2, "flex": 0.5, "priority": 2}})
    costs = [
        prices.cost(used(service_tier=tier), "openai", "mine", AT)
        for tier in ("", "flex", "priority", "scale")
    ]
    assert [each and each.usd for each in costs] == [
        Decimal("0.0012"), Decimal("0.0006"), Decimal("0.0024"), None,
    ]  # fmt: skip


# ---- what is asked


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_the_standard_tier_is_asked_for_unless_another_is(api: Api) -> None:
    """What a project is set to never decides alone what a call costs."""
    assert body_of(request("openai/gpt-6-sol", api=api))["service_tier"] == "default"
    for tier in ("auto", "flex", "priority"):
        said = body_of(request("openai/gpt-6-sol", api=api, tier=tier))
        assert said["service_tier"] == tier


def test_anthropic_is_held_at_the_standard_tier_and_sells_speed() -> None:
    """`fast` is a field of its own, with the header that it needs."""
    said = body_of(request("anthropic/claude-opus-5-5", api="messages"))
    assert (said["service_tier"], "speed" in said) == ("standard_only", False)
    fast = request("anthropic/claude-opus-5-5", api="messages", tier="fast")
    call = adapter_of("anthropic").write(fast, Model(provider="anthropic", id="x"), "https://a.b")
    assert json.loads(call.body)["speed"] == "fast"
    assert call.headers["anthropic-beta"].startswith("fast-mode-")
    with pytest.raises(BadParameter, match="tier"):
        body_of(request("anthropic/claude-opus-5-5", api="messages", tier="flex"))


def test_no_tier_is_sent_where_none_is_known() -> None:
    """A gateway that speaks OpenAI's wire may refuse a field that it does not have."""
    gateway = request("harbour/tug-1")
    assert "service_tier" not in body_of(gateway, "https://x.example/v1", speaks="openai")
    for name in ("deepseek/deepseek-flash", "xai/grok-4.3", "local/m", "ollama/qwen3:8b"):
        assert "service_tier" not in body_of(request(name))


@pytest.mark.parametrize("name", ["deepseek/deepseek-flash", "xai/grok-4.3", "ollama/qwen3:8b"])
def test_a_tier_that_is_not_sold_is_refused_before_anything_is_sent(name: str) -> None:
    """The line says which are; with `drop` it is left out."""
    model = Catalogue.load(None).arms(name)[0].model
    with pytest.raises(BadParameter, match=r"tier='flex': .* is not sold at it; it accepts"):
        check(Parameters(tier="flex"), model, model.apis[0])
    with pytest.raises(BadParameter, match="knows no such tier"):
        check(Parameters(tier="bulk"), model, model.apis[0])  # type: ignore[arg-type]  # on purpose
    assert check(Parameters(tier="flex"), model, model.apis[0], drop=True).dropped == ("tier",)


@pytest.mark.parametrize(("name", "api"), [
    ("openai/gpt-6-sol", "chat"),
    ("openai/gpt-6-sol", "responses"),
    ("anthropic/claude-haiku-4-5", "messages"),
])  # fmt: skip
def test_what_holds_the_tier_leaves_an_answers_name_alone(name: str, api: Api) -> None:
    """Books of before are read on: the name goes by the body without what llmlab adds."""
    asked = request(name, api=api)
    model = Model(provider=asked.provider, id=asked.model)
    call = adapter_of(asked.provider, api).write(asked, model, OPENAI)
    before = {key: value for key, value in json.loads(call.body).items() if key != "service_tier"}
    assert json.loads(call.asked) == before
    assert call.body.startswith(call.asked[:-1])

    def named(tier: Any) -> tuple[str, str]:
        other = request(name, api=api, tier=tier)
        made = adapter_of(asked.provider, api).write(other, model, OPENAI)
        endpoint = Endpoint(provider=asked.provider, base_url=OPENAI, key=Secret("k"))
        return key_of(made, endpoint, path="/x", repeat=0), content_of(other)

    assert named(None) == named("default")
    if asked.provider == "openai":
        assert len({*named(None), *named("flex"), *named("priority")}) == 6


# ---- what is read


def test_whole_replies_and_streams_name_their_tier() -> None:
    """A stream says it in one of its chunks."""
    chat = adapter_of("openai", "chat")
    asked = request("openai/gpt-6-sol", stream=True)
    reply = HttpReply(status=200, headers={}, body=json.dumps(completion("priority")).encode())
    assert chat.read(reply, asked).usage.service_tier == "priority"
    decoder = chat.stream(asked)
    first = {"id": "c", "model": "m", "service_tier": "priority",
             "choices": [{"index": 0, "delta": {"content": "x"}}]}  # fmt: skip
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last = {"id": "c", "model": "m", "choices": [end],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1}}  # fmt: skip
    for each in (first, last):
        decoder.feed(b"data: " + json.dumps(each).encode() + b"\n\n")
    decoder.feed(b"data: [DONE]\n\n")
    assert decoder.close().usage.service_tier == "priority"


@pytest.mark.parametrize(("said", "tier"), [
    ("default", ""), ("standard", ""), ("flex", "flex"), (None, ""), (7, ""), (["flex"], ""),
])  # fmt: skip
def test_odd_words_for_a_tier_cost_no_answer(said: object, tier: str) -> None:
    """Only a word names a tier; what is no word is nothing."""
    responses = adapter_of("openai", "responses")
    body = {
        "id": "r", "status": "completed", "model": "gpt-6-sol", "service_tier": said,
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "yes"}]}],
        "usage": {"input_tokens": 10, "output_tokens": 1, "total_tokens": 11},
    }  # fmt: skip
    reply = HttpReply(status=200, headers={}, body=json.dumps(body).encode())
    answer = responses.read(reply, request("openai/gpt-6-sol", api="responses"))
    assert (answer.text, answer.usage.service_tier) == ("yes", tier)


@pytest.mark.parametrize(("told", "tier", "region"), [
    ({"service_tier": "standard", "inference_geo": "global"}, "", ""),
    ({"service_tier": "standard", "inference_geo": "not_available"}, "", ""),
    ({"service_tier": "priority"}, "priority", ""),
    ({"service_tier": "standard", "speed": "fast"}, "fast", ""),
    ({"service_tier": "standard", "speed": "standard", "inference_geo": "us"}, "", "us"),
    ({"service_tier": {"odd": 1}, "speed": 3, "inference_geo": []}, "", ""),
])  # fmt: skip
def test_anthropics_usage_names_tier_speed_and_region(
    told: dict[str, Any], tier: str, region: str
) -> None:
    """Speed and region count where they change the price."""
    usage = {"input_tokens": 1_000, "output_tokens": 100, **told}
    message = {"id": "m", "model": "claude-opus-5-5", "stop_reason": "end_turn", "usage": usage,
               "content": [{"type": "text", "text": "yes"}]}  # fmt: skip
    reply = HttpReply(status=200, headers={}, body=json.dumps(message).encode())
    answer = adapter_of("anthropic").read(reply, request("anthropic/claude-opus-5-5"))
    assert (answer.usage.service_tier, answer.usage.region) == (tier, region)
    assert answer.usage.input == 1_000


def test_a_silent_reply_counts_at_the_dearer_tier() -> None:
    """A server that does not say how it served: neither half a price nor less than was asked."""
    chat = adapter_of("openai", "chat")
    reply = HttpReply(status=200, headers={}, body=json.dumps(completion(None)).encode())
    found = [
        chat.read(reply, request("openai/gpt-6-sol", tier=tier)).usage.service_tier
        for tier in (None, "flex", "priority")
    ]
    assert found == ["", "", "priority"]


# ---- what can come


@pytest.mark.parametrize(("provider", "tier", "base_url", "bound"), [
    ("openai", None, OPENAI, ("", "")),
    ("openai", "default", EU, ("", "eu")),
    ("openai", "flex", OPENAI, ("flex", "")),
    ("openai", "auto", OPENAI, (None, "")),
    ("openai", None, "http://127.0.0.1:4000/v1", (None, "")),
    ("openai", "flex", "https://api.openai.com.evil.example/v1", (None, "")),
    ("anthropic", None, "https://api.anthropic.com", ("", "us")),
    ("anthropic", None, "http://127.0.0.1:4000", (None, "us")),
    ("harbour", None, "https://x.example/v1", (None, "")),
])  # fmt: skip
def test_only_the_provider_itself_is_taken_at_its_word(
    provider: str, tier: Any, base_url: str, bound: tuple[str | None, str]
) -> None:
    """What stands behind another address may leave the tier out."""
    assert bound_of(provider, tier, base_url) == bound


def test_the_reservation_is_the_dearest_that_can_come() -> None:
    """Where nothing is certain it is the dearest tier of all."""
    prices = Prices()

    def worst(tier: str | None, region: str = "") -> Decimal | None:
        return prices.worst("openai", "gpt-6-sol", 1_000, 100, AT, tier=tier, region=region)

    standard = worst("")
    assert standard is not None
    assert worst("flex") == standard / 2
    assert worst("priority") == worst(None) == standard * 2
    assert worst(None, "eu") == standard * 2 * Decimal("1.1")
    assert worst("scale") is None


# ---- all of it


@pytest.mark.parametrize(("tier", "usd"), [("priority", 0.02), ("flex", 0.004)])
def test_an_answer_at_a_tier_nobody_asked_for_is_priced_as_such_and_named(
    lab_at: Callable[..., Lab], tier: str, usd: float
) -> None:
    """In the row, its basis, and one note of the run."""
    with Loopback(at(tier)) as server, lab_at(server) as lab:
        run = lab.abtest({"A": "{{ x }}"}, ["openai/gpt-5.5"], on=FRAME)
        rows = run.rows
    assert json.loads(server.log[0].body)["service_tier"] == "default"
    assert rows["cost_usd"].tolist() == pytest.approx([usd] * 8)
    assert set(rows["service_tier"]) == {tier}
    assert all(f"answered at {tier}, which was not asked for" in each for each in rows["warnings"])
    note = f"openai/gpt-5.5, 8 calls: answered at {tier}, which was not asked for; they cost"
    assert any(each.startswith(note) for each in run.notes), run.notes
    assert rows["price_basis"].str.endswith(f", {tier}").all()


def test_a_flex_run_costs_half_in_plan_book_and_summary(lab_at: Callable[..., Lab]) -> None:
    """Asked for with `tier="flex"`, answered at it."""
    spent: dict[str | None, list[float]] = {}
    with Loopback(at(None)) as server, lab_at(server) as lab:
        for tier in (None, "flex"):
            before = lab.book.account().settled
            handle = lab.start(
                {"A": "{{ x }}"}, ["openai/gpt-6-sol"], on=FRAME, tier=tier, effort="none"
            )
            run, plan = handle.result(), handle.plan
            assert plan is not None
            book = lab.book.account().settled - before
            spent[tier] = [
                plan.expected_usd or 0.0, float(book), float(run.summary["cost_usd"].sum())
            ]  # fmt: skip
            assert not run.rows["warnings"].notna().any()
    assert spent["flex"] == pytest.approx([each / 2 for each in spent[None]])
    assert spent[None][1] == pytest.approx(8 * 0.003)


def test_a_limit_holds_when_every_answer_comes_at_the_dearest_tier(
    lab_at: Callable[..., Lab],
) -> None:
    """40 calls at $0.02 each under a run limit of $0.50, by what the server's answers cost."""
    frame = pd.DataFrame({"x": [f"{each} " + "word " * 960 for each in range(40)]})
    with Loopback(at("priority")) as server, lab_at(server, budget={"run": 0.50}) as lab:
        run = lab.abtest(
            {"A": "{{ x }}"}, ["openai/gpt-5.5"], on=frame, effort="none", max_tokens=100
        )
    assert 0.4 < len(server.log) * 0.02 <= 0.50
    assert run.rows["cost_usd"].sum() == pytest.approx(len(server.log) * 0.02)


def test_a_regional_address_is_charged_in_plan_and_answer() -> None:
    """OpenAI's regional addresses cost a tenth more, which no reply says."""
    prices = Prices()
    made = {url: prepared_at(url) for url in (OPENAI, EU)}
    answers = {
        url: valued(
            adapter_of("openai").read(
                HttpReply(status=200, headers={}, body=json.dumps(completion("default")).encode()),
                each.request,
            ),
            each,
            prices,
            AT,
            Timing(latency=1.0, ttfb=0.5),
        )
        for url, each in made.items()
    }
    assert answers[EU].cost == Decimal("0.0033")
    assert answers[OPENAI].cost == Decimal("0.003")
    assert made[EU].worst == (made[OPENAI].worst or 0) * Decimal("1.1")


def test_rows_are_priced_again_at_their_own_tier(
    lab_at: Callable[..., Lab], tmp_path: Path
) -> None:
    """The tier is a column, so that `reprice` knows it."""
    with Loopback(at("flex")) as server, lab_at(server) as lab:
        run = lab.abtest({"A": "{{ x }}"}, ["openai/gpt-6-sol"], on=FRAME, effort="none")
        again = run.reprice().rows
    assert again["cost_usd"].tolist() == pytest.approx(run.rows["cost_usd"].tolist())


# ---- the vendors' own readers


def test_the_vendors_sdks_read_the_same() -> None:
    """What OpenAI's and Anthropic's own classes say of the bytes that these tests are made of."""
    from anthropic.types import Message
    from openai.types.chat import ChatCompletion

    said = {**completion("priority"), "object": "chat.completion", "created": 1}
    theirs = ChatCompletion.model_validate(said)
    reply = HttpReply(status=200, headers={}, body=json.dumps(said).encode())
    ours = adapter_of("openai", "chat").read(reply, request("openai/gpt-6-sol"))
    assert theirs.service_tier == ours.usage.service_tier
    assert theirs.usage is not None
    assert (theirs.usage.prompt_tokens, theirs.usage.completion_tokens) == (
        ours.usage.input, ours.usage.output,
    )  # fmt: skip

    usage = {"input_tokens": 1_000, "output_tokens": 100, "service_tier": "standard",
             "speed": "fast", "inference_geo": "us"}  # fmt: skip
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
               "stop_reason": "end_turn", "stop_sequence": None, "usage": usage,
               "content": [{"type": "text", "text": "yes"}]}  # fmt: skip
    their = Message.model_validate(message).usage
    raw = HttpReply(status=200, headers={}, body=json.dumps(message).encode())
    our = adapter_of("anthropic").read(raw, request("anthropic/claude-opus-5-5")).usage
    assert (their.speed, their.inference_geo) == (our.service_tier, our.region)
