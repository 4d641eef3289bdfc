"""Widgets without a page: their traits, what they do, and the still picture that is saved."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.budget import Text
from llmlab.comparison import Comparison
from llmlab.errors import ConfigError, UsageError
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
    picker.chosen = ["grok"]
    picker.save("other", path)
    picker.save("mine", path)

    assert tomllib.loads(path.read_text())["lineups"] == {"mine": ["grok"], "other": ["grok"]}
    with Lab(book=":memory:", catalogue=str(path), env={}) as later:
        assert [arm.label for arm in later.catalogue.arms("mine")] == ["grok"]
    with pytest.raises(ConfigError, match="say where"):
        picker.save("nowhere")


def test_health_is_asked_for_free(lab: Lab) -> None:
    """`look` fills the health column."""
    picker = ModelPicker(["gpt"], lab=lab)

    picker.look()

    states = {cell[0] for row in picker.models for cell in row["cells"]}
    assert "stand-in" in states


def test_the_spend_board_shows_the_day_against_its_limit(lab: Lab) -> None:
    """Dollars of today and the limit are traits."""
    board = SpendBoard(lab=lab)

    assert (board.today_usd, board.limit_usd) == (0.0, 1.0)
    assert "$0 today of $1.00" in board.still()
