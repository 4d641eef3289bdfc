"""What a caller gives: a question and its slots, numbers of any kind, targets, scores."""

from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmlab import Lab, scores
from llmlab.checks.plain import plain
from llmlab.cli import main
from llmlab.errors import ConfigError, UsageError
from llmlab.records import Answer
from llmlab.sim import Simulator
from tests.labs import lab_for
from tests.test_experiment import design


def sent(simulator: Simulator) -> list[str]:
    """Return the words of the questions that were sent."""
    return [each.user for each in simulator.log if each.model]


# ---- one question -------------------------------------------------------------------------

SLIPS: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((None,), {}, "the prompt must be text, and is None"),
    ((3,), {}, "the prompt must be text, and is of type int"),
    ((["a", "b"],), {}, "the prompt must be text, and is of type list"),
    (({"a": "b"},), {}, "the prompt must be text, and is of type dict"),
    ((b"a",), {}, "is of type bytes; decode it first"),
    (("",), {}, "the prompt is empty"),
    ((" \n",), {}, "the prompt is empty"),
    (("Say {{ name }}",), {}, r"nothing fills \{\{ name \}\}: give values=\{'name': ...\}"),
    (("Say {{ a.b | upper }}",), {}, r"nothing fills \{\{ a.b \| upper \}\}"),
    (("Say it",), {"system": "You are {{ who }}"}, r"nothing fills \{\{ who \}\}"),
    (("Say it",), {"system": 3}, "system must be text, and is of type int"),
    (("Say it", ["gpt", "claude"]), {}, "a question goes to one model, .* model is a list"),
    (("Say it", "gpt,claude"), {}, "'gpt,claude' names several"),
    (("Say it", "six"), {}, "'six' names several"),
    (("Say it", ""), {}, "no model was named"),
    (("Say it", 3), {}, "model is of type int"),
    (("Say {{ a }}",), {"values": {"b": 1}}, r"no value for \{\{ a \}\}"),
    (("Say {{ a }}",), {"values": {"a": np.nan}}, r"there is no value for \{\{ a \}\}"),
    (("Say it",), {"temprature": 1}, "'temprature'; did you mean temperature?"),
    (("Say it",), {"vales": {}}, "'vales'; did you mean values?"),
    (("Say it",), {"repeat": 1.5}, "repeat is 1.5; it must be a whole number"),
]


@pytest.mark.parametrize(("args", "options", "says"), SLIPS, ids=map(str, range(len(SLIPS))))
async def test_a_bad_question_is_one_line_and_not_sent(
    simulator: Simulator, args: tuple[Any, ...], options: dict[str, Any], says: str
) -> None:
    """The checks of a run hold for a single question, asked or streamed."""
    async with lab_for(simulator) as lab:
        with pytest.raises(UsageError, match=says):
            await lab.ask_async(*args, **options)
        with pytest.raises(UsageError, match=says):
            _ = [each async for each in lab.stream(*args, **options)]

    assert sent(simulator) == []


async def test_values_fill_the_slots_of_a_question(simulator: Simulator) -> None:
    """Words, system prompt and tables; braces that are meant are kept by raw."""
    frame = pd.DataFrame({"a": range(120)})
    async with lab_for(simulator) as lab:
        await lab.ask_async(
            "About {{ name }}:\n{{ data }}", "gpt", system="You are {{ who }}",
            values={"name": "Ada", "data": frame, "who": "terse"}, max_tokens=20,
        )  # fmt: skip
        await lab.ask_async("{% raw %}{{ x }}{% endraw %}", "gpt", values={}, max_tokens=20)
        await lab.ask_async('JSON {{"a": 1}} and { x }', "gpt", max_tokens=20)

    first, second, third = sent(simulator)
    assert first.startswith("About Ada:\ndata:\na\n0\n1\n")
    assert "\n60\n" in first
    assert (second, third) == ("{{ x }}", 'JSON {{"a": 1}} and { x }')


async def test_the_command_line_fills_slots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slot that nothing fills, and a value that is no pair, are slips."""
    monkeypatch.chdir(tmp_path)

    assert main(["ask", "Say {{ x }}"]) == 2
    assert main(["ask", "Say {{ x }}", "-v", "x"]) == 2

    said = capsys.readouterr().err
    assert "nothing fills {{ x }}" in said
    assert "--value x: write NAME=TEXT" in said


# ---- numbers of any kind ------------------------------------------------------------------


class Level(IntEnum):
    LOW = 3


class Word(StrEnum):
    STOP = "END"


PLAIN = [
    (np.float64(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True), (np.str_("a"), "a"),
    (np.float32(0.1), 0.1), (np.array([0.1], dtype="float32"), [0.1]),
    (np.array(2.0), 2.0), (np.array([1, 2]), [1, 2]), (Decimal("0.5"), 0.5), (Decimal(3), 3),
    (Fraction(1, 2), 0.5), (Level.LOW, 3), (Word.STOP, "END"), (("a", np.str_("b")), ["a", "b"]),
    ({np.str_("a"): [np.int8(1)]}, {"a": [1]}), (None, None), (pd.Series([1.5]), [1.5]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "same"), PLAIN, ids=[str(at) for at in range(len(PLAIN))])
def test_a_value_becomes_pythons_own(value: object, same: object) -> None:
    """Equal, and of a type that JSON has, down to the last item."""
    found = plain(value)

    assert found == same
    assert repr(found) == repr(same)


async def test_a_loop_over_numpy_asks(simulator: Simulator) -> None:
    """Temperatures of linspace, seeds of arange, stops and schemas of arrays: all are sent."""
    schema = {"type": "object", "properties": {"a": {"enum": list(np.array(["x", "y"]))}},
              "required": ["a"], "additionalProperties": False}  # fmt: skip
    async with lab_for(simulator) as lab:
        for heat in np.linspace(0, 1, 3):
            await lab.ask_async("Say it", "gpt", temperature=heat, max_tokens=np.int64(20))
        for seed in np.arange(2):
            await lab.ask_async("Say it", "gpt", seed=seed, repeat=seed)
        await lab.ask_async("Say it", "gpt", stop=np.array(["END"]), deadline=np.float32(9))
        await lab.ask_async(np.str_("Say it"), np.str_("gpt"), schema=schema)
        numbers: dict[str, Any] = {
            "models": np.array(["gpt"]), "repeats": np.int64(2), "order_seed": np.int64(1),
            "budget": Decimal("0.5"), "temperature": Decimal("0.5"), "name": np.str_("mine"),
        }  # fmt: skip
        on = pd.DataFrame({"t": ["a"]})
        run = await lab.abtest_async({"A": "Say {{ t }}"}, on=on, quiet=True, **numbers)

    assert len(run.rows) == 2
    assert len(sent(simulator)) == 3 + 2 + 1 + 1 + 2


WHOLE = [np.int64(20), np.float64(20), 20.0, Decimal(20), Fraction(20), np.array(20)]


@pytest.mark.parametrize("number", WHOLE, ids=repr)
async def test_a_whole_number_is_one_whatever_its_type(simulator: Simulator, number: Any) -> None:
    """In a question, a stream, a run and its judge; half a token is a line, and nothing is sent."""
    judging = scores.judge("claude", max_tokens=number)
    async with lab_for(simulator) as lab:
        asked = await lab.ask_async("Say it", "gpt", max_tokens=number, seed=number)
        streamed = [
            each async for each in lab.stream("Say it", "qwen", max_tokens=number, context=4096.0)
        ]
        run = await lab.abtest_async(
            {"A": "Say it", "B": "Tell it"}, ["gpt"], max_tokens=number, score=judging,
            stream=np.bool_(False), quiet=True,  # type: ignore[arg-type]  # taken all the same
        )  # fmt: skip
        before = len(sent(simulator))
        with pytest.raises(UsageError, match=r"max_tokens=20.5"):
            await lab.ask_async("Say it", "gpt", max_tokens=20.5)

    assert asked.sent["max_completion_tokens"] == 20
    assert asked.sent["seed"] == 20
    assert type(asked.sent["seed"]) is int
    assert streamed[-1].answer is not None
    assert set(run.rows["status"]) == {"ok"}
    assert before == len(sent(simulator)) == 2 + 2 + 2
    with pytest.raises(UsageError, match=r"the judge's max_tokens is 20.5; it must be a whole"):
        scores.judge("claude", max_tokens=20.5)  # type: ignore[arg-type]  # the slip


@pytest.mark.parametrize("number", [Decimal("0.1"), np.float32(0.1), Fraction(1, 10)], ids=repr)
def test_a_score_takes_numbers_of_any_kind(number: Any) -> None:
    """As its tolerance, cost or score of silence; what is no number is said at once."""
    near = scores.scorer_of(scores.number(number), [1.0])
    earned = scores.scorer_of(scores.signed_return(number), [0.5])
    silent = scores.scorer_of(scores.brier(number), [1, 0])

    assert near.value(1.05, 1.0) == 1.0
    assert earned.value(1, 0.5) == 0.4
    assert (silent.silent, type(silent.silent)) == (0.1, float)
    with pytest.raises(UsageError, match=r"tolerance must be a number, not '0.1'"):
        scores.number("0.1")  # type: ignore[arg-type]  # the slip


def test_settings_take_numbers_of_any_kind() -> None:
    """Limits, deadlines and rates may come out of an array."""
    given: dict[str, Any] = {
        "budget": {"run": Decimal("0.5"), "day": np.float64(2)}, "deadline": np.float64(9),
        "attempts": np.int64(2), "limits": {"openai": {"rpm": np.int64(5)}},
    }  # fmt: skip
    with Lab(book=None, env={}, config="/", **given) as lab:
        assert (lab.settings.budget.run, lab.settings.budget.day) == (0.5, 2.0)
        assert (lab.settings.deadline, lab.settings.attempts) == (9.0, 2)


def test_a_misspelt_budget_is_said() -> None:
    """It is no parameter of the model, and no limit that silently is none."""
    with Lab(book=None, env={}, config="/") as lab:
        with pytest.raises(UsageError, match=r"'bugdet'; did you mean budget\?"):
            lab.abtest({"A": "x"}, "gpt", bugdet=1)  # type: ignore[call-arg]  # the slip
        with pytest.raises(UsageError, match="must be a number of dollars"):
            lab.abtest({"A": "x"}, "gpt", budget={"run": 1})  # type: ignore[arg-type]  # the slip
    with pytest.raises(ConfigError, match=r"'bugdet'; did you mean budget\?"):
        Lab(book=None, env={}, config="/", bugdet={"run": 1})


# ---- the frame ----------------------------------------------------------------------------

FRAME = pd.DataFrame({"text": ["a", "b", "c"], "side": ["up", "down", "up"]}, index=list("xyz"))
WORDS = {"A": "Say {{ text }}"}


def targets(**options: Any) -> list[object]:
    """Return the targets of a design."""
    given = {"on": FRAME, "score": "exact", **options}
    return [each.target for each in design(WORDS, **given).inputs]


def test_a_series_of_targets_goes_by_its_index() -> None:
    """In whatever order it comes; an input that it does not name has no target."""
    assert targets(target=FRAME["side"].iloc[::-1]) == ["up", "down", "up"]
    assert targets(target=pd.Series({"y": 2, "w": 9})) == [None, 2, None]
    assert targets(target=["p", "q", "r"]) == ["p", "q", "r"]
    assert targets(target=np.array([1, 2, 3])) == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target": pd.Series(["up"], index=["q"])}, "names other inputs only"),
        ({"target": pd.Series(["a", "b"], index=["x", "x"])}, "which has duplicates"),
        ({"target": ["up"]}, "target has 1 values for 3 inputs"),
        ({"target": 3}, "target must be a column's name or a Series, and is a int"),
        ({"cluster": FRAME["side"]}, "the cluster is named by its column, not by a Series"),
        ({"on": {"text": ["a"]}}, "on must be a DataFrame, not a dict"),
        ({"on": FRAME.set_axis(["text", "text"], axis=1)}, "two columns called 'text'"),
        ({"on": FRAME.set_axis([1, "1"], axis=1)}, "two columns called '1'"),
    ],
    ids=str,
)
def test_a_frame_that_does_not_fit_is_said(options: dict[str, Any], says: str) -> None:
    """One line that names what is wrong."""
    with pytest.raises(UsageError, match=says):
        targets(**{"target": "side", **options})


@pytest.mark.parametrize("score", ["label", "exact", "contains", "similarity", "json:a"])
def test_one_row_is_enough_for_a_try(score: str) -> None:
    """`frame.head(1)` runs with every score of words."""
    assert len(design(WORDS, on=FRAME.head(1), score=score, target="side").inputs) == 1


# ---- score functions ----------------------------------------------------------------------


def broken(text: str, target: object) -> float:
    """Raise, as a slip of the pen does."""
    return float(text.upr() == target)  # type: ignore[attr-defined]  # the slip


def wordy(text: str, target: object) -> Any:
    """Return what is no number."""
    return "good"


def silent(text: str, target: object) -> None:
    """Return nothing."""


def short(text: str) -> float:
    """Take one value only."""
    return 1.0


async def later(text: str, target: object) -> float:
    """Return a promise of a number."""
    return 1.0


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (broken, r"score broken raised AttributeError: .* in line \d+ \(return float\(text.upr"),
        (wordy, "score wordy returned 'good': return a number"),
        (silent, "score silent returned None: return a number"),
        (short, r"score short takes \(text: str\) -> float: a score is a function of"),
        (later, "score later is async"),
    ],
)
def test_a_score_function_is_tried_before_anything_is_sent(function: Any, says: str) -> None:
    """A slip in it costs nothing, and its line is named."""
    with pytest.raises(UsageError, match=says):
        targets(score=function, target="side")


def of_json(answer: Answer, row: dict[str, Any]) -> Decimal:
    """Need an answer that is JSON."""
    assert isinstance(answer.parsed, dict)
    return Decimal(int(answer.parsed["side"] == row["side"]))


def test_a_function_that_needs_a_real_answer_is_given_one() -> None:
    """The line says how; a sample is parsed as an answer would be, and None tries nothing."""
    with pytest.raises(UsageError, match=r"score=scores.function\(of_json, sample='...'\)"):
        targets(score=of_json, target="side")

    for sample in ('{"side": "up"}', None):
        score = scores.function(of_json, sample=sample)
        assert targets(score=score, target="side") == ["up", "down", "up"]


def test_numbers_of_any_kind_are_scores() -> None:
    """NumPy's, Decimal, bool and NaN are."""
    for value in (np.float64(1), np.int8(1), Decimal("0.5"), True, float("nan")):
        targets(score=lambda *_, value=value: value, target="side")
