"""Widgets without a page: their traits, what they do, and the still picture that is saved."""

import asyncio
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.comparison import Comparison
from llmlab.errors import ConfigError, UsageError
from llmlab.sim import RuleAuthor, Simulator, environment
from llmlab.tokens import Text
from llmlab.widgets import Answers, ModelPicker, RunMonitor, SpendBoard, TokenBudget

FRAME = pd.DataFrame({"headline": ["up", "down", "flat"], "label": ["positive", "negative", "x"]})


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab whose stand-ins answer by rule."""
    with Lab(
        book=":memory:",
        mode="stand-in",
        config=tmp_path,
        env={"LLMLAB_LOCAL_MODEL": str(tmp_path)},
        budget={"day": 1.0},
    ) as made:
        yield made


@pytest.fixture
def run(lab: Lab) -> Comparison:
    """Two prompts, two models, three inputs."""
    prompts = {"ask": "Mood? {{ headline }}", "tell": "Say <b>{{ headline }}</b>"}
    return lab.abtest(prompts, ["gpt", "claude"], on=FRAME, quiet=True)


def bundle(widget: object) -> dict[str, str]:
    """Return what is saved with a notebook."""
    made = widget._repr_mimebundle_()  # type: ignore[attr-defined]  # every widget has it
    return dict(made[0] if isinstance(made, tuple) else made)


def test_every_widget_leaves_a_still_picture_in_a_saved_notebook(lab: Lab, run: Comparison) -> None:
    """A page without a kernel has HTML and text of what the widget showed."""
    handle = lab.start({"a": "{{ headline }}"}, "gpt", on=FRAME)
    handle.result(20)

    widgets = [
        Answers(run, lab=lab),
        ModelPicker(lab=lab),
        TokenBudget("Say {{ x }}", {"x": "this"}, lab=lab),
        SpendBoard(lab=lab),
        RunMonitor(handle),
    ]

    for widget in widgets:
        saved = bundle(widget)
        assert 'class="llmlab' in saved["text/html"]
        assert "object at 0x" not in saved["text/plain"]
        assert "application/vnd.jupyter.widget-view+json" in saved


def test_the_budget_follows_models_words_and_values(lab: Lab) -> None:
    """Bars move with the picker, the template, the values and the output limit."""
    picker = ModelPicker(["gpt"], lab=lab)
    news = Text([f"Item {i}: margins widen." for i in range(400)], "news")
    budget = TokenBudget("Sum up.\n{{ news }}", {"news": news}, picker, lab=lab)
    before = budget.filled[0]

    picker.chosen = ["gpt", "smollm"]
    budget.template = "Sum up at length, with every figure there is.\n{{ news }}"

    gpt, smollm = budget.filled
    assert gpt.parts[0].tokens > before.parts[0].tokens
    assert "rows left out" in smollm.parts[1].fate
    assert smollm.used <= smollm.room
    budget.max_tokens = 1024
    assert budget.filled[1].room == smollm.room - 512
    budget.values = {"news": "short"}
    assert budget.filled[0].used < 50


def test_a_slip_in_the_template_is_said_in_the_bars(lab: Lab) -> None:
    """What cannot be filled is a line in the widget, not a traceback."""
    budget = TokenBudget("{{ nothing }}", {}, "gpt", lab=lab)

    assert "no value for" in budget.filled[0].trouble
    assert "no value for" in budget.still()


def test_marks_reach_the_book_and_the_statistics(lab: Lab, run: Comparison) -> None:
    """A mark is in the book at once, is there again next time, and scores the answer."""
    first, second = run.rows["request_hash"].head(2)
    answers = Answers(run, lab=lab)

    answers.mark(first, "right")
    answers.marks = {**answers.marks, second: "wrong"}

    assert lab.book.labels("human") == {first: "right", second: "wrong"}
    assert Answers(run, lab=lab).marks == {first: "right", second: "wrong"}
    marked = answers.marked().rows
    assert sorted(marked["score"].dropna()) == [0.0, 1.0]
    answers.marks = {first: "right"}
    assert Answers(run, lab=lab).marks == {first: "right"}


def test_what_cannot_be_marked_is_said(lab: Lab, run: Comparison) -> None:
    """A mark is right or wrong, and of a call of this run."""
    answers = Answers(run, lab=lab)

    with pytest.raises(UsageError, match="right or wrong"):
        answers.mark(run.rows["request_hash"].iloc[0], "maybe")
    with pytest.raises(UsageError, match="no call"):
        answers.mark("f" * 64, "right")


def test_answers_filter_page_and_compare(lab: Lab, run: Comparison) -> None:
    """Pages hold so many inputs; the filter leaves those where arms differ; words are escaped."""
    answers = Answers(run, lab=lab, per_page=2)

    assert [len(answers.rows), answers.pages] == [2, 2]
    answers.page = 1
    assert len(answers.rows) == 1
    answers.only_disagreement = True
    assert answers.page == 0
    answers.diff = True
    html = "".join(cell["html"] for row in answers.rows for cell in row["cells"])
    assert "<ins>" in html
    assert "<b>" not in html


def test_a_line_up_is_saved_and_read_by_the_next_lab(lab: Lab, tmp_path: Path) -> None:
    """A choice that was saved is a line-up of the catalogue from then on."""
    picker = ModelPicker(["gpt", "claude"], lab=lab)
    path = tmp_path / "models.toml"

    picker.save("mine", path)
    assert [arm.label for arm in lab.catalogue.arms("mine")] == ["gpt", "claude"]
    assert picker.lineups["mine"] == ["gpt", "claude"]
    assert "mine" in repr(lab.abtest({"a": "Mood?"}, "mine", quiet=True, name="mine"))
    picker.chosen = ["grok"]
    picker.save("other", path)
    picker.save("mine", path)

    assert tomllib.loads(path.read_text())["lineups"] == {"mine": ["grok"], "other": ["grok"]}
    with Lab(book=":memory:", catalogue=str(path), env={}) as later:
        assert [arm.label for arm in later.catalogue.arms("mine")] == ["grok"]
    with pytest.raises(ConfigError, match="say where"):
        picker.save("nowhere")


@pytest.mark.parametrize(("name", "chosen"), [("claude", ["gpt"]), ("none", [])])
def test_a_line_up_that_no_lab_could_read_is_not_written(
    lab: Lab, tmp_path: Path, name: str, chosen: list[str]
) -> None:
    """An alias's name, or no model at all, is one line, and the file stays as it was."""
    picker = ModelPicker(["gpt"], lab=lab)
    picker.chosen = chosen

    with pytest.raises(ConfigError, match=f"lineups.{name}"):
        picker.save(name, tmp_path / "models.toml")

    assert not (tmp_path / "models.toml").exists()
    assert name not in lab.catalogue.lineups


def test_health_is_asked_for_free(lab: Lab) -> None:
    """`look` fills the health column."""
    picker = ModelPicker(["gpt"], lab=lab)

    picker.look()

    states = {cell[0] for row in picker.models for cell in row["cells"]}
    assert "stand-in" in states


def health_of(picker: ModelPicker) -> dict[str, str]:
    """The health column by model."""
    at = [head for head, _ in picker.heads].index("health")
    return {row["name"]: row["cells"][at][0] for row in picker.models}


def ended(picker: ModelPicker) -> threading.Event:
    """An event that is set when a look has ended."""
    done = threading.Event()

    def watch(change: dict[str, bool]) -> None:
        if not change["new"]:
            done.set()

    picker.observe(watch, "looking")
    return done


def test_the_button_looks_without_waiting(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click comes back at once and says that it asks; a second one meanwhile asks nothing."""
    may, asked = threading.Event(), []
    found = lab.health()

    def slow() -> pd.DataFrame:
        asked.append(1)
        may.wait(10)
        return found

    monkeypatch.setattr(lab, "health", slow)
    picker = ModelPicker(["gpt"], lab=lab)
    done = ended(picker)

    picker._handle_custom_msg("look", [])
    picker._handle_custom_msg("look", [])

    assert picker.looking
    assert "asking" in picker.told
    assert set(health_of(picker).values()) == {"\u2013"}
    may.set()
    assert done.wait(10)
    assert asked == [1]
    assert health_of(picker)["gpt"] == "stand-in"
    assert picker.told.startswith("asked at")


def test_a_look_that_cannot_be_is_said_in_the_widget(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong is a line beside the button, which works again."""

    def refused() -> pd.DataFrame:
        raise UsageError("replay sends nothing")

    monkeypatch.setattr(lab, "health", refused)
    picker = ModelPicker(["gpt"], lab=lab)
    done = ended(picker)

    picker.start_look()

    assert done.wait(10)
    assert picker.told == "replay sends nothing"


async def test_health_is_of_each_model(tmp_path: Path) -> None:
    """A provider that is well may not list a model, and Ollama may not have pulled it."""
    async with Simulator(author=RuleAuthor(seed=1)) as simulator:
        env = {"OPENAI_API_KEY": "sk-planted-0000000000000000000000", **environment(simulator)}
        async with Lab(book=":memory:", env=env, config=tmp_path) as live:
            picker = ModelPicker(["gpt"], lab=live)
            await asyncio.to_thread(picker.look)
            served = (await asyncio.to_thread(live.models, live=True)).set_index("model")["served"]

    states = health_of(picker)
    listed = {label: served[live.catalogue.aliases[label].model.name] for label in ("gpt", "qwen")}
    assert states["gpt"] == ("ok" if listed["gpt"] else "ok, not listed")
    assert states["qwen"] == ("ok" if listed["qwen"] else "not pulled")
    assert states["claude"] == "no key"
    assert "ok, not listed" in states.values()


def test_a_mark_without_the_widget_is_the_same_mark(lab: Lab, run: Comparison) -> None:
    """`lab.mark` writes what a click does; the widget shows it, `lab.marked` scores by it."""
    first, second = run.rows.iloc[0], run.rows.iloc[1]

    lab.mark(first)
    lab.mark(second["request_hash"], right=False)

    keys = [first["request_hash"], second["request_hash"]]
    assert Answers(run, lab=lab).marks == dict(zip(keys, ["right", "wrong"], strict=True))
    assert sorted(lab.marked(run).rows["score"].dropna()) == [0.0, 1.0]
    lab.mark(first, right=None)
    assert Answers(run, lab=lab).marks == {keys[1]: "wrong"}
    for wrong in ("f" * 64, 3, {"text": "x"}):
        with pytest.raises(UsageError, match="request_hash"):
            lab.mark(wrong)  # type: ignore[arg-type]


def test_the_spend_board_shows_the_day_against_its_limit(lab: Lab) -> None:
    """Dollars of today and the limit are traits."""
    board = SpendBoard(lab=lab)

    assert (board.today_usd, board.limit_usd) == (0.0, 1.0)
    assert "$0 today of $1.00" in board.still()
