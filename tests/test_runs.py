"""The pipeline against a real server: what is asked, what is kept, what is never sent twice."""

import asyncio
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import (
    BadKey,
    CallError,
    ConfigError,
    Throttled,
    TimedOut,
    UnknownModel,
    UsageError,
)
from llmlab.sim import Faults, RuleAuthor, Simulator
from tests.labs import lab_for, questions

PROMPTS = {
    "plain": "Label it positive, negative or neutral: {{ headline }}",
    "role": "You are an analyst. Positive, negative or neutral? {{ headline }}",
}


@pytest.fixture(name="headlines")
def _headlines() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "headline": ["Profit up 20%", "Shares plunge", "Board meets in May"],
            "label": ["positive", "negative", "neutral"],
        },
        index=["a", "b", "c"],
    )


async def _abtest(lab: Lab, headlines: pd.DataFrame, **options: object) -> pd.DataFrame:
    settings: dict[str, Any] = {
        "score": "label",
        "target": "label",
        "quiet": True,
        "max_tokens": 20,
        **options,
    }
    run = await lab.abtest_async(PROMPTS, "six", on=headlines, **settings)
    return run.rows


async def test_six_models_answer_live_through_their_base_urls(
    simulator: Simulator, headlines: pd.DataFrame
) -> None:
    """With keys and base URLs set, every arm is live, one row a call. # R-01."""
    async with lab_for(simulator) as lab:
        rows = await _abtest(lab, headlines)

    assert len(rows) == 2 * 6 * 3 == questions(simulator)
    assert set(rows["backend"]) == {"live"}
    assert set(rows["status"]) == {"ok"}
    assert rows["request_hash"].is_unique
    assert rows.loc[rows["provider"] != "ollama", "cost_usd"].gt(0).all()


async def test_running_again_sends_nothing(simulator: Simulator, headlines: pd.DataFrame) -> None:
    """The book answers the second time and says so; the rows are the same."""
    async with lab_for(simulator) as lab:
        first = await _abtest(lab, headlines)
        sent = len(simulator.log)
        again = await _abtest(lab, headlines)

    assert len(simulator.log) == sent
    assert again["from_book"].all()
    kept = ["prompt", "label", "input_id", "text", "score", "cost_usd", "request_hash"]
    order = ["prompt", "label", "input_id"]
    pd.testing.assert_frame_equal(
        first[kept].sort_values(order, ignore_index=True),
        again[kept].sort_values(order, ignore_index=True),
    )


async def test_one_more_input_sends_only_its_own_calls(
    simulator: Simulator, headlines: pd.DataFrame
) -> None:
    """Identity is content: a longer frame, in another order, asks only what is new."""
    async with lab_for(simulator) as lab:
        await _abtest(lab, headlines.iloc[:2])
        sent = len(simulator.log)
        await _abtest(lab, headlines.iloc[::-1])

    assert len(simulator.log) - sent == 2 * 6


async def test_repeats_have_their_own_slots(simulator: Simulator, headlines: pd.DataFrame) -> None:
    """A repeat is another draw, not the same answer twice."""
    async with lab_for(simulator) as lab:
        rows = await _abtest(lab, headlines, repeats=3)

    assert questions(simulator) == len(rows) == 2 * 6 * 3 * 3


async def test_streaming_measures_the_first_word(
    simulator: Simulator, headlines: pd.DataFrame
) -> None:
    """A streamed run has a time to first token in every row, an unstreamed one in none. # R-10."""
    async with lab_for(simulator) as lab:
        streamed = await _abtest(lab, headlines, stream=True)
    async with lab_for(simulator) as lab:
        whole = await _abtest(lab, headlines, stream=False)

    assert streamed["ttft_s"].notna().all()
    assert (streamed["ttft_s"] <= streamed["latency_s"]).all()
    assert whole["ttft_s"].isna().all()


async def test_a_failed_call_is_a_row(headlines: pd.DataFrame) -> None:
    """A provider that refuses everything fails its own rows; the others are untouched."""
    faults = Faults.parse(["anthropic=401"])
    async with (
        Simulator(author=RuleAuthor(), faults=faults) as simulator,
        lab_for(simulator) as lab,
    ):
        rows = await _abtest(lab, headlines)
        anthropic = sum(each.provider == "anthropic" for each in simulator.log)

    failed = rows[rows["status"] == "error"]
    assert set(failed["provider"]) == {"anthropic"}
    assert failed["error"].str.startswith("AuthFailed").all()
    assert failed["score"].isna().all()
    assert anthropic == len(failed) == 6, "a refused key is not tried again"


async def test_what_can_pass_is_tried_again() -> None:
    """Half of all calls are throttled: every answer comes, and the row says after how many."""
    faults = Faults.parse(["429:0.5"], seed=3)
    async with (
        Simulator(author=RuleAuthor(), faults=faults) as simulator,
        lab_for(simulator, attempts=12) as lab,
    ):
        answers = [await lab.ask_async(f"Say {n}.", "gpt") for n in range(8)]

    assert sum(answer.attempts for answer in answers) == len(simulator.log) > 8


async def test_attempts_are_bounded() -> None:
    """`attempts=2` is two requests, then the provider's own error."""
    async with (
        Simulator(author=RuleAuthor(), faults=Faults.parse(["429"])) as simulator,
        lab_for(simulator, attempts=2) as lab,
    ):
        with pytest.raises(Throttled):
            await lab.ask_async("Hello.", "gpt")

    assert len(simulator.log) == 2


async def test_the_deadline_covers_all_attempts() -> None:
    """A slow provider is given up at the deadline, as `TimedOut`. # R-27."""
    async with (
        Simulator(author=RuleAuthor(), faults=Faults.parse(["delay:5"])) as simulator,
        lab_for(simulator) as lab,
    ):
        with pytest.raises(TimedOut, match=r"no answer within 0\.3 s"):
            await lab.ask_async("Hello.", "gpt", deadline=0.3)


async def test_a_stream_hands_over_pieces_then_the_answer(simulator: Simulator) -> None:
    """Pieces add up to the text; the last one carries the whole answer. # R-10."""
    async with lab_for(simulator) as lab:
        pieces = [piece async for piece in lab.stream("Tell me about spring.", "claude")]

    answer = pieces[-1].answer
    assert answer is not None
    assert len(pieces) > 3
    assert "".join(piece.text for piece in pieces) == answer.text


async def test_a_deterministic_question_is_asked_once(simulator: Simulator) -> None:
    """Temperature 0 is answered by the book the second time, and says so. # R-30."""
    async with lab_for(simulator) as lab:
        first = await lab.ask_async("Hello.", "claude", temperature=0.0)
        again = await lab.ask_async("Hello.", "claude", temperature=0.0)
        free = await lab.ask_async("Hello.", "claude")
        other = await lab.ask_async("Hello.", "claude")

    assert (first.from_book, again.from_book) == (False, True)
    assert not free.from_book
    assert not other.from_book
    assert len(simulator.log) == 3


async def test_a_run_stops_at_its_limit(simulator: Simulator, headlines: pd.DataFrame) -> None:
    """Calls that could pass the limit are not sent; they are rows that say so. # R-43."""
    async with lab_for(simulator) as lab:
        rows = await _abtest(lab, headlines, budget=0.0005)
        spent = lab.spend()["cost_usd"].sum() if len(lab.spend()) else 0.0

    assert rows["error"].dropna().str.startswith("LimitError").any()
    assert len(simulator.log) < len(rows)
    assert float(spent) <= 0.0005


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"models": "gtp"}, UnknownModel, "gpt"),
        ({"target": "lable"}, UsageError, "did you mean label"),
        ({"score": "lable"}, UsageError, "did you mean label"),
        ({"on": pd.DataFrame({"headline": []})}, UsageError, "frame of inputs is empty"),
        ({"prompts": {"a": "{{ headlin }}"}}, UsageError, "did you mean {{ headline }}"),
        ({"prompts": ["nope"]}, UsageError, "no prompt is called 'nope'"),
        ({"repeats": 0}, UsageError, "repeats is 0; it must be a whole number from 1"),
        ({"temprature": 1}, UsageError, "no parameter is called 'temprature'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
async def test_bad_input_is_one_line_before_anything_is_sent(
    simulator: Simulator,
    headlines: pd.DataFrame,
    change: dict[str, object],
    error: type[Exception],
    says: str,
) -> None:
    """A slip costs nothing: the line names the fix, and no request leaves."""
    given: dict[str, Any] = {"prompts": PROMPTS, "models": "six", "on": headlines}
    given |= {"score": "label", "target": "label", "quiet": True} | change
    async with lab_for(simulator) as lab:
        with pytest.raises(error, match=says) as caught:
            await lab.abtest_async(given.pop("prompts"), given.pop("models"), **given)

    assert "\n" not in str(caught.value)
    assert not simulator.log


def test_a_malformed_key_is_named_when_the_lab_is_made() -> None:
    """The variable and the shape of a key, never the key itself. # R-22."""
    with pytest.raises(BadKey, match="OPENAI_API_KEY does not look like a key of OpenAI") as caught:
        Lab(book=":memory:", env={"OPENAI_API_KEY": "planted"}, config="/")

    assert "planted" not in str(caught.value)


def test_an_address_that_leaks_keys_is_refused_when_the_lab_is_made() -> None:
    """Plain http to another machine is refused unless the settings allow it. # R-63."""
    env = {"OPENAI_BASE_URL": "http://gateway.example.com/v1"}

    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        Lab(book=":memory:", env=env, config="/")
    Lab(book=":memory:", env=env, config="/", plain_http=True).close()


async def test_no_key_reaches_rows_book_or_errors(headlines: pd.DataFrame, tmp_path: Path) -> None:
    """A planted key is in no row, no error and no byte of the book. # R-60."""
    faults = Faults.parse(["401:0.3", "reset:0.2"], seed=2)
    async with Simulator(author=RuleAuthor(), faults=faults) as simulator:
        lab = lab_for(simulator, book=tmp_path / "lab.db", attempts=2)
        rows = await _abtest(lab, headlines)
        caught = [await _refused(lab, f"{n}") for n in range(20)]
        await asyncio.to_thread(lab.close)

    assert "planted" not in rows.to_csv()
    assert any(caught)
    assert "planted" not in "".join(caught)
    for file in await asyncio.to_thread(lambda: list(tmp_path.rglob("*"))):
        assert file.is_dir() or b"planted" not in file.read_bytes()


async def test_no_key_reaches_a_tape_or_an_export(
    simulator: Simulator, headlines: pd.DataFrame, tmp_path: Path
) -> None:
    """Whatever a run is kept in, a planted key is in no byte of it. # R-60."""
    async with lab_for(simulator) as lab:
        run = await lab.abtest_async(PROMPTS, "six", on=headlines, quiet=True, max_tokens=20)
        await asyncio.to_thread(lab.save_tape, tmp_path / "run.tape")
    for suffix in ("csv", "parquet", "xlsx", "json", "md", "html"):
        await asyncio.to_thread(run.export, tmp_path / f"run.{suffix}")
    await asyncio.to_thread(run.report, tmp_path / "report.html")
    kept = [path.read_bytes() for path in await asyncio.to_thread(lambda: [*tmp_path.iterdir()])]

    assert len(kept) == 8
    assert not any(b"planted" in each for each in kept)


async def _refused(lab: Lab, prompt: str) -> str:
    """Return all that can be seen of the error, or nothing when it was answered."""
    try:
        await lab.ask_async(prompt, "gpt")
    except CallError as error:
        return f"{error} {error!r} {vars(error)} {error.__cause__!r}"
    return ""


async def test_stand_ins_are_marked_and_cost_nothing_real(headlines: pd.DataFrame) -> None:
    """Without a key the simulator plays, rows say so, and nothing counts as spent."""
    options = {"book": ":memory:", "env": {}, "config": "/", "local_model": "/nonexistent"}
    async with Lab(**options, mode="stand-in") as lab:  # type: ignore[arg-type]
        run = await lab.abtest_async(
            PROMPTS, "six", on=headlines, score="label", target="label", quiet=True
        )
        spent = await asyncio.to_thread(lab.spend)

    assert set(run.rows["backend"]) == {"stand-in"}
    priced = run.rows["provider"] != "ollama"
    assert (run.rows.loc[priced, "cost_status"] == "simulated").all()
    assert run.rows.loc[priced, "cost_usd"].gt(0).all()
    assert any("seeded rule" in note for note in run.notes)
    assert not len(spent) or float(spent["cost_usd"].sum()) == 0.0
