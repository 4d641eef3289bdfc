"""What is said before anything is sent: time, retirements, look-ahead."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.comparison import compare_runs
from llmlab.errors import TemplateError
from llmlab.records import Plan
from llmlab.runs.control import Control
from llmlab.sim import Simulator
from llmlab.templates import parse
from tests.labs import lab_for
from tests.test_batches import lab_for as batching

FRAME = pd.DataFrame({"headline": ["Profit up 20%", "Shares plunge"], "at": ["2020-01-01"] * 2})


async def planned(lab: Lab, words: str, models: list[str], **options: Any) -> Plan:
    """Run a prompt in the background; return the plan that was shown before."""
    seen: list[Plan] = []

    class Watch:
        control = Control()

        def planned(self, plan: Plan) -> None:
            seen.append(plan)

        def moved(self, progress: object) -> None:
            pass

        def ended(self, progress: object) -> None:
            pass

        async def passes(self) -> bool:
            return True

    given = {"on": FRAME, "max_tokens": 20, "handle": Watch(), **options}
    await lab.abtest_async({"p": f"{words} {{{{ headline }}}}"}, models, **given)
    return seen[0]


async def test_time_is_not_known_before_anything_was_answered(simulator: Simulator) -> None:
    """An empty book knows no latency, and none is invented."""
    async with lab_for(simulator) as lab:
        plan = await planned(lab, "Up?", ["gpt"])

    assert plan.seconds is None
    assert plan.seconds_by == "not known before the first answers"


async def test_time_is_estimated_by_what_is_nearest(simulator: Simulator) -> None:
    """This run's own answers, else the model's, else the provider's; others are named."""
    async with lab_for(simulator) as lab:
        await planned(lab, "Up?", ["gpt"])
        same_model = await planned(lab, "Down?", ["gpt"])
        same_provider = await planned(lab, "Up?", ["openai/gpt-6-sol"])
        stranger = await planned(lab, "Sideways?", ["gpt", "claude"])
        own = await planned(lab, "Up?", ["gpt"], repeats=2)
        nothing = await planned(lab, "Up?", ["gpt"], repeats=2)

    assert same_model.seconds is not None
    assert same_model.seconds > 0
    assert same_model.seconds_by == "estimated by earlier answers of the same models"
    assert same_provider.seconds_by == "estimated by earlier answers of the same providers"
    assert stranger.seconds is not None
    assert stranger.seconds_by.endswith("; not known yet of claude, which may take longer")
    assert own.seconds_by == "estimated by this run's answers in the book"
    assert (nothing.seconds, nothing.seconds_by) == (0.0, "")


async def test_a_batch_takes_as_long_as_it_takes(simulator: Simulator) -> None:
    """How fast single calls were says nothing of a batch: no seconds are told."""
    async with batching(simulator) as lab:
        await planned(lab, "Up?", ["gpt"])
        plan = await planned(lab, "Late?", ["gpt"], batch=True)

    assert plan.seconds is None
    assert "within a day" in plan.seconds_by


async def test_stand_ins_tell_nothing_of_the_model(simulator: Simulator, tmp_path: Path) -> None:
    """How fast the simulator was is no estimate for the provider."""
    book = tmp_path / "lab.db"
    with Lab(book=book, mode="stand-in", config="/", env={"LLMLAB_LOCAL_MODEL": "no"}) as acted:
        await planned(acted, "Up?", ["gpt"])
    async with lab_for(simulator, book=book) as lab:
        plan = await planned(lab, "Up?", ["gpt"])

    assert plan.seconds is None


async def test_notes_come_before_anything_is_sent(simulator: Simulator, tmp_path: Path) -> None:
    """A model that retires soon and dates before a cut-off are in the plan, not only after."""
    end = datetime.now(tz=UTC).date() + timedelta(days=19)
    mine = tmp_path / "models.toml"
    mine.write_text(f'[models."openai/gpt-5"]\nretires = {end}\ncutoff = 2024-09-30\n')

    async with lab_for(simulator, catalogue=mine) as lab:
        plan = await planned(lab, "Up?", ["openai/gpt-5"], as_of="at", max_tokens=400)

    assert any("openai/gpt-5 is switched off in 19 days" in note for note in plan.notes)
    assert any("2 of 2 inputs are dated before the knowledge cut-off" in note
               for note in plan.notes)  # fmt: skip


async def test_a_prompt_of_the_library_knows_its_history(
    simulator: Simulator, tmp_path: Path
) -> None:
    """Versions that were sent, oldest first, from the prompt itself; a loose one has none."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    async with lab_for(simulator, config=tmp_path) as lab:
        for words in ("Mood? {{ headline }}", "Mood, in a word? {{ headline }}"):
            (folder / "mood.md").write_text(words)
            await lab.abtest_async(["mood"], "gpt", on=FRAME, quiet=True)
        history = lab.prompts["mood"].history()
        same = lab.history("mood")

    assert [each.text for each in history.versions] == [each.text for each in same.versions]
    assert "+Mood, in a word?" in history.diff()
    with pytest.raises(TemplateError, match=r"lab\.history"):
        parse("Mood?", name="loose").history()


def test_runs_are_compared_from_the_package() -> None:
    """`llmlab.compare_runs` is there like the others, and is the default lab's."""
    import llmlab

    assert {"compare_runs", "mark", "marked"} <= set(dir(llmlab))
    assert "compare_runs" in llmlab.compare_runs.__qualname__
    assert callable(compare_runs)
