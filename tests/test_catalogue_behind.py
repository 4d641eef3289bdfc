"""What the catalogue says of November 2026, and how it learns where it is behind."""

from datetime import date

import pytest

from llmlab import Lab
from llmlab.backends.behind import behind
from llmlab.catalogue import Catalogue
from llmlab.catalogue.parameters import check
from llmlab.cli import main
from llmlab.pricing import Prices
from llmlab.providers.listing import ListedModel
from llmlab.records import Answer, Parameters, Prompt, Request, Row, Usage
from llmlab.runs.answered import is_same, others

CATALOGUE = Catalogue.load(None)
NOW = 1_795_000_000.0


def test_grok_takes_xhigh_and_knows_until_may() -> None:
    """By docs.x.ai: grok-4.7's efforts and knowledge."""
    for name in ("xai/grok-4.7", "xai/grok-4.6", "xai/grok-4.5"):
        model = CATALOGUE.listed[name]
        assert check(Parameters(effort="xhigh"), model, "chat").parameters.effort == "xhigh"
    assert CATALOGUE.listed["xai/grok-4.7"].cutoff == date(2026, 5, 31)


@pytest.mark.parametrize(("tokens", "usd"), [(199_999, "0.399998"), (200_000, "0.8")])
def test_the_long_context_price_of_xai_begins_at_200_000(tokens: int, usd: str) -> None:
    """At it, and not above it."""
    cost = Prices().cost(Usage(input=tokens, output=0), "xai", "grok-4.7", NOW)
    assert cost is not None
    assert str(cost.usd.normalize()) == usd


@pytest.mark.parametrize(
    "name",
    [
        "anthropic/claude-opus-4-5",
        "anthropic/claude-mythos-5",
        "anthropic/claude-mythos-5-1",
        "openai/gpt-5.2-pro",
        "xai/grok-4.20-multi-agent",
    ],
)
def test_models_that_were_missing_are_known_with_their_price(name: str) -> None:
    """A window, a wire and dollars."""
    model = CATALOGUE.listed[name]
    assert model.context
    assert Prices().price(model.provider, model.id, NOW) is not None


def test_what_is_served_on_responses_alone_is_asked_there() -> None:
    """Chat completions would be refused."""
    for name in ("openai/gpt-5.2-pro", "xai/grok-4.20-multi-agent"):
        assert CATALOGUE.listed[name].apis == ("responses",)


# ---- where it is behind


@pytest.fixture(scope="module")
def found() -> tuple[str, ...]:
    """Compare with a list of Anthropic's that knows more and other than the catalogue."""
    served = (
        ListedModel(id="claude-opus-5-5", context=2_000_000, max_output=128_000),
        ListedModel(id="claude-haiku-4-5-20251001", retires=date(2027, 1, 1)),
        ListedModel(id="claude-epic-7-20270101"),
        ListedModel(id="claude-3-opus-20240229"),
    )
    return behind(CATALOGUE, {"anthropic": served}, Prices(), at=NOW)


def test_a_model_that_only_the_provider_knows_is_named(found: tuple[str, ...]) -> None:
    """What is dead is not, nor a snapshot of what is known."""
    (line,) = [each for each in found if each.startswith("anthropic: served")]
    assert line == "anthropic: served and not in the catalogue: claude-epic-7-20270101"


def test_what_the_provider_says_otherwise_is_named(found: tuple[str, ...]) -> None:
    """Windows, longest answers, days of retirement."""
    assert "anthropic/claude-opus-5-5: window is 1,000,000 here, 2,000,000 by the provider" in found
    late = "anthropic/claude-haiku-4-5: retires is not known here, 2027-01-01 by the provider"
    assert late in found
    assert "anthropic/claude-opus-5: not on the list of anthropic" in found


def test_what_the_price_table_has_more_or_less_is_named(found: tuple[str, ...]) -> None:
    """Models of text alone; none that is dead."""
    (priced,) = [each for each in found if each.startswith("openai: priced")]
    assert "gpt-5-pro" in priced
    assert not {"whisper-1", "gpt-image-2", "gpt-4-turbo", "tts-1"} & set(priced.split(", "))
    assert any("without a price: openai/gpt-6.2-astra" in each for each in found)


def test_who_cannot_be_asked_is_left_out(found: tuple[str, ...]) -> None:
    """Nothing is said to be gone by a list that nobody read."""
    assert not any("not on the list of openai" in each for each in found)


def test_a_shell_prints_what_is_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a key, by the price table alone."""
    assert main(["models", "--check"]) == 0
    said = capsys.readouterr().out
    assert "priced and not in the catalogue" in said
    assert "prices by genai-prices" in said


# ---- who answered


@pytest.mark.parametrize(
    ("asked", "said", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514", True),
        ("grok-4.5-latest", "grok-4.5", True),
        ("openai/gpt-4o", "gpt-4o", True),
        ("deepseek-v4-pro", "deepseek-v4-pro-0813", True),
        ("deepseek-v4-pro", "deepseek-flash", False),
    ],
)
def test_a_snapshot_is_the_same_model(asked: str, said: str, *, same: bool) -> None:
    """A date or `latest` makes no other model of it."""
    assert is_same(asked, said) is same


def test_another_model_that_answers_is_named_in_a_note() -> None:
    """What third parties say of deepseek-v4-pro is seen, one way or the other."""

    def row(said: str) -> Row:
        request = Request(
            provider="deepseek",
            model="deepseek-v4-pro",
            prompt=Prompt(name="p", user="x"),
            label="deepseek-think",
        )
        answer = Answer(text="yes", usage=Usage(), finish="stop", model=said)
        return Row(run="r", request=request, request_hash="h", input_id="0", outcome=answer)

    rows = [row("deepseek-v4-pro"), row("deepseek-flash"), row("deepseek-flash")]
    (note,) = others(rows)
    assert note == (
        "deepseek-think, 2 of 3 answers: deepseek-v4-pro was asked, and the provider says that "
        "deepseek-flash answered."
    )
    assert others(rows[:1]) == ()


def test_a_lab_says_it_too() -> None:
    """The same lines, in a notebook."""
    with Lab(book=":memory:") as lab:
        assert any("priced and not in the catalogue" in each for each in lab.behind())
