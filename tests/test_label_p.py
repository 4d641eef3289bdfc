"""The chance of a label by log-probabilities: what is known of it, and nothing that is not."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab import Lab
from llmlab.errors import BadParameter, UsageError
from llmlab.frames import read_rows
from llmlab.records import Answer, Prompt, Request, Row, TokenLogprob, Usage
from llmlab.scores import label_p, scored
from llmlab.scores.label_p import Chances
from llmlab.scores.unread import Unread
from llmlab.sim import Simulator
from tests.labs import lab_for, questions


def token(own: str, **chances: float) -> TokenLogprob:
    """Return a token; *chances* are those of the likeliest, `_` standing for a blank."""
    top = tuple((word.replace("_", " "), math.log(p)) for word, p in chances.items())
    known = dict(top)
    return TokenLogprob(token=own, logprob=known.get(own, math.log(0.5)), top=top)


def answer_of(text: str, *tokens: TokenLogprob) -> Answer:
    """Return an answer."""
    return Answer(text=text, usage=Usage(), finish="stop", model="m", logprobs=tokens)


THREE = ["positive", "negative", "neutral"]
SHARES: dict[str, tuple[list[str], Answer, dict[str, float]]] = {
    "whole words": (
        THREE,
        answer_of("positive", token("positive", positive=0.75, negative=0.15, neutral=0.05)),
        {"positive": 15 / 19, "negative": 3 / 19, "neutral": 1 / 19},
    ),
    "beginnings, in any case": (
        THREE,
        answer_of("Positive.", token("Pos", Pos=0.6, _pos=0.2, NEG=0.15, it=0.01), token("itive."),
                  token(".")),
        {"positive": 16 / 19, "negative": 3 / 19},
    ),
    "a beginning that labels share": (
        THREE,
        answer_of("neutral", token("ne", ne=0.9, pos=0.1), token("utral", utral=0.6, gative=0.4)),
        {"positive": 0.1, "neutral": 0.54, "negative": 0.36},
    ),
    "after words": (
        THREE,
        answer_of("Answer: **negative**", token("Answer", Answer=1.0), token(":"), token(" **"),
                  token("negative", negative=0.9, positive=0.1), token("**")),
        {"negative": 0.9, "positive": 0.1},
    ),
    "in JSON": (
        THREE,
        answer_of('{"label": "neutral"}', token('{"'), token("label"), token('":'),
                  token(' "neutral', **{' "neutral': 0.8, ' "pos': 0.2}), token('"}')),
        {"neutral": 0.8, "positive": 0.2},
    ),
    "after thinking": (
        ["up", "down"],
        answer_of("up", token("Is it up"), token("? Or down"), token("up", up=0.6, down=0.4)),
        {"up": 0.6, "down": 0.4},
    ),
    "a label that begins another": (
        ["up", "upside"],
        answer_of("up", token("up", up=0.95, x=0.05)),
        {"up": 1.0},
    ),
    "letters": (
        ["A", "B"],
        answer_of("B", token("B", B=0.7, A=0.2, _A=0.1)),
        {"b": 0.7, "a": 0.3},
    ),
    "numbers": (
        ["-1", "0", "1"],
        answer_of("-1", token("-", **{"-": 0.7, "0": 0.2, "1": 0.1}), token("1", **{"1": 1.0})),
        {"-1": 0.7, "0": 0.2, "1": 0.1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SHARES)
def test_a_labels_share_is_of_what_all_labels_have(kind: str) -> None:
    """Tokens that begin one label count for it; one that several share waits for the next."""
    targets, answer, shares = SHARES[kind]
    scorer = label_p().make(targets)
    assert scorer.read is not None

    said = scorer.read(answer)

    assert isinstance(said, Chances), said
    assert said.shares == pytest.approx(shares)
    assert sum(scorer.value(said, each) for each in targets) == pytest.approx(1.0)


def test_an_alias_counts_for_its_label() -> None:
    """`bullish` is positive."""
    scorer = label_p({"up": ["bullish"]}).make(["up", "down"])
    assert scorer.read is not None

    said = scorer.read(
        answer_of("bullish", token("bull", bull=0.5, up=0.3, down=0.2), token("ish"))
    )

    assert isinstance(said, Chances)
    assert said.said == "up"
    assert said.shares["up"] == pytest.approx(0.8)


UNREAD: dict[str, tuple[Answer, str]] = {
    "none": (answer_of("up"), "no log-probabilities"),
    "its own alone": (answer_of("up", TokenLogprob(token="up", logprob=-0.1)), "own tokens"),
    "too little": (answer_of("up", token("up", up=0.5, I=0.4, down=0.1)), "only 60.0%"),
    "twice": (answer_of("up, up", token("up", up=0.9, down=0.1), token(","),
                        token(" up", up=0.9, down=0.1)), "more than once"),
    "no label": (answer_of("perhaps", token("perhaps", perhaps=0.9, up=0.1)), "label"),
    "another text": (answer_of("up", token("x", x=0.9, y=0.1)), "inside of a token"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREAD)
def test_what_leaves_room_for_doubt_is_unread(kind: str) -> None:
    """Nothing is guessed about the probability that was not reported."""
    answer, words = UNREAD[kind]
    request = Request(provider="p", model="m", prompt=Prompt(name="p", user="u"))
    row = Row(run="r", request=request, request_hash="h", input_id="a", outcome=answer)

    (made,) = scored([row], label_p().make(["up", "down"]), {"a": "up"})

    assert (made.score, made.reading) == (None, "unread")
    assert words in made.score_error


def test_how_much_must_be_known_is_a_setting() -> None:
    """`least=0.5` takes what the default leaves unread, as shares of what is known."""
    answer = answer_of("up", token("up", up=0.5, I=0.4, down=0.1))
    lenient = label_p(least=0.5).make(["up", "down"]).read
    assert lenient is not None

    assert not isinstance(lenient(answer), Unread)
    for least in (0, 1.5, "much"):
        with pytest.raises(UsageError):
            label_p(least=least)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3), st.floats(0.0, 0.09))
def test_shares_are_probabilities(parts: list[float], left: float) -> None:
    """Each from 0 to 1, together 1, in the order of what the tokens have."""
    chances = {word: (1.0 - left) * p / sum(parts) for word, p in zip(THREE, parts, strict=True)}
    scorer = label_p().make(THREE)
    assert scorer.read is not None

    said = scorer.read(answer_of("neutral", token("neutral", **chances)))

    assert isinstance(said, Chances)
    assert math.fsum(said.shares.values()) == pytest.approx(1.0)
    assert said.shares == pytest.approx(
        {w: p / sum(parts) for w, p in zip(THREE, parts, strict=True)}
    )


# --- in a run -----------------------------------------------------------------------------

FRAME = pd.DataFrame(
    {
        "headline": ["Profit soars", "Shares plunge", "The board meets", "Record growth"],
        "label": ["positive", "negative", "neutral", "positive"],
    }
)
PROMPTS = {
    "plain": "Answer positive, negative or neutral: {{ headline }}",
    "long": "You are an analyst. Say positive, negative or neutral. {{ headline }}",
}
WITH_LOGPROBS = ["gpt", "deepseek", "grok", "qwen"]


async def abtest(lab: Lab, models: Any = WITH_LOGPROBS, **options: Any) -> Any:
    """Label headlines with log-probabilities."""
    given: dict[str, Any] = {
        "on": FRAME,
        "target": "label",
        "score": "label_p",
        "logprobs": 5,
        "quiet": True,
    }
    return await lab.abtest_async(PROMPTS, models, **(given | options))


@pytest.mark.parametrize("stream", [False, True])
async def test_four_models_say_how_sure_they_are(
    simulator: Simulator, tmp_path: Path, *, stream: bool
) -> None:
    """The score is a probability, `said` the label, and a calibration follows."""
    async with lab_for(simulator, book=tmp_path / "book.db") as lab:
        run = await abtest(lab, stream=stream)
        kept = lab.run(run.name)

    rows = run.rows
    right = rows["said"] == rows["target"]
    assert set(rows["outcome"]) == {"scored"}
    assert rows["score"].between(0, 1).all()
    assert (rows.loc[right, "score"] == rows.loc[right, "probability"]).all()
    assert (rows.loc[~right, "score"] + rows.loc[~right, "probability"] <= 1.0 + 1e-9).all()
    table = run.calibration()
    assert len(table) == 8
    arm = rows[(rows["prompt"] == "plain") & (rows["label"] == "gpt")]
    brier = ((arm["probability"] - (arm["said"] == arm["target"]).astype(float)) ** 2).mean()
    mine = table[(table["prompt"] == "plain") & (table["label"] == "gpt")]
    assert mine["brier"].iloc[0] == pytest.approx(brier)
    for other in (kept.rows, read_rows(run.export(tmp_path / "rows.csv")),
                  read_rows(run.export(tmp_path / "rows.parquet"))):  # fmt: skip
        pd.testing.assert_series_equal(other["probability"], rows["probability"])
        assert list(other["logprobs"]) == list(rows["logprobs"])
    first = json.loads(rows["logprobs"].iloc[0])[0]
    assert set(first) == {"token", "logprob", "top"}
    assert len(first["top"]) == 5
    run.export(tmp_path / "rows.xlsx")
    run.plot("calibration")
    assert run.classes().shape[0] == 24


async def test_what_cannot_work_is_refused_before_it_is_sent(simulator: Simulator) -> None:
    """No log-probabilities asked for, or a model that has none."""
    async with lab_for(simulator) as lab:
        with pytest.raises(UsageError, match="logprobs=5"):
            await abtest(lab, logprobs=None)
        with pytest.raises(BadParameter, match="claude-haiku-4-5 reports none"):
            await abtest(lab, "six")
    assert questions(simulator) == 0


async def test_dropped_for_one_arm_it_is_unread_there(simulator: Simulator) -> None:
    """With parameters dropped, who has none says so in each row."""
    async with lab_for(simulator, drop_parameters=True) as lab:
        run = await abtest(lab, ["gpt", "claude"])

    by = run.rows.groupby("label", observed=True)["outcome"].agg(set)
    assert by.to_dict() == {"claude": {"unread"}, "gpt": {"scored"}}
