"""What failed for nothing costs nothing; what may have been charged is said, beside the costs."""

import socket
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmlab import Lab
from llmlab.calls.unsure import Unsure
from llmlab.frames import to_frame
from llmlab.records import Answer, Failure, Prompt, Request, Row, Usage
from llmlab.sim import Faults, RuleAuthor, Simulator
from llmlab.stats import arms
from llmlab.stats.costs import costs
from llmlab.stats.doubts import charge_notes
from llmlab.stats.frontier import frontier
from tests.labs import KEYS, lab_for

FRAME = pd.DataFrame({"text": [f"text {at}" for at in range(6)]})


async def run_under(faults: Sequence[str], **options: Any) -> Any:
    """Ask six questions of a provider that fails so, from seed 2."""
    settings = {"attempts": 1, **options}
    async with (
        Simulator(author=RuleAuthor(), faults=Faults.parse(faults, seed=2)) as simulator,
        lab_for(simulator, **settings) as lab,
    ):
        return await lab.abtest_async(
            {"A": "Say {{ text }}"}, ["gpt"], on=FRAME, quiet=True, max_tokens=20
        )


@pytest.mark.parametrize("fault", ["400", "401", "429", "500", "quota"])
async def test_a_refusal_costs_nothing(fault: str) -> None:
    """The arm's cost is what its answers cost, and is known."""
    run = await run_under([f"{fault}:0.5"])
    failed = run.rows["status"] == "error"

    assert 0 < failed.sum() < 6
    assert (run.rows.loc[failed, "cost_usd"] == 0.0).all()
    assert set(run.rows["cost_status"]) == {"exact"}
    assert run.summary["cost_usd"].iloc[0] == pytest.approx(run.rows["cost_usd"].sum())
    assert not any("unknown" in note or "charged" in note for note in run.notes)


async def test_a_limit_and_a_breaker_cost_nothing() -> None:
    """What was never sent is not paid, and what was is."""
    limited = await run_under([], budget={"run": 1e-9})
    broken = await run_under(["500"])

    for run in (limited, broken):
        assert (run.rows["cost_usd"] == 0.0).all()
        assert run.summary["cost_usd"].iloc[0] == 0.0
    assert limited.rows["error"].str.startswith("LimitError").all()


async def test_nobody_there_costs_nothing() -> None:
    """Without a connection nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    env = {
        "OPENAI_API_KEY": KEYS["OPENAI_API_KEY"],
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
    }
    async with Lab(book=None, env=env, config="/", attempts=1) as lab:
        run = await lab.abtest_async(
            {"A": "Say {{ text }}"}, ["gpt"], on=FRAME, quiet=True, max_tokens=20
        )

    assert (run.rows["status"] == "error").all()
    assert (run.rows["cost_usd"] == 0.0).all()


async def test_a_broken_connection_stays_unknown() -> None:
    """The provider may have done the work: the cost is not 0, and a note says for how many."""
    run = await run_under(["reset:0.5"])
    failed = run.rows["status"] == "error"

    assert run.rows.loc[failed, "cost_usd"].isna().all()
    assert np.isnan(run.summary["cost_usd"].iloc[0])
    lost = int(failed.sum())
    assert (
        f"{lost} of the failed calls may have been charged, and nobody knows how much."
    ) in run.notes


async def test_attempts_before_an_answer_are_a_column_and_a_note() -> None:
    """An answer on the second attempt costs what it costs; the first may be on the bill, too."""
    run = await run_under(["reset:0.5"], attempts=4)
    again = run.rows["attempts"] > 1

    assert (run.rows["status"] == "ok").all()
    assert again.any()
    unsure = run.rows["unsure_attempts"]
    assert (unsure == run.rows["attempts"] - 1).all()
    assert (run.rows["unsure_usd"] > 0).tolist() == again.tolist()
    assert run.summary["cost_usd"].iloc[0] == pytest.approx(run.rows["cost_usd"].sum())
    dollars = run.rows["unsure_usd"].sum()
    (note,) = [note for note in run.notes if "tried again" in note]
    assert f"after {unsure.sum()} attempts that may have been charged" in note
    assert f"${dollars:.4g} at most" in note


def test_the_last_attempt_is_the_failures_own() -> None:
    """What is counted before it is beside its cost, never twice."""
    counted = Unsure()
    counted.failed(free=False)
    counted.failed(free=True)
    assert (counted.before, counted.last, counted.usd(Decimal(2))) == (1, False, Decimal(2))

    counted.failed(free=False)
    assert (counted.before, counted.last, counted.so_far) == (1, True, 2)
    assert counted.usd(None) is None
    assert Unsure().usd(Decimal(2)) is None


def rows_of(outcomes: Sequence[Answer | Failure]) -> pd.DataFrame:
    """Return rows of one arm, each about an input of its own."""
    return to_frame([
        Row(run="r", request_hash=str(at), input_id=str(at), outcome=outcome, score=1.0,
            request=Request(provider="p", model="m", label="m", prompt=Prompt(name="A", user="")))
        for at, outcome in enumerate(outcomes)
    ])  # fmt: skip


def test_failing_often_does_not_make_an_arm_cheap() -> None:
    """A thousand calls cost what those cost that were charged, in every table."""
    paid = Answer(text="", usage=Usage(), finish="stop", model="m", cost=Decimal("0.002"))
    free = Failure(kind="Throttled", message="", cost=Decimal(0))
    rows = rows_of([paid, paid, free, free, free])

    (arm,) = arms(rows)

    assert arm.cost_usd == pytest.approx(0.004)
    assert arm.cost_per_1000_usd == pytest.approx(2.0)
    assert costs(rows)["cost_per_1000_usd"].iloc[0] == pytest.approx(2.0)
    assert frontier(rows)[0].cost_per_1000_usd == pytest.approx(2.0)
    assert np.isnan(arms(rows_of([free, free]))[0].cost_per_1000_usd)


def test_rows_of_before_have_no_note() -> None:
    """An export that lacks the columns is read as it is."""
    paid = Answer(text="", usage=Usage(), finish="stop", model="m", cost=Decimal("0.002"))
    rows = rows_of([paid]).drop(columns=["unsure_attempts", "unsure_usd"])

    assert charge_notes(rows) == ()
