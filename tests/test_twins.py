"""Equal calls of a run: each is sent, found again and paid once, whichever way it went."""

import asyncio
import itertools
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from llmlab import Lab
from llmlab.archive import tape_reader, tape_writer
from llmlab.calls.identity import content_of, key_of
from llmlab.design.duplicates import occurrences
from llmlab.records import HttpCall, Prompt, Request
from llmlab.scores import judge
from llmlab.sim import Simulator
from llmlab.sim.authors.author import Asked, Written
from llmlab.wire import Endpoint
from tests.labs import lab_for, questions

KEPT = ["prompt", "label", "input_id", "repeat", "text", "score", "cost_usd", "request_hash"]


@dataclass
class Numbering:
    """Says another word each time it is asked, so that answers are told apart."""

    name: str = "numbering"
    written: int = 0

    async def write(self, asked: Asked) -> Written:
        """Number the answers; a judge likes one of the two by turns."""
        self.written += 1
        number, odd = self.written, self.written % 2
        text = "AB"[odd] if "<answer_A>" in asked.user else f"{('up', 'down')[odd]} {number}"
        return Written(text=text, input_tokens=20, output_tokens=2)


def frame_of(words: list[int]) -> pd.DataFrame:
    """Return inputs of which those with one number are alike."""
    sides = [("up", "down")[at % 2] for at in range(len(words))]
    return pd.DataFrame({"text": [f"text {word}" for word in words], "side": sides})


async def abtest(lab: Lab, frame: pd.DataFrame, **options: Any) -> Any:
    """Compare prompts by what is right; `prompts` are by name."""
    given = {"on": frame, "score": "label", "target": "side", "quiet": True, "max_tokens": 20,
             **options}  # fmt: skip
    return await lab.abtest_async(given.pop("prompts"), given.pop("models", ["gpt"]), **given)


DESIGNS = {
    "words": st.lists(st.integers(0, 2), min_size=2, max_size=7),
    "alike": st.booleans(),
    "repeats": st.integers(1, 2),
    "order_seed": st.integers(0, 3),
}


def prompts_of(*, alike: bool) -> dict[str, str]:
    """Return two prompts, which say the same when *alike*."""
    return {"A": "Say {{ text }}", "B": "Say {{ text }}" if alike else "Tell {{ text }}"}


@settings(max_examples=12)
@given(batch=st.booleans(), **DESIGNS)
def test_every_call_is_sent_once_found_again_and_paid_once(
    *,
    words: list[int],
    alike: bool,
    repeats: int,
    order_seed: int,
    batch: bool,
) -> None:
    """Equal rows, prompts and repeats are calls of their own; the second run sends nothing."""

    async def run() -> None:
        options = {"prompts": prompts_of(alike=alike), "repeats": repeats, "batch": batch,
                   "order_seed": order_seed}  # fmt: skip
        frame = frame_of(words)
        author = Numbering()
        async with Simulator(author=author) as simulator, lab_for(simulator) as lab:
            lab._services.batch_poll_s = 0.001
            first = (await abtest(lab, frame, **options)).rows
            asked = author.written
            again = (await abtest(lab, frame, **options)).rows

            assert asked == len(first) == 2 * len(words) * repeats
            assert author.written == asked
            assert first["request_hash"].is_unique
            pd.testing.assert_frame_equal(first[KEPT], again[KEPT])
            assert first["cost_usd"].sum() == pytest.approx(float(lab.book.spent()))
            kept = lab.run(lab.runs()["name"].iloc[0]).rows
            assert kept["text"].tolist() == first["text"].tolist()

    asyncio.run(run())


@settings(max_examples=12)
@given(more=st.integers(0, 2), **DESIGNS)
def test_one_more_equal_input_is_one_more_call(
    *,
    words: list[int],
    alike: bool,
    repeats: int,
    order_seed: int,
    more: int,
) -> None:
    """What was paid is found under its row; only the new row is sent, by each prompt."""

    async def run() -> None:
        async with Simulator(author=Numbering()) as simulator, lab_for(simulator) as lab:
            options = {"prompts": prompts_of(alike=alike), "order_seed": order_seed}
            first = (await abtest(lab, frame_of(words), repeats=repeats, **options)).rows
            before = questions(simulator)
            longer = (await abtest(lab, frame_of([*words, more]), repeats=repeats, **options)).rows
            more_repeats = await abtest(lab, frame_of([*words, more]), repeats=3, **options)

            assert questions(simulator) - before == 2 * (repeats + (3 - repeats) * (len(words) + 1))
            assert set(first["text"]) <= set(longer["text"]) <= set(more_repeats.rows["text"])
            if not alike:
                place = ["prompt", "input_id", "repeat"]
                joined = first.merge(longer, on=place).merge(more_repeats.rows, on=place)
                assert (joined["text_x"] == joined["text_y"]).all()
                assert (joined["text"] == joined["text_x"]).all()

    asyncio.run(run())


@settings(max_examples=8)
@given(**DESIGNS)
def test_a_tape_has_each_of_them(
    *,
    words: list[int],
    alike: bool,
    repeats: int,
    order_seed: int,
) -> None:
    """Recorded and replayed, equal calls keep the answer that each of them got."""

    async def run(tape: Path) -> None:
        options = {"prompts": prompts_of(alike=alike), "repeats": repeats,
                   "order_seed": order_seed}  # fmt: skip
        async with (
            Simulator(author=Numbering()) as simulator,
            lab_for(simulator, mode="record", tape=tape) as lab,
        ):
            first = (await abtest(lab, frame_of(words), **options)).rows
        async with Lab(book=":memory:", mode="replay", tape=tape, env={}, config="/") as lab:
            again = (await abtest(lab, frame_of(words), **options)).rows
        pd.testing.assert_frame_equal(first[KEPT], again[KEPT])

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "tape"))


async def test_a_judge_is_asked_for_each_comparison(tmp_path: Path) -> None:
    """Equal comparisons are two draws of the judge; running again asks nobody, and so a tape."""
    tape = tmp_path / "tape"
    frame = frame_of([0, 0, 0, 0])
    async with (
        Simulator(author=Fixed()) as simulator,
        lab_for(simulator, mode="record", tape=tape) as lab,
    ):
        first = await abtest(lab, frame, prompts=prompts_of(alike=False), score=judge("claude"))
        asked = questions(simulator)
        again = await abtest(lab, frame, prompts=prompts_of(alike=False), score=judge("claude"))

    async with Lab(book=":memory:", mode="replay", tape=tape, env={}, config="/") as lab:
        played = await abtest(lab, frame, prompts=prompts_of(alike=False), score=judge("claude"))

    assert asked == questions(simulator) == 4 * 2 + 4 * 2
    for other in (again, played):
        pd.testing.assert_frame_equal(first.rows[KEPT], other.rows[KEPT])
    assert Counter(note for note in first.notes if "flipped" in note) == Counter(
        note for note in played.notes if "flipped" in note
    )


@dataclass
class Fixed(Numbering):
    """Answers alike, as a model at temperature 0 does; the judge has its days."""

    async def write(self, asked: Asked) -> Written:
        """Say the prompt's own first word, or number the judge's letters."""
        if "<answer_A>" in asked.user:
            return await super().write(asked)
        return Written(text=asked.user.split()[0], input_tokens=20, output_tokens=1)


async def test_arms_that_come_to_one_request_are_two(tmp_path: Path) -> None:
    """An alias that says what the run says anyway asks the same: each arm keeps its answers."""
    extra = tmp_path / "catalogue.toml"
    extra.write_text('[aliases.calm]\nmodel = "claude-haiku-4-5"\ntemperature = 0.0\n')
    options = {"prompts": {"A": "Say {{ text }}"}, "models": ["claude-haiku-4-5", "calm"]}
    async with (
        Simulator(author=Numbering()) as simulator,
        lab_for(simulator, catalogue=extra) as lab,
    ):
        first = await abtest(lab, frame_of([0, 1]), temperature=0.0, **options)
        again = await abtest(lab, frame_of([0, 1]), temperature=0.0, **options)

    assert questions(simulator) == len(first.rows) == 4
    assert again.rows["text"].tolist() == first.rows["text"].tolist()


def test_a_book_of_before_keeps_its_names() -> None:
    """The first of equal calls, and every call that stands alone, is called as it always was."""
    call = HttpCall(url="https://here/v1/chat", body=b"{}")
    endpoint = Endpoint(provider="openai", base_url="https://here", identity="openai")
    asked = Request(provider="openai", model="gpt", prompt=Prompt(name="A", user="Say"))

    names = {
        key_of(call, endpoint, path="/v1/chat", repeat=repeat, occurrence=occurrence)
        for repeat, occurrence in itertools.product(range(12), range(12))
    }

    assert len(names) == 144
    assert key_of(call, endpoint, path="/v1/chat", repeat=3) == (
        "8d60015f8bab2f1ca69279fcea1be2fb974c65470dbc145a16ec07c82275724f"
    )
    assert content_of(asked) == ("fc4cce8033315df02f96f337c20a2f935efd4345486257c12d51682d0ca4f35b")
    assert content_of(asked) != content_of(structs.replace(asked, occurrence=1))


async def test_a_tape_of_before_still_plays(tmp_path: Path) -> None:
    """A tape that knew equal calls only by their cells gives each cell what it had."""
    tape, options = tmp_path / "tape", {"prompts": prompts_of(alike=False)}
    async with (
        Simulator(author=Numbering()) as simulator,
        lab_for(simulator, mode="record", tape=tape) as lab,
    ):
        first = (await abtest(lab, frame_of([0, 0, 1]), **options)).rows
    lines = tape_reader.read(tape).lines
    told = {use: line for line in lines for use in line.uses}
    plain = {
        (line.model, use.prompt): line.content
        for use, line in told.items()
        if use.input == "0"
    }  # fmt: skip
    before = [
        replace(line, content=plain[line.model, use.prompt]) if use.input == "1" else line
        for use, line in told.items()
    ]
    tape_writer.write(tape, before)

    async with Lab(book=":memory:", mode="replay", tape=tape, env={}, config="/") as lab:
        again = (await abtest(lab, frame_of([0, 0, 1]), **options)).rows

    assert first["text"].tolist() == again["text"].tolist()


def test_occurrences_go_by_place() -> None:
    """The earliest place is the first, whatever was sent first."""
    places = [2, 0, 1, 5]

    assert occurrences(["a", "a", "a", "b"], place=lambda at: places[at]) == {2: 1, 0: 2}
    assert occurrences(["a", "b"]) == {}
