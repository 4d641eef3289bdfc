"""A gap is never a word unless it is asked for; what fills a slot is written as it is meant."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.catalogue import Catalogue
from llmlab.design.gaps import is_gap
from llmlab.errors import TemplateError, UsageError
from llmlab.runs.counting import shown
from llmlab.sim import Simulator
from llmlab.templates import parse
from llmlab.tokens import Text, fit, room
from llmlab.tokens.fit import blocks_of
from llmlab.tokens.pack import Packer
from tests.labs import lab_for
from tests.test_experiment import design

GAPS = [
    None, float("nan"), pd.NaT, pd.NA, "", "  \n", "\u200b \ufeff", np.float32("nan"),
    Decimal("NaN"), pd.DataFrame(), np.array([]),
]  # fmt: skip
DAY = pd.Timestamp("2026-01-02")


async def asked(
    simulator: Simulator, frame: pd.DataFrame | None, words: str, **options: Any
) -> Any:
    """Return the words that were sent, and the notes."""
    async with lab_for(simulator) as lab:
        run = await lab.abtest_async(
            {"A": words}, ["gpt"], on=frame, quiet=True, max_tokens=20, **options
        )
    return sorted(each.user for each in simulator.log if each.user), run


# ---- gaps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", GAPS, ids=lambda value: repr(value)[:40])
def test_a_gap_is_refused_with_count_and_first_index(gap: object) -> None:
    """Whatever stands for nothing: one line, before anything is sent, with both ways out."""
    frame = pd.DataFrame({"text": ["a", gap, "b", gap]}, index=list("wxyz"), dtype=object)

    with pytest.raises(UsageError) as caught:
        design({"A": "Say {{ text }}"}, on=frame, score=None, target=None)

    assert str(caught.value) == (
        "2 of 4 inputs have no value for {{ text }} (the first: x): "
        'missing="skip" leaves such inputs out, missing="send" sends a missing value as a word '
        "such as nan; or fill them in"
    )


@pytest.mark.parametrize(
    "value", [0, 0.5, False, "0", [], {}, "nan", "None", DAY, np.array([1])], ids=repr
)
def test_what_says_something_is_no_gap(value: object) -> None:
    """Zero, false and an empty list are values."""
    assert not is_gap(value)


async def test_skip_leaves_inputs_out_of_every_arm(simulator: Simulator) -> None:
    """The pairs stay pairs: targets, clusters and dates go by what is left, and a note says so."""
    frame = pd.DataFrame({
        "text": ["up", None, "down", "flat"], "more": ["a", "b", " ", "d"],
        "side": ["up", "down", "down", "down"], "day": [1, 1, 2, 2],
        "at": pd.to_datetime(["2020-01-01"] * 4), "unused": [None] * 4,
    }, index=list("wxyz"))  # fmt: skip

    words, run = await asked(
        simulator, frame, "Say {{ text }} {{ more }}", missing="skip", score="label",
        target="side", cluster="day", as_of="at",
    )  # fmt: skip

    assert words == ["Say flat d", "Say up a"]
    assert sorted(run.rows["input_id"]) == ["w", "z"]
    assert run.notes[0] == (
        "2 of 4 inputs have no value for {{ more }}, {{ text }} (the first: y): "
        "left out of every arm."
    )


async def test_send_sends_words_and_says_so(simulator: Simulator) -> None:
    """Who wants `nan` in a prompt gets it, with a note."""
    frame = pd.DataFrame({"text": ["up", np.nan]})

    words, run = await asked(simulator, frame, "Say {{ text }}", missing="send")

    assert words == ["Say nan", "Say up"]
    assert run.notes[0].endswith("(the first: 1): sent as words such as nan.")


@pytest.mark.parametrize(
    ("values", "missing", "says"),
    [
        ([None, ""], "skip", 'missing="skip" would leave no input to ask about'),
        (["a", "b"], "drop", "missing must be 'skip' or 'send', not 'drop'"),
    ],
)
def test_what_cannot_be_is_one_line(values: list[Any], missing: Any, says: str) -> None:
    """Skipping everything is no run, and there is no third way."""
    with pytest.raises(UsageError, match=says):
        design({"A": "{{ t }}"}, on=pd.DataFrame({"t": values}), score=None, target=None,
               missing=missing)  # fmt: skip


# ---- values -------------------------------------------------------------------------------

WRITTEN = [
    (3.0, "3"), (0.1 + 0.2, "0.3"), (123456789.12, "123456789.12"), (1e-07, "1e-07"),
    (np.float32(0.1), "0.1"), (np.float64(2602), "2602"), (1700000000123456.0, "1700000000123456"),
    (5, "5"), (np.int64(5), "5"), (True, "True"), (Decimal("1.50"), "1.50"),
    (DAY, "2026-01-02"), (pd.Timestamp("2026-01-02 09:30"), "2026-01-02 09:30:00"),
    (dt.date(2026, 1, 2), "2026-01-02"), (DAY.to_pydatetime(), "2026-01-02"),
    ("at 00:00:00 00:00:00", "at 00:00:00 00:00:00"), (np.array(3.5), "3.5"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), WRITTEN, ids=lambda value: repr(value)[:40])
def test_a_value_is_written_as_in_a_table(value: object, text: str) -> None:
    """No noise behind a float, no midnight behind a date; text is never touched."""
    assert parse("{{ value }}", name="A").fill({"value": value}).user == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_fifteen_digits(value: float) -> None:
    """What is written, read again, is the number to 6 digits at the far ends and 15 between."""
    text = parse("{{ value }}", name="A").fill({"value": value}).user

    near = 1e-14 if 1e-4 <= abs(value) < 1e15 else 1e-5
    assert float(text) == pytest.approx(value, rel=near)


def test_an_expression_computes_with_the_value() -> None:
    """Only what is printed is text; sums and questions see the number."""
    template = parse("{{ price * 2 }} {% if price > 1 %}dear{% endif %}", name="A")

    assert template.fill({"price": 1.1}).user == "2.2 dear"


def test_an_expression_that_raises_is_one_line() -> None:
    """A slip in a template is no traceback of pandas."""
    with pytest.raises(TemplateError, match="A, line 1 of its part: ZeroDivisionError"):
        parse("{{ 1 // x }}", name="A").fill({"x": 0})


# ---- frames -------------------------------------------------------------------------------

BIG = pd.DataFrame(np.arange(600).reshape(120, 5), columns=list("abcde"))
DATED = pd.Series([1.5, 2.0], index=pd.to_datetime(["2026-01-02", "2026-01-05"]), name="close")


@pytest.mark.parametrize(
    ("value", "has"),
    [
        (BIG, ["a,b,c,d,e\n0,1,2,3,4\n", "300,301,302,303,304\n", "595,596,597,598,599\n"]),
        (BIG["c"], ["\n2\n", "\n302\n", "\n597\n"]),
        (BIG.to_numpy(), ["\n0,1,2,3,4\n", "\n300,301,302,303,304\n"]),
        (DATED, ["index,close\n2026-01-02,1.5\n2026-01-05,2\n"]),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), ["x,x\n1,2\n"]),
        (pd.DataFrame({"x": [[1], {"a": 2}]}), ["x\n[1]\n"]),
        (pd.Index(["p", "q"]), ["\np\nq\n"]),
    ],
    ids=["frame", "series", "array", "dated", "twice", "lists", "index"],
)
async def test_a_table_in_a_slot_is_sent_whole(
    simulator: Simulator, value: object, has: list[str]
) -> None:
    """Every row and column reaches the model; nothing is `...`."""
    words, _ = await asked(simulator, None, "Look:\n{{ data }}", values={"data": value})

    assert all(part in words[0] for part in has)
    assert "..." not in words[0]
    assert "dtype" not in words[0]


def test_a_table_that_does_not_fit_is_packed_and_counted_as_sent() -> None:
    """What `TokenBudget` shows is what is sent: rows are left out whole, and a line says so."""
    model = Catalogue.load().find("ollama/qwen3:0.6b")
    frame = pd.DataFrame(np.arange(40_000).reshape(-1, 4), columns=list("abcd"))
    template = parse("Look:\n{{ data }}", name="A")

    fitted = fit(template, {"data": frame}, model, room(model, max_tokens=64), packer=Packer())

    assert fitted.packed is not None
    assert "rows left out" in fitted.packed.shares[0].fate
    assert "earlier rows left out" in fitted.prompt.user
    assert fitted.count.high <= fitted.room.tokens


def test_a_table_that_is_taken_apart_stays_what_it_is() -> None:
    """`{{ frame.a.max() }}` computes; a part that would be printed short is refused."""
    template = parse("{{ frame.a.max() }} of {{ frame | length }}", name="A")

    assert not blocks_of(template, {"frame": BIG})
    assert template.fill({"frame": BIG}).user == "595 of 120"
    with pytest.raises(TemplateError, match=r"A: a DataFrame of shape \(5, 5\) would be sent as a"):
        parse("{{ frame.head() }}", name="A").fill({"frame": BIG})


def test_three_dimensions_are_no_table() -> None:
    """One line says what cannot be shown."""
    with pytest.raises(UsageError, match=r"\{\{ x \}\} cannot be shown as a table"):
        blocks_of(parse("{{ x }}", name="A"), {"x": np.zeros((2, 2, 2))})


def test_a_judge_reads_what_was_asked() -> None:
    """The task in a judge's question has the whole table and the words of a block."""
    task = shown(
        [parse("{{ data }} {{ news }} {{ price }}", name="A")],
        {"data": BIG, "news": Text("Profit up."), "price": 2.0, "unused": 1},
    )

    assert task["price"] == "2"
    assert "300,301,302,303,304\n" in str(task["data"])
    assert "Profit up." in str(task["news"])
    assert set(task) == {"data", "news", "price"}


# ---- names that are no words --------------------------------------------------------------


async def test_a_column_with_blanks_is_reachable(simulator: Simulator) -> None:
    """`row` has every value by its name."""
    frame = pd.DataFrame({"head line": ["up"], "a.b": [1.0]})

    words, _ = await asked(simulator, frame, 'Say {{ row["head line"] }} {{ row["a.b"] }}')

    assert words == ["Say up 1"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("{{ head line }}", r'a name with spaces is written \{\{ row\["head line"\] \}\}'),
        ("{{ head.line }}", r'did you mean \{\{ row\["head.line"\] \}\}'),
        ('{{ row["head lin"] }}', r'no value for \{\{ row\["head lin"\] \}\}; did you mean'),
        ("{{ row.txt }}", r"no value for \{\{ txt \}\}; did you mean \{\{ text \}\}"),
        ("{{ row }}", r"no value for \{\{ row \}\}"),
    ],
)
def test_the_message_says_how_a_column_is_written(words: str, says: str) -> None:
    """Whoever writes the name as it is learns how it is reached."""
    frame = pd.DataFrame({"head.line": ["a"], "head line": ["b"], "text": ["c"]})

    with pytest.raises(UsageError, match=says):
        design({"A": words}, on=frame, score=None, target=None)


def test_a_gap_behind_row_is_a_gap() -> None:
    """What is read by way of `row` counts as used."""
    frame = pd.DataFrame({"head line": ["a", None]})

    with pytest.raises(UsageError, match=r'1 of 2 inputs has no value for \{\{ row\["head'):
        design({"A": '{{ row["head line"] }}'}, on=frame, score=None, target=None)


def test_a_column_called_row_is_a_column() -> None:
    """A value of that name wins."""
    assert parse("{{ row }}", name="A").fill({"row": "here"}).user == "here"


@pytest.mark.parametrize("kind", ["float32", "Float32", "float16"])
async def test_a_short_float_is_written_as_it_prints(simulator: Simulator, kind: str) -> None:
    """A column of float32 is widened on its way out of a frame; 0.1 stays 0.1."""
    frame = pd.DataFrame({"price": [0.1, 4.2]}).astype({"price": kind})

    said, _ = await asked(simulator, frame, "At {{ price }}")

    assert said == ["At 0.1", "At 4.2"]


async def test_bytes_are_no_words(simulator: Simulator) -> None:
    """They were sent as Python writes them; nothing is sent now."""
    frame = pd.DataFrame({"text": [b"up"]})

    with pytest.raises(TemplateError, match="of type bytes: decode it first"):
        await asked(simulator, frame, "Say {{ text }}")

    assert not [each for each in simulator.log if each.user]


async def test_a_prompt_of_invisible_characters_is_blank(simulator: Simulator) -> None:
    """It looks empty, and is."""
    async with lab_for(simulator) as lab:
        with pytest.raises(UsageError, match="the prompt is empty"):
            await lab.ask_async("\u200b\ufeff ", "gpt")
        with pytest.raises(TemplateError, match="prompt 'A' is empty"):
            await lab.abtest_async({"A": "\u200b"}, ["gpt"], quiet=True)
