"""An experiment from its design to its verdict, against a real server: guards, stops, judges."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.catalogue import Catalogue
from llmlab.design.design import Design
from llmlab.design.experiment import Experiment, experiment_of
from llmlab.errors import UsageError
from llmlab.scores import judge, label
from llmlab.sim import Simulator
from llmlab.sim.authors.author import Asked, Written
from llmlab.templates import Library
from llmlab.views.plan import plan_text
from tests.labs import lab_for
from tests.test_plan import planned

SIX = {"A": "Up or down? {{ text }}"}
TWO = {"A": "Up or down? {{ text }}", "B": "What next, up or down? {{ text }}"}


def frame(size: int = 40) -> pd.DataFrame:
    """Return inputs that are told apart by their words, half of them up."""
    return pd.DataFrame(
        {
            "text": [f"The price of the share number {at} is moving" for at in range(size)],
            "side": ["up", "down"] * (size // 2),
            "day": [f"2026-01-{1 + at // 4:02d}" for at in range(size)],
        },
        index=[f"i{at}" for at in range(size)],
    )


def design(prompts: dict[str, str] | None = None, **options: Any) -> Experiment:
    """Check a design without a lab: nothing can be sent."""
    given = {"on": frame(), "score": "label", "target": "side", **options}
    return experiment_of(
        Design(prompts or TWO, given.pop("models", ["gpt", "claude"]), **given),
        catalogue=Catalogue.load(None),
        library=Library(None),  # type: ignore[arg-type]  # no prompt is asked for by name
    )


@dataclass(frozen=True)
class Scripted:
    """Says what is right where the words of the prompt (B) or the model's name is a good one."""

    name: str = "scripted"

    async def write(self, asked: Asked) -> Written:
        """Prompt B always knows; prompt A always says up; a judge likes answer `down`."""
        if "<answer_A>" in asked.user:
            answers = asked.user.split("<answer_A>")[1].strip()
            text = "A" if answers.startswith("down") else "B"
            text = "T" if answers.count("down\n") != 1 else text
        else:
            odd = int(asked.user.split("number ")[1].split()[0]) % 2
            text = ("up", "down")[odd] if "What next" in asked.user else "up"
        return Written(text=text, input_tokens=20, output_tokens=1)


@pytest.fixture(name="scripted")
async def _scripted() -> AsyncIterator[Simulator]:
    async with Simulator(author=Scripted()) as simulator:
        yield simulator


async def _run(lab: Lab, **options: Any) -> Any:
    given = {"prompts": TWO, "models": ["gpt"], "on": frame(), "score": "label", "target": "side",
             "quiet": True, "max_tokens": 20, **options}  # fmt: skip
    return await lab.abtest_async(given.pop("prompts"), given.pop("models"), **given)


def _asked(simulator: Simulator) -> int:
    """Count the questions; a look at which models are pulled is none."""
    return sum(not each.path.endswith(("/tags", "/show", "/models")) for each in simulator.log)


# ---- looking after every input ------------------------------------------------------------


async def test_a_clear_run_is_done_and_not_stopped(scripted: Simulator) -> None:
    """Its handle and its bar say that nothing is left to send."""
    async with lab_for(scripted, max_in_flight=2) as lab:
        handle = await asyncio.to_thread(
            lab.start, TWO, "gpt", on=frame(400), score="label", target="side",
            max_tokens=20, stop_when_clear=True,
        )  # fmt: skip
        await asyncio.to_thread(handle.result, 60)

    progress = handle.progress()
    assert (handle.state, progress.ended, progress.left_s) == ("done", "clear", 0.0)
    assert progress.done < progress.total


async def test_a_clear_run_stops_and_says_what_it_saved(scripted: Simulator) -> None:
    """One prompt is right on all, the other on half: most of 400 inputs are never asked. # R-52."""
    async with lab_for(scripted, max_in_flight=2) as lab:
        run = await _run(lab, on=frame(400), stop_when_clear=True)

    sent = len(scripted.log)
    assert sent < 200
    assert sent == len(run.rows)
    asked = run.rows["input_id"].nunique()
    note = next(note for note in run.notes if note.startswith("Stopped when clear"))
    assert f"{400 - asked} inputs and {800 - sent} calls (about $" in note
    assert run.pairs["p_adjusted"].max() <= 0.05
    assert run.verdict.startswith("B · gpt is best")


async def test_a_stopped_run_is_stopped_the_second_time(scripted: Simulator) -> None:
    """What the book answers is looked at first: running the cell again sends nothing."""
    async with lab_for(scripted, max_in_flight=2) as lab:
        first = await _run(lab, on=frame(400), stop_when_clear=True)
        sent = len(scripted.log)
        again = await _run(lab, on=frame(400), stop_when_clear=True)

    assert len(scripted.log) == sent
    pd.testing.assert_frame_equal(first.pairs, again.pairs)


async def test_arms_that_are_alike_are_not_stopped(scripted: Simulator) -> None:
    """Two models that say the same are never clear: every input is asked, and the note says so."""
    async with lab_for(scripted) as lab:
        run = await _run(lab, prompts=SIX, models=["gpt", "claude"], stop_when_clear=True)

    assert len(scripted.log) == len(run.rows) == 80
    assert any(note.startswith("Checked after each of 40 inputs") for note in run.notes)


async def test_looks_are_by_cluster_where_there_is_one(scripted: Simulator) -> None:
    """A day is finished before the next is begun, and counts as one look."""
    async with lab_for(scripted, max_in_flight=2) as lab:
        run = await _run(lab, on=frame(), stop_when_clear=True, cluster="day", repeats=2)

    blocks = run.rows.groupby("cluster", observed=True)["block"]
    assert (blocks.max() - blocks.min()).eq(3).all()
    assert any("of 10 clusters" in note or "each of 10 clusters" in note for note in run.notes)


async def test_a_score_outside_its_range_only_ends_the_looking(scripted: Simulator) -> None:
    """A function that leaves 0..1 would break the promise: the run goes to its planned end."""

    def wild(text: str, target: object) -> float:
        return 5.0 if text == target else 0.0

    async with lab_for(scripted) as lab:
        run = await _run(lab, score=wild, stop_when_clear=True)

    assert len(run.rows) == 80
    assert any(note.startswith("Nothing was stopped early") for note in run.notes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"score": "number", "target": "n"}, "needs a score with a range"),
        ({"score": "rank_ic", "target": "n"}, "one input has no such score"),
        ({"score": "judge"}, "cannot wait for a judge"),
        ({"score": None, "target": None}, "needs a score"),
        ({"prompts": SIX, "models": ["gpt"]}, "needs two arms"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(change: dict[str, Any], says: str) -> None:
    """Before anything is sent, in one line."""
    with pytest.raises(UsageError, match=says):
        design(**{"on": frame().assign(n=1.5), "stop_when_clear": True, **change})


# ---- the same prompt twice ----------------------------------------------------------------


async def test_an_aa_run_asks_again(scripted: Simulator) -> None:
    """The second asking is another draw with its own calls, not the book's first answer."""
    async with lab_for(scripted) as lab:
        run = await _run(lab, aa=True)

    assert len(scripted.log) == len(run.rows) == 160
    assert run.rows["request_hash"].is_unique
    assert set(run.rows["prompt"]) == {"A", "A again", "B", "B again"}
    assert run.noise["same"].eq(1.0).all()
    assert run.verdict == (
        "Asked twice with the same words: of 2 arms none differs from itself. Every answer scores "
        "as it did the first time."
    )


# ---- the judge ----------------------------------------------------------------------------


async def test_a_judge_is_paid_from_the_same_purse(scripted: Simulator) -> None:
    """Its calls are in the book under the run, in both orders, and are not made twice. # R-35."""
    async with lab_for(scripted) as lab:
        run = await _run(lab, score=judge("claude", rubric="Down is better."), name="judged")
        sent = len(scripted.log)
        spent = await asyncio.to_thread(lab.spend)
        again = await _run(lab, score=judge("claude", rubric="Down is better."), name="judged")

    # 40 inputs x 2 arms; answers differ on 20 inputs, each judged in two orders.
    assert sent == 80 + 40 == len(scripted.log)
    assert set(spent["run"]) == {"judged"}
    assert float(spent.loc[spent["provider"] == "anthropic", "cost_usd"].sum()) > 0.0
    scores = run.summary.set_index("prompt")["score"]
    assert scores.to_dict() == {"B": 0.75, "A": 0.25}
    assert set(run.rows["said"]) == {"0 won, 1 tied, 0 lost", "1 won, 0 tied, 0 lost",
                                     "0 won, 0 tied, 1 lost"}  # fmt: skip
    note = next(note for note in run.notes if note.startswith("Judged by claude"))
    assert "40 comparisons, 0 flipped" in note
    assert again.summary["score"].tolist() == run.summary["score"].tolist()


async def test_the_plan_names_the_judges_calls_before_anything_is_sent(scripted: Simulator) -> None:
    """Two calls a comparison at most, with their expected cost: more than the judge then cost."""
    async with lab_for(scripted) as lab:
        plan = await planned(
            lab, "Up?", ["gpt", "grok"], on=frame().rename(columns={"text": "headline"}),
            score=judge("claude"),
        )  # fmt: skip
        paid = float(await asyncio.to_thread(lab.book.spent, f"run:{plan.name}"))

    assert plan.judge is not None
    assert (plan.judge.label, plan.judge.calls) == ("claude", 2 * 40)
    assert plan.judge.expected_usd is not None
    assert plan.expected_usd is not None
    assert 0 < paid < plan.expected_usd + plan.judge.expected_usd
    assert "then the judge  up to 80 calls of claude, expected $0." in plan_text(plan)


async def test_a_mark_that_is_no_mark_ends_no_run(scripted: Simulator) -> None:
    """Answers are paid by then: it is left out and said."""
    async with lab_for(scripted) as lab:
        first = await _run(lab, score=judge("claude"))
        for key, mark in zip(
            first.rows["request_hash"], ["good", "so-so", "1", "inf"] * 20, strict=True
        ):
            await asyncio.to_thread(lab.book.mark, key, "quality", mark)
        run = await _run(lab, score=judge("claude"))

    said = "40 of people's marks 'quality' are left out: a mark is a number or one of good, ok, bad"
    assert any(note.startswith(said) for note in run.notes)


async def test_a_judge_of_one_arm_is_refused_before_anything_is_sent(scripted: Simulator) -> None:
    """There is nothing to compare with."""
    async with lab_for(scripted) as lab:
        with pytest.raises(UsageError, match="give two prompts or two models"):
            await _run(lab, prompts={"A": "{{ text }}"}, score=judge("claude"))

    assert not scripted.log


async def test_a_judged_run_replays_from_its_tape(scripted: Simulator, tmp_path: Path) -> None:
    """The judge's calls are on the tape: the same scores come back, and nothing is sent."""
    async with lab_for(scripted) as lab:
        run = await _run(lab, score="judge:claude")
        await asyncio.to_thread(lab.save_tape, tmp_path / "tape.jsonl")
    sent = len(scripted.log)
    async with lab_for(scripted, mode="replay", tape=tmp_path / "tape.jsonl") as lab:
        again = await _run(lab, score="judge:claude")

    assert len(scripted.log) == sent
    kept = ["prompt", "label", "input_id", "text", "said", "score"]
    pd.testing.assert_frame_equal(again.rows[kept], run.rows[kept])
    assert [n for n in again.notes if "Judged" in n] == [n for n in run.notes if "Judged" in n]


async def test_a_judge_is_held_against_people(scripted: Simulator) -> None:
    """Marks of answers in the book give the share of agreement with its interval."""
    async with lab_for(scripted) as lab:
        first = await _run(lab, score=judge("claude"))
        marks = {"up": "bad", "down": "good"}
        for key, text in zip(first.rows["request_hash"], first.rows["text"], strict=True):
            await asyncio.to_thread(lab.book.mark, key, "quality", marks[text])
        run = await _run(lab, score="judge:claude")

    assert any("quality' in 40 of 40 comparisons (100%" in note for note in run.notes)


async def test_a_judge_stops_at_the_limit(scripted: Simulator) -> None:
    """What the run may spend is what its judge may spend: the rest has no verdict. # R-43."""
    async with lab_for(scripted) as lab:
        answers = await _run(lab, score=None, target=None, name="cheap")
        spent = answers.rows["cost_usd"].sum()
        run = await _run(lab, score="judge:claude", budget=float(spent) + 0.002, name="cheap")
        total = await asyncio.to_thread(lab.book.spent, "run:cheap")

    assert float(total) <= float(spent) + 0.002
    assert any("have no verdict of the judge" in note for note in run.notes)


# ---- guards -------------------------------------------------------------------------------


def test_the_target_must_not_stand_in_the_prompt() -> None:
    """A prompt that shows what it is scored against is warned of."""
    found = design({"A": "{{ text }} was it {{ side }}?", "B": "{{ text }}"})

    assert [note for note in found.notes if "'A' shows {{ side }}" in note]


def test_equal_words_are_counted() -> None:
    """Two ids with the same question are the same evidence."""
    doubled = pd.concat([frame(4), frame(2).set_axis(["x", "y"])])

    (note,) = (each for each in design(on=doubled).notes if "repeat the words" in each)

    assert note.startswith("2 of 6 inputs repeat the words of another (i0 = x; i1 = y)")


def test_examples_in_a_prompt_leak() -> None:
    """An input that a prompt quotes is no test of it."""
    shot = f"Example: {frame()['text'].iloc[3].upper()} -> down\n{{{{ text }}}}"

    found = design({"shot": shot, "zero": "{{ text }}"})

    assert [note for note in found.notes if "'shot' quotes 1 of the inputs (i3)" in note]
    assert not [note for note in found.notes if "'zero'" in note]


async def test_inputs_before_the_cutoff_are_marked(scripted: Simulator) -> None:
    """Claude's cut-off splits the dates, gpt's is unknown: rows, notes and split say so. # R-53."""
    dates = ["2020-01-01", "2099-01-01"] * 20
    async with lab_for(scripted) as lab:
        run = await _run(lab, models=["gpt", "claude"], on=frame().assign(at=dates), as_of="at")

    marks = run.rows.groupby("label", observed=True)["before_cutoff"]
    assert marks.sum().to_dict() == {"claude": 40, "gpt": 0}
    assert marks.count().to_dict() == {"claude": 80, "gpt": 0}
    assert any("20 of 40 inputs are dated before the knowledge cut-off of claude" in note
               for note in run.notes)  # fmt: skip
    assert any("No knowledge cut-off is published for gpt" in note for note in run.notes)
    assert set(run.by_cutoff["label"]) == {"claude"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"as_of": "text"}, "must hold dates"),
        ({"as_of": "days"}, "did you mean day"),
        ({"score": "brier"}, "needs targets of 0 and 1"),
        ({"score": label({"sideways": ["flat"]})}, "aliases are given for 'sideways'"),
    ],
)
def test_a_design_that_cannot_be_is_one_line(change: dict[str, Any], says: str) -> None:
    """The first fault with its fix, before anything is sent."""
    on = frame().assign(n=[0.5] * 40)
    given = {"on": on, **change}
    if given.get("score") == "brier":
        given["target"] = "n"

    with pytest.raises(UsageError, match=says):
        design(**given)


async def test_trials_are_counted_over_runs(scripted: Simulator) -> None:
    """Another prompt on some of the same inputs is another trial; the same again is not."""
    async with lab_for(scripted) as lab:
        first = await _run(lab)
        again = await _run(lab, prompts={"C": "Up or down, please? {{ text }}"}, on=frame(20))
        same = await _run(lab, max_tokens=30)
        other = await _run(lab, on=frame().assign(text=[f"number {at} else" for at in range(40)]))

    assert [each.trials for each in (first, again, same, other)] == [2, 3, 3, 2]
    assert any("3 arms were tried" in note for note in again.notes)


async def test_revisions_of_a_prompt_count_whatever_the_inputs(scripted: Simulator) -> None:
    """Two revisions a session, each session on inputs of its own: all of them were tried."""
    counts = []
    async with lab_for(scripted) as lab:
        for session in range(3):
            on = frame(20).assign(text=[f"number {at} of {session}" for at in range(20)])
            words = f"Session {session}, up or down? {{{{ text }}}}"
            run = await _run(lab, prompts={"A": words, "B": f"Please. {words}"}, on=on)
            counts.append(run.trials)

    assert counts == [2, 4, 6]


async def test_two_hundred_inputs_two_prompts_six_models(simulator: Simulator) -> None:
    """The whole line on real prices; one more model then sends only that model's calls. # R-01."""
    from benchmarks.experiment import PROMPTS, inputs

    on = inputs(50)
    async with lab_for(simulator) as lab:
        given: dict[str, Any] = {"on": on, "score": "direction", "target": "next", "quiet": True,
                                 "cluster": "date", "as_of": "date", "max_tokens": 20}  # fmt: skip
        run = await lab.abtest_async(PROMPTS, "six", **given)
        sent = _asked(simulator)
        more = await lab.abtest_async(PROMPTS, ["six", "openai/gpt-5.4-nano"], **given)

    assert sent == len(run.rows) == 2 * 6 * 50
    assert _asked(simulator) - sent == 2 * 50
    assert len(more.summary) == 14
    assert len(more.pairs) == 14 * 13 / 2
    assert more.verdict
