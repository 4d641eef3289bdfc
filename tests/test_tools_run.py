"""Tools in a run: kept, scored, exported, from the book, on tape and by batch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmlab import Lab
from llmlab.calls.identity import pack, recall
from llmlab.errors import BadParameter, UsageError
from llmlab.frames import read_rows
from llmlab.records import Answer, Prompt, Request, Row, ToolCall, Usage
from llmlab.scores import Score, exact, label, scored, tool
from llmlab.scores import json as json_score
from llmlab.scores.judge import matches
from llmlab.sim import Simulator
from tests.labs import lab_for, questions
from tests.test_batches import SOLD
from tests.test_batches import lab_for as batch_lab_for

FRAME = pd.DataFrame(
    {
        "question": ["What is the weather in Paris?", "Weather of Rome?", "What time is it now?"],
        "target": ["weather", "weather", "clock"],
    }
)
PROMPTS = {"plain": "{{ question }}", "kind": "Please: {{ question }}"}


def weather(city: str) -> None:
    """Forecast the weather of a city."""


def clock(zone: str = "UTC") -> None:
    """Say what time it is."""


async def abtest(lab: Lab, models: Any = "six", **options: Any) -> Any:
    """Offer two functions to each model."""
    given = {"on": FRAME, "score": "tool", "tools": [weather, clock], "quiet": True, **options}
    return await lab.abtest_async(PROMPTS, models, **given)


@pytest.mark.parametrize("stream", [False, True])
async def test_six_models_call_tools(simulator: Simulator, tmp_path: Path, *, stream: bool) -> None:
    """Each arm is scored by the function it called; rows survive every file, and the book."""
    async with lab_for(simulator, book=tmp_path / "book.db") as lab:
        run = await abtest(lab, stream=stream)
        asked = questions(simulator)
        again = await abtest(lab, stream=stream)
        kept = lab.run(run.name)

    assert set(run.rows["outcome"]) == {"scored"}
    assert run.rows["score"].mean() == 1.0
    assert asked == questions(simulator) == 36
    calls = json.loads(run.rows["tool_calls"].iloc[0])
    assert [each["name"] for each in calls] == [run.rows["said"].iloc[0]]
    assert isinstance(calls[0]["arguments"], dict)
    for other in (again.rows, kept.rows):
        assert list(other["tool_calls"]) == list(run.rows["tool_calls"])
    for suffix in ("csv", "parquet"):
        read = read_rows(run.export(tmp_path / f"rows.{suffix}"))
        assert list(read["tool_calls"]) == list(run.rows["tool_calls"])
    run.export(tmp_path / "rows.xlsx")
    report = run.report(tmp_path / "run.html").read_text("utf-8")
    assert "weather" in run.answers("tool_calls").iloc[0].to_string()
    assert "&quot;name&quot;:&quot;weather&quot;" in report
    assert run.confusion(("plain", "gpt")).to_numpy().trace() == 3


async def test_calls_come_back_from_a_tape(simulator: Simulator, tmp_path: Path) -> None:
    """Without a network and keys."""
    tape = tmp_path / "tape.jsonl"
    async with lab_for(simulator, mode="record", tape=tape) as lab:
        run = await abtest(lab, ["gpt", "claude"])
    async with Lab(book=":memory:", mode="replay", tape=tape, config="/") as lab:
        again = await abtest(lab, ["gpt", "claude"])

    assert list(again.rows["tool_calls"]) == list(run.rows["tool_calls"])
    assert list(again.rows["score"]) == list(run.rows["score"])


async def test_tools_do_not_teach_how_long_words_are(simulator: Simulator) -> None:
    """The tokens of a schema are in what a provider counts, and in no prompt."""
    async with lab_for(simulator) as lab:
        await abtest(lab, ["claude"])
        assert lab.book.labels("learned") == {}
        await abtest(lab, ["claude"], tools=None, score=None)
        assert lab.book.labels("learned") != {}


async def test_calls_come_in_batches(simulator: Simulator) -> None:
    """Results of OpenAI, Anthropic and xAI have their calls."""
    async with batch_lab_for(simulator) as lab:
        run = await abtest(lab, SOLD, batch=True)

    assert run.rows["score"].mean() == 1.0
    assert run.rows["tool_calls"].notna().all()


async def test_a_choice_that_one_arm_cannot_be_told_is_refused_before(
    simulator: Simulator,
) -> None:
    """Nothing is sent; with parameters dropped, that arm says so."""
    async with lab_for(simulator) as lab:
        with pytest.raises(BadParameter, match="always chooses itself"):
            await abtest(lab, ["gpt", "qwen"], tool_choice="required")
    assert questions(simulator) == 0

    async with lab_for(simulator, drop_parameters=True) as lab:
        run = await abtest(lab, ["gpt", "qwen"], tool_choice="required")
    told = run.rows.set_index("label")["warnings"].fillna("")
    assert told["gpt"].eq("").all()
    assert told["qwen"].str.contains("tool_choice").all()


def test_an_answer_of_before_has_no_calls() -> None:
    """What older books hold is read; what is stored comes back."""
    plain = Answer(text="4", usage=Usage(), finish="stop", model="m")
    stored = json.loads(pack(plain))
    del stored["tool_calls"], stored["logprobs"]
    called = Answer(
        text="", usage=Usage(), finish="tool", model="m",
        tool_calls=(ToolCall(name="a", arguments='{"x": 1', id="c"),),
    )  # fmt: skip

    assert recall(json.dumps(stored).encode()).tool_calls == ()
    assert recall(pack(called)).tool_calls == called.tool_calls


# --- the score ----------------------------------------------------------------------------


def answer_of(*calls: tuple[str, object], text: str = "") -> Answer:
    """Return an answer that calls tools."""
    made = tuple(
        ToolCall(name=name, arguments=said if isinstance(said, str) else json.dumps(said))
        for name, said in calls
    )
    return Answer(text=text, usage=Usage(), finish="tool", model="m", tool_calls=made)


def row_of(answer: Answer, input_id: str = "a", label: str = "l") -> Row:
    """Return a row."""
    request = Request(provider="p", model="m", label=label, prompt=Prompt(name="p", user="u"))
    return Row(run="r", request=request, request_hash="h", input_id=input_id, outcome=answer)


def score_of(score: Score, answer: Answer, target: object) -> Row:
    """Score one answer."""
    (row,) = scored([row_of(answer)], score.make([target]), {"a": target})
    return row


PARIS = {"name": "weather", "arguments": {"city": "Paris", "days": 2}}
SCORED: list[tuple[str, Score, Answer, object, float]] = [
    ("a name", tool(), answer_of(("weather", {"city": "x"})), "weather", 1),
    ("another name", tool(), answer_of(("clock", {})), "weather", 0),
    ("all arguments", tool(), answer_of(("weather", {"days": 2.0, "city": " Paris "})), PARIS, 1),
    ("as JSON", tool(), answer_of(("weather", {"city": "Paris", "days": 2})), json.dumps(PARIS), 1),
    ("another value", tool(), answer_of(("weather", {"city": "Rome", "days": 2})), PARIS, 0),
    ("a text for a number", tool(), answer_of(("weather", {"city": "Paris", "days": "2"})), PARIS,
     0),
    ("true is not 1", tool(), answer_of(("a", {"x": True})), {"name": "a", "arguments": {"x": 1}},
     0),
    ("one less", tool(), answer_of(("weather", {"city": "Paris"})), PARIS, 0),
    ("one more", tool(), answer_of(("weather", {**PARIS["arguments"], "u": 1})), PARIS, 0),  # type: ignore[dict-item]
    ("one more, of those given", tool("given"),
     answer_of(("weather", {**PARIS["arguments"], "u": 1})), PARIS, 1),  # type: ignore[dict-item]
    ("names alone", tool("none"), answer_of(("weather", "{broken")), PARIS, 1),
    ("broken arguments", tool(), answer_of(("weather", "{broken")), PARIS, 0),
    ("no call", tool(), answer_of(text="It rains."), PARIS, 0),
    ("two, any order", tool(), answer_of(("b", {}), ("a", {})), ["a", "b"], 1),
    ("two for one", tool(), answer_of(("a", {}), ("a", {})), "a", 0),
    ("one for two", tool(), answer_of(("a", {})), ["a", "a"], 0),
    ("NumPy's numbers", tool(), answer_of(("a", {"x": 3})),
     {"name": "a", "arguments": {"x": np.int64(3)}}, 1),
    ("inside", tool(), answer_of(("a", {"x": [{"b": 1, "a": None}]})),
     {"name": "a", "arguments": {"x": [{"a": None, "b": 1.0}]}}, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("score", "answer", "target", "value"),
    [case[1:] for case in SCORED],
    ids=[case[0] for case in SCORED],
)
def test_calls_are_compared_by_value(
    score: Score, answer: Answer, target: object, value: float
) -> None:
    """Right or wrong, never unread: what an answer calls is never in doubt."""
    row = score_of(score, answer, target)

    assert (row.score, row.reading) == (value, "scored")


def test_why_a_call_is_wrong_is_said_where_it_is_not_obvious() -> None:
    """No call at all, and arguments that are no JSON."""
    assert score_of(tool(), answer_of(text="x"), PARIS).score_error == "the answer calls no tool"
    assert "no JSON object" in score_of(tool(), answer_of(("weather", "[1]")), PARIS).score_error


@pytest.mark.parametrize("target", [3, {"nam": "a"}, '{"name": ', {"name": "a", "arguments": 3}])
def test_a_target_that_is_no_call_is_refused_before(target: object) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError):
        tool().make([target])
    with pytest.raises(UsageError, match="'all', 'given' or 'none'"):
        tool("some")  # type: ignore[arg-type]


def test_a_score_of_words_does_not_read_a_call() -> None:
    """An answer that only calls a tool is unread, and not a wrong or an empty word."""
    called = answer_of(("weather", {}))

    for score in (exact(), label(labels=["x"]), json_score(field="a")):
        row = score_of(score, called, "weather")
        assert (row.score, row.reading) == (None, "unread")
        assert "score='tool' reads calls" in row.score_error
    assert score_of(exact(), answer_of(("weather", {}), text="up"), "up").score == 1.0
    assert matches([row_of(called, label="l"), row_of(called, label="k")],
                   [("p", "l"), ("p", "k")], "all") == []  # fmt: skip
