"""What people type finds the model they mean, or one line that says what to type."""

import pickle
import re
import time
from datetime import date, timedelta

import pytest

from llmlab.catalogue import Catalogue, check, fits, for_arm, table
from llmlab.errors import TokenBudgetError, UnknownModel, UsageError
from llmlab.records import Parameters

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module", name="catalogue")
def _catalogue() -> Catalogue:
    return Catalogue.load()


def test_six_is_the_six_models_with_what_each_is_asked(catalogue: Catalogue) -> None:
    """`six` plays one model of each provider, DeepSeek twice, none reasoning unless named so."""
    #
    arms = catalogue.arms("six")

    assert {arm.label: (arm.model.name, dict(arm.parameters)) for arm in arms} == {
        "gpt": ("openai/gpt-6-luna", {"effort": "none"}),
        "claude": ("anthropic/claude-haiku-4-5", {}),
        "deepseek": ("deepseek/deepseek-flash", {"thinking": False}),
        "deepseek-think": ("deepseek/deepseek-v4-pro", {"thinking": True}),
        "grok": ("xai/grok-4.3", {"effort": "none"}),
        "qwen": ("ollama/qwen2.5:7b", {}),
    }


def test_every_name_in_the_file_leads_to_a_living_listed_model(catalogue: Catalogue) -> None:
    """No alias, line-up or model of the file is dead, unlisted, or asked what it refuses."""
    #
    arms = [*catalogue.aliases.values(), *(a for n in catalogue.lineups for a in catalogue.arms(n))]

    for arm in arms:
        asked = for_arm(arm, Parameters())
        assert arm.model.listed
        assert arm.model.retires is None or arm.model.retires > TODAY + timedelta(days=60)
        assert check(asked, arm.model, arm.model.apis[0]).parameters == asked


def test_every_model_is_found_by_its_full_name_and_by_its_id(catalogue: Catalogue) -> None:
    """`provider/model` and the bare id are the same model, in a family that the file defines."""
    for model in catalogue.models():
        assert catalogue.find(model.name) == model
        assert catalogue.find(model.id) == model
        assert model.rules in catalogue.rules.values()
        assert model.apis


def test_every_replacement_of_a_dead_model_can_be_asked(catalogue: Catalogue) -> None:
    """What the file says to use instead of a dead model is an alias or a listed model."""
    for entry in catalogue.dead:
        assert catalogue.find(entry.use.split(" (")[0]).listed


def test_a_cut_off_always_says_where_it_is_published(catalogue: Catalogue) -> None:
    """A knowledge cut-off has a source, and no source stands without one."""
    for model in catalogue.models():
        assert (model.cutoff is None) == (model.cutoff_source == "")
        assert model.cutoff is None or model.cutoff < TODAY


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"),
        ("openai/gpt-6-luna-2026-08-01", "openai/gpt-6-luna"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o"),
    ],
)
def test_a_dated_snapshot_keeps_its_id_and_has_its_familys_rules(
    catalogue: Catalogue, name: str, family: str
) -> None:
    """A snapshot goes on the wire as typed, with what is known of its family."""
    base = catalogue.find(family)

    found = catalogue.find(name)

    assert found.id == name.rpartition("/")[2]
    assert (found.provider, found.context, found.rules) == (
        base.provider, base.context, base.rules,
    )  # fmt: skip
    assert found.listed


@pytest.mark.parametrize("provider", ["openai", "anthropic", "deepseek", "xai", "ollama", "local"])
def test_an_id_nobody_listed_is_asked_for_all_its_wire_can_carry(
    catalogue: Catalogue, provider: str
) -> None:
    """An unknown id of a known provider is no error: unlisted, and free of model rules."""
    model = catalogue.find(f"{provider}/made/of:wood")

    assert (model.id, model.listed, model.context, model.cutoff) == (
        "made/of:wood", False, None, None,
    )  # fmt: skip
    assert model.apis == catalogue.providers[provider].apis
    check(Parameters(temperature=0.3, top_p=0.9, max_tokens=10**6), model, model.apis[0])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gtp", "'gpt'"),
        ("cluade", "'claude'"),
        ("deepseek-thnk", "'deepseek-think'"),
        ("opnai/gpt-4o", "'openai/gpt-4o'"),
        ("claude-haiku-45", "'claude-haiku-4-5'"),
        ("QWEN", "'qwen'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(
    catalogue: Catalogue, typed: str, meant: str
) -> None:
    """The error is one line with at most three names, the meant one among them."""
    with pytest.raises(UnknownModel) as refused:
        catalogue.find(typed)

    message = str(refused.value)
    assert meant in message
    assert "\n" not in message
    assert 1 <= len(re.findall(r"'[^']+'", message.partition("did you mean")[2])) <= 3


def test_a_name_like_nothing_known_gets_the_short_names(catalogue: Catalogue) -> None:
    """Where nothing is near, the aliases are listed."""
    with pytest.raises(UnknownModel, match=r"short names: gpt, claude, deepseek"):
        catalogue.find("zzzzzzzzzzzz")


@pytest.mark.parametrize(
    ("name", "since", "use"),
    [
        ("o3-mini", "2026-10-23", "gpt-6-luna"),
        ("openai/gpt-4-0613", "2026-10-23", "gpt-6.1-terra"),
        ("deepseek-chat", "2026-07-24", "thinking=False"),
        ("deepseek/deepseek-reasoner", "2026-07-24", "thinking=True"),
        ("xai/grok-4-0709", "2026-05-15", "grok-4.3"),
        ("grok-4-1-fast-reasoning", "2026-05-15", "grok-4.3"),
        ("claude-sonnet-4-20250514", "2026-06-15", "claude-sonnet-5-5"),
        ("claude-3-5-haiku-20241022", "no longer served;", "claude-haiku-4-5"),
    ],
)
def test_a_dead_model_says_since_when_and_what_to_use(
    catalogue: Catalogue, name: str, since: str, use: str
) -> None:
    """A retired id is refused before it is sent, with its day and its successor."""
    with pytest.raises(UnknownModel, match="no longer served") as refused:
        catalogue.find(name)

    assert since in str(refused.value)
    assert use in str(refused.value)


def test_arms_take_strings_commas_lists_and_lineups(catalogue: Catalogue) -> None:
    """A cell may write `gpt, claude`, a list, or a line-up; the order is kept."""
    assert [a.label for a in catalogue.arms("grok, gpt")] == ["grok", "gpt"]
    assert [a.label for a in catalogue.arms(["claude", "qwen,openai/gpt-4o"])] == [
        "claude", "qwen", "openai/gpt-4o",
    ]  # fmt: skip
    assert len(catalogue.arms(["six", "llama"])) == 7


@pytest.mark.parametrize("names", ["gpt,gpt", "six,qwen", "claude, claude-haiku-4-5"])
def test_the_same_model_asked_the_same_way_twice_is_refused(
    catalogue: Catalogue, names: str
) -> None:
    """Two arms that are one would halve each other's evidence: named twice is an error."""
    with pytest.raises(UsageError, match=r"twice|same model"):
        catalogue.arms(names)


def test_one_model_asked_in_two_ways_is_two_arms(catalogue: Catalogue) -> None:
    """The same model with and without reasoning is a comparison people make."""
    assert len(catalogue.arms("gpt, openai/gpt-6-luna")) == 2


@pytest.mark.parametrize("nothing", ["", " , ", []])
def test_no_name_at_all_is_an_error(catalogue: Catalogue, nothing: str | list[str]) -> None:
    """An empty line-up is said, not run."""
    with pytest.raises(UsageError, match="no model was named"):
        catalogue.arms(nothing)


def test_a_lineup_where_one_model_is_wanted_is_explained(catalogue: Catalogue) -> None:
    """`six` is not one model, and the error says which are in it."""
    with pytest.raises(UnknownModel, match=r"line-up.*gpt, claude"):
        catalogue.find("six")


def test_models_near_their_end_are_told_soonest_first(catalogue: Catalogue) -> None:
    """What retires within sixty days is listed by day; what retires later is not."""
    dying = catalogue.dying(TODAY)

    assert dying[0][0].name == "anthropic/claude-sonnet-4-5"
    assert {m.id for m, day in dying if day == date(2026, 12, 11)} == {
        "gpt-5", "gpt-5-mini", "gpt-5-nano", "o3",
    }  # fmt: skip
    assert {m.id for m, day in dying if day == date(2027, 1, 14)} >= {"gpt-4o", "gpt-4.1-mini"}
    assert "gpt-5.1" not in {m.id for m, _ in dying}
    assert "gpt-5.1" in {m.id for m, _ in catalogue.dying(TODAY, within_days=130)}


def test_prompt_and_answer_must_fit_the_window(catalogue: Catalogue) -> None:
    """The last token that fits passes, the next is refused with what to ask instead."""
    #
    model = catalogue.find("gpt-4o")

    fits(model, 127_488, 512)
    fits(catalogue.find("openai/unlisted"), 10**9, 512)
    with pytest.raises(TokenBudgetError, match=r"128,000 by 1;.*max_tokens=511 at most"):
        fits(model, 127_489, 512)
    with pytest.raises(TokenBudgetError, match="max_tokens cannot help"):
        fits(model, 128_000, 1)


def test_a_smaller_context_than_the_models_is_the_window(catalogue: Catalogue) -> None:
    """Ollama cuts prompts silently at `num_ctx`, so that is what has to hold them."""
    #
    qwen = catalogue.find("qwen")

    fits(qwen, 5000, 512)
    with pytest.raises(TokenBudgetError, match="window of 4,096"):
        fits(qwen, 5000, 512, context=4096)


def test_the_table_has_a_row_for_every_model(catalogue: Catalogue) -> None:
    """`llmlab models` shows each model with its names, window, cut-off and last day."""
    rows = table(catalogue)

    assert len(rows) == len(catalogue.models())
    assert next(row for row in rows if row["model"] == "anthropic/claude-haiku-4-5") == {
        "provider": "anthropic",
        "model": "anthropic/claude-haiku-4-5",
        "aliases": ("claude",),
        "context": 200_000,
        "max_output": 64_000,
        "cutoff": date(2025, 7, 31),
        "retires": None,
    }
    assert {row["provider"] for row in table(catalogue, provider="xai")} == {"xai"}


@pytest.mark.parametrize(
    ("provider", "key", "good"),
    [
        ("openai", "sk-proj-" + "a" * 40, True),
        ("openai", "sk-ant-api03-" + "a" * 40, False),
        ("openai", "sk-admin-" + "a" * 40, False),
        ("anthropic", "sk-ant-api03-" + "a" * 40, True),
        ("anthropic", "sk-ant-admin01-" + "a" * 40, False),
        ("deepseek", "sk-" + "0a" * 16, True),
        ("deepseek", "sk-proj-" + "a" * 40, False),
        ("xai", "xai-" + "a" * 80, True),
        ("xai", "sk-" + "0a" * 16, False),
    ],
)
def test_a_key_of_another_provider_does_not_pass_for_this_ones(
    catalogue: Catalogue, provider: str, key: str, *, good: bool
) -> None:
    """The shape of a key tells a pasted wrong key before anything is sent."""
    #
    shape = catalogue.providers[provider].key_shape

    assert bool(re.fullmatch(shape, key)) is good


def test_xai_reads_the_older_variable_second(catalogue: Catalogue) -> None:
    """`XAI_API_KEY` comes before `XAI_BEARER_API_KEY`."""
    #
    assert catalogue.providers["xai"].keys == ("XAI_API_KEY", "XAI_BEARER_API_KEY")


def test_a_catalogue_travels_to_another_process(catalogue: Catalogue) -> None:
    """Dask workers get the catalogue by pickle, unchanged."""
    assert pickle.loads(pickle.dumps(catalogue)) == catalogue  # noqa: S301 - our own bytes


def test_loading_takes_milliseconds() -> None:
    """The best of five loads stays under 10 ms of processor time."""
    times = []
    for _ in range(5):
        start = time.process_time()
        Catalogue.load()
        times.append(time.process_time() - start)

    assert min(times) < 0.010
