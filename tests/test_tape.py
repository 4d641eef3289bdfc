"""Tapes: exact, clean, sorted text; and a replay that sends nothing and says what it misses."""

import asyncio
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmlab import Lab
from llmlab.archive import tape_reader, tape_writer
from llmlab.archive.tape import Tape, TapeLine, Use, line_of
from llmlab.calls.identity import content_of
from llmlab.cli import main
from llmlab.errors import ConfigError, ReplayMiss, UsageError
from llmlab.records import Answer, Failure, Parameters, Prompt, Request, Row, Schema, Usage
from llmlab.sim import Faults, RuleAuthor, Simulator
from tests.labs import lab_for

PROMPTS = {
    "plain": "Label it positive, negative or neutral: {{ headline }}",
    "role": "You are an analyst. Positive, negative or neutral? {{ headline }}",
}
HEADLINES = pd.DataFrame(
    {
        "headline": ["Profit up 20%", "Shares plunge", "Board meets", "Profit up 20%"],
        "label": ["positive", "negative", "neutral", "positive"],
    },
    index=["a", "b", "c", "d"],
)


def replaying(tape: Path, **options: object) -> Lab:
    """Make a lab that has nothing but a tape."""
    settings = {"book": ":memory:", "env": {}, "config": "/", "mode": "replay", "tape": tape}
    return Lab(**{**settings, **options})  # type: ignore[arg-type]


async def abtest(lab: Lab, models: str = "six", **options: Any) -> pd.DataFrame:
    """Run the experiment of these tests."""
    settings = {"on": HEADLINES, "score": "label", "target": "label", "quiet": True, **options}
    run = await lab.abtest_async(PROMPTS, models, **{"max_tokens": 20, **settings})
    return run.rows


def answer(text: str = "Yes.", **changes: Any) -> Answer:
    """Make an answer."""
    made = Answer(text=text, usage=Usage(input=3, output=2), finish="stop", model="m")
    return replace(made, **changes)


def line(
    text: str = "Yes.", *, user: str = "Well?", by: str = "openai", **changes: Any
) -> TapeLine:
    """Make a line of a tape."""
    request = asked(user)
    row = Row(run="r", request=request, request_hash=f"{by} {user}", input_id="a",
              outcome=answer(text))  # fmt: skip
    return dataclasses.replace(line_of(row, content=content_of(request), by=by), **changes)


def asked(user: str = "Well?", **changes: Any) -> Request:
    """Make a request."""
    made = Request(provider="openai", model="gpt-6-luna", prompt=Prompt(name="p", user=user),
                   label="gpt")  # fmt: skip
    return replace(made, **changes)


async def test_a_replayed_frame_is_identical(simulator: Simulator, tmp_path: Path) -> None:
    """Every column is as it was live: latency, time, cost, from_book, order, index."""
    tape = tmp_path / "run.tape"
    async with lab_for(simulator) as lab:
        live = await abtest(lab, stream=True, repeats=2)
        await asyncio.to_thread(lab.save_tape, tape)
    sent = len(simulator.log)

    async with replaying(tape) as lab:
        replayed = await abtest(lab, stream=True, repeats=2)

    pd.testing.assert_frame_equal(live, replayed, check_exact=True)
    assert len(simulator.log) == sent
    assert not replayed["from_book"].any()
    assert replayed["latency_s"].gt(0).all()


async def test_failures_are_replayed_as_they_were(tmp_path: Path) -> None:
    """A row that failed live fails in the replay, word for word."""
    tape = tmp_path / "run.tape"
    faults = Faults.parse(["anthropic=401", "xai=500"])
    async with (
        Simulator(author=RuleAuthor(), faults=faults) as simulator,
        lab_for(simulator, attempts=1) as lab,
    ):
        live = await abtest(lab)
        await asyncio.to_thread(lab.save_tape, tape)

    async with replaying(tape) as lab:
        replayed = await abtest(lab)

    assert set(live["status"]) == {"ok", "error"}
    pd.testing.assert_frame_equal(live, replayed, check_exact=True)


async def test_a_replay_starts_nothing(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No endpoint is made and no model started, though there is neither key nor server."""
    tape = tmp_path / "run.tape"
    async with lab_for(simulator) as lab:
        await abtest(lab)
        await asyncio.to_thread(lab.save_tape, tape)
    monkeypatch.setattr("llmlab.wire.Session.open", _never)
    monkeypatch.setattr("llmlab.local.LocalServer.start", _never)
    monkeypatch.setattr("llmlab.sim.Simulator.start", _never)

    async with replaying(tape) as lab:
        await abtest(lab)
        with pytest.raises(UsageError, match="replay mode sends nothing"):
            await asyncio.to_thread(lab.health)
        with pytest.raises(UsageError, match="replay mode sends nothing"):
            await asyncio.to_thread(lambda: lab.models(live=True))


def _never(*_: object, **__: object) -> None:
    raise AssertionError("a replay must not come here")


async def test_questions_are_replayed_too(simulator: Simulator, tmp_path: Path) -> None:
    """`ask` and `stream` get the recorded answer; its pieces add up to it."""
    tape = tmp_path / "run.tape"
    async with lab_for(simulator) as lab:
        live = await lab.ask_async("Hello.", "claude", system="Be brief.")
        await asyncio.to_thread(lab.save_tape, tape)

    async with replaying(tape) as lab:
        again = await lab.ask_async("Hello.", "claude", system="Be brief.")
        pieces = [each async for each in lab.stream("Hello.", "claude", system="Be brief.")]

    assert again == live
    assert "".join(each.text for each in pieces) == live.text
    assert pieces[-1].answer == live


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"repeats": 2}, "repeat 1 .* the nearest is .* repeat 0$"),
        ({"max_tokens": 21}, "with these words and parameters, only with others"),
        ({"on": HEADLINES.rename({"b": "z"}).replace("Shares plunge", "New")}, "input 'z', .*"),
        ({"models": "grok"}, "xai/.* to prompt '.*the nearest is openai/"),
    ],
    ids=["repeat", "parameter", "input", "model"],
)
async def test_a_miss_names_itself_and_the_nearest(
    simulator: Simulator, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    """One line: model, prompt, input, repeat, and what the tape has instead."""
    tape = tmp_path / "run.tape"
    async with lab_for(simulator) as lab:
        await abtest(lab, "gpt", name="r")
        await asyncio.to_thread(lab.save_tape, tape)

    async with replaying(tape) as lab:
        with pytest.raises(ReplayMiss, match=says) as caught:
            await abtest(lab, **{"models": "gpt", "name": "r", **change})

    assert "\n" not in str(caught.value)


async def test_two_answerers_are_told_apart_by_the_run(
    simulator: Simulator, tmp_path: Path
) -> None:
    """The same words by the model and by a stand-in: the run's name chooses, or both are named."""
    tape, book = tmp_path / "run.tape", tmp_path / "lab.db"
    async with lab_for(simulator, book=book) as lab:
        live = await abtest(lab, "gpt", name="live")
        rule = {"mode": "stand-in", "local_model": "/nonexistent"}
    async with Lab(book=book, env={}, config="/", **rule) as lab:  # type: ignore[arg-type]
        played = await abtest(lab, "gpt", name="played")
        await asyncio.to_thread(lab.save_tape, tape)

    async with replaying(tape) as lab:
        first, second = (
            await abtest(lab, "gpt", name="live"),
            await abtest(lab, "gpt", name="played"),
        )
        with pytest.raises(UsageError, match=r"by openai at .* and by openai, stand-in by rule"):
            await abtest(lab, "gpt", name="other")

    pd.testing.assert_frame_equal(first, live, check_exact=True)
    pd.testing.assert_frame_equal(second, played, check_exact=True)


async def test_recording_appends_and_replaces(simulator: Simulator, tmp_path: Path) -> None:
    """Record mode adds at the end of each lab; the same cell recorded again is not there twice."""
    tape = tmp_path / "deep" / "run.tape"
    async with lab_for(simulator, mode="record", tape=tape) as lab:
        await abtest(lab, "gpt", name="r")
    first = tape.read_text(encoding="utf-8")
    async with lab_for(simulator, mode="record", tape=tape) as lab:
        again = await abtest(lab, "gpt", name="r")
    second = tape.read_text(encoding="utf-8")
    async with lab_for(simulator, mode="record", tape=tape) as lab:
        await lab.ask_async("Hello.", "grok")

    assert first.count("\n") == second.count("\n") == 2 * 4 + 1
    assert tape.read_text(encoding="utf-8").count("\n") == 2 * 4 + 2
    async with replaying(tape) as lab:
        pd.testing.assert_frame_equal(await abtest(lab, "gpt", name="r"), again, check_exact=True)


async def test_the_text_is_sorted_and_stable(simulator: Simulator, tmp_path: Path) -> None:
    """A schema line, then one JSON object a line in order; saved again it is the same bytes."""
    one, two = tmp_path / "one.tape", tmp_path / "two.tape"
    async with lab_for(simulator) as lab:
        await abtest(lab)
        await asyncio.to_thread(lab.save_tape, one)
        await asyncio.to_thread(lab.save_tape, two)

    head, *rest = one.read_text(encoding="utf-8").splitlines()
    assert json.loads(head) == {"schema": tape_writer.SCHEMA}
    keys = [json.loads(each)["content"] for each in rest]
    assert keys == sorted(keys)
    assert one.read_bytes() == two.read_bytes()
    assert tape_writer.text_of(tape_reader.read(one).lines) == one.read_text(encoding="utf-8")


async def test_no_key_and_no_account_is_on_a_tape(tmp_path: Path) -> None:
    """Planted keys, echoed by errors and by the model itself, are on no line. # R-60."""
    tape = tmp_path / "run.tape"
    faults = Faults.parse(["openai=401", "429:0.2"], seed=2)
    async with (
        Simulator(author=RuleAuthor(), faults=faults) as simulator,
        lab_for(simulator, attempts=2) as lab,
    ):
        await abtest(lab)
        await asyncio.to_thread(lab.save_tape, tape)
    said = "My key is sk-planted-0000000000000000000000 and Bearer planted.planted.planted."
    leaked = line(said, failure=None)
    broken = line(answer=None, failure=Failure(kind="AuthFailed", message=f"no: {said}"))
    tape_writer.write(tmp_path / "two.tape", [leaked, broken])

    both = tape.read_text(encoding="utf-8") + (tmp_path / "two.tape").read_text(encoding="utf-8")
    assert "planted" not in both
    assert "127.0.0.1" not in both
    assert main(["tape", "check", str(tape)]) == 0


def test_words_that_only_look_odd_stay_as_they_are(tmp_path: Path) -> None:
    """A rule of asterisks, an address or sk-learn in an answer is the answer's own."""
    said = "***\nUse sk-learn on 10.0.0.1, write to a@example.com\u2028 ** ok **"
    tape_writer.write(tmp_path / "t", [line(said)])

    (back,) = tape_reader.read(tmp_path / "t").lines
    assert back.outcome == answer(said)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text.replace('"schema"', '"scheme"'), "line 1: not a tape"),
        (lambda text: text + '{"content": 3}\n', "line 4: not a line of a tape"),
        (lambda text: text + "{\n", "line 4: not a line of a tape"),
        (lambda text: re.sub(r',"answer":\{.*\}\}', "}", text), "needs an answer or a failure"),
    ],
    ids=["schema", "fields", "json", "empty"],
)
def test_a_spoiled_tape_names_the_line(tmp_path: Path, spoil: Any, says: str) -> None:
    """What cannot be read is said with its line, when the lab is made."""
    path = tmp_path / "t"
    tape_writer.write(path, [line(), line(user="Else?")])
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")

    with pytest.raises(UsageError, match=says):
        replaying(path)


def test_replay_without_a_tape_says_how_to_get_one(tmp_path: Path) -> None:
    """No tape named, or none there: one line with the way to make one."""
    with pytest.raises(ConfigError, match="give tape="):
        Lab(book=":memory:", env={}, config="/", mode="replay")
    with pytest.raises(UsageError, match="record one with mode='record'"):
        replaying(tmp_path / "none.tape")
    with pytest.raises(ConfigError, match="record needs a tape"):
        Lab(book=":memory:", env={}, config="/", mode="record")


def test_check_counts_and_finds_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`llmlab tape check` counts; an unsorted line or a key makes it fail with the line."""
    path = tmp_path / "t"
    tape_writer.write(path, [line(), line(user="Else?")])
    clean = main(["tape", "check", str(path)])
    said = capsys.readouterr().out
    head, one, two = path.read_text(encoding="utf-8").splitlines()
    leaked = one.replace("Yes.", "sk-planted-0000000000000000000000")
    path.write_text(f"{head}\n{two}\n{leaked}\n", encoding="utf-8")

    dirty = main(["tape", "check", str(path)])

    assert (clean, dirty) == (0, 2)
    assert "2 answers" in said
    shown = capsys.readouterr().out
    assert "line 3 is out of order" in shown
    assert "line 3 is not as llmlab writes it" in shown
    assert "planted" not in shown


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("ab:*"),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    ),
)
def test_what_is_written_is_read_back(
    text: str, latency: float | None, cost: Any, parsed: Any
) -> None:
    """Words, floats, Decimals and data come back as they were, whatever they are."""
    said = answer(text, latency=latency, cost=cost, parsed=parsed)
    written = line(answer=said)

    (body,) = tape_writer.text_of([written]).split("\n")[1:-1]
    back = tape_reader._decoded(body, "here")

    assert back.outcome == said or "[...]" in body


def test_content_is_the_question_and_nothing_else() -> None:
    """Labels, names, versions and streaming stay out; words, parameters and repeats are in."""
    base = asked()
    schema = Schema(name="s", document={"b": 1, "a": [1]})
    turned = Schema(name="s", document={"a": [1], "b": 1})
    same = [
        replace(base, label="other", stream=True),
        replace(base, prompt=Prompt(name="q", user="Well?", version="2")),
    ]
    other = [
        asked("Well!"),
        replace(base, repeat=1),
        replace(base, parameters=Parameters(temperature=0.0)),
        replace(base, prompt=replace(base.prompt, system="S")),
        replace(base, api="responses"),
        replace(base, model="gpt-6-sol"),
    ]

    assert {content_of(each) for each in same} == {content_of(base)}
    assert len({content_of(each) for each in [base, *other]}) == 1 + len(other)
    assert content_of(replace(base, parameters=Parameters(schema=schema))) == content_of(
        replace(base, parameters=Parameters(schema=turned))
    )


def test_equal_outcomes_are_one_line_with_all_their_uses() -> None:
    """Two cells that one answer served are one line; two answers to one key are two."""
    use = Use(run="r", prompt="p", label="gpt", input="b")
    twin = line(uses=(use,))

    tape = Tape([line(), twin, line("No.", uses=(dataclasses.replace(use, input="c"),))])

    assert len(tape) == 2
    assert [len(each.uses) for each in tape.lines] in ([1, 2], [2, 1])
    found = tape.find(asked(), run="r", input_id="c")
    assert isinstance(found.outcome, Answer)
    assert found.outcome.text == "No."
