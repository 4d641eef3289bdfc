"""From what a model says to a number, without surprises."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy import stats

from llmlab.errors import UsageError
from llmlab.records import Answer, Failure, Prompt, Request, Row, Usage
from llmlab.scores import json, label, scored, scorer_of
from llmlab.scores.judge import (
    Match,
    agreement,
    judged,
    mark_of,
    match_result,
    matches,
)
from llmlab.scores.judge_reply import choice_of
from llmlab.scores.numeric import number_of
from llmlab.scores.ranks import influences
from llmlab.scores.returns import direction_of

LABELS = ["positive", "negative", "neutral", "positive"]


@pytest.mark.parametrize(
    ("said", "target", "hit"),
    [
        ("Positive.", "positive", 1.0),
        ("I would say negative, not positive", "negative", 1.0),
        ("I would say negative, not positive", "positive", 0.0),
        ("positively glowing", "positive", None),
        ("", "neutral", None),
        ("positive or negative?", "positive", None),
        ('{"label": "neutral"}', "neutral", 1.0),
    ],
)
def test_label(said: str, target: str, hit: float | None) -> None:
    """The label that is said as a whole word decides, in any case; else there is no score."""
    found = scorer_of("label", LABELS).score(said, target)
    assert (None if math.isnan(found) else found) == hit


def test_chance_is_the_best_constant_answer() -> None:
    """Always saying the commonest label is what a score has to beat."""
    assert scorer_of("label", LABELS).chance == 0.5
    assert scorer_of("direction", [0.01, 0.02, -0.01]).chance == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("about 1,234.5 dollars", 1234.5),
        ("-3%", -0.03),
        ("2e-3", 0.002),
        (".5", 0.5),
        ("none", None),
    ],
)
def test_number_of(said: str, number: float | None) -> None:
    """The first number, with thousands, exponents and percent understood."""
    assert number_of(said) == number


def test_direction_takes_the_first_word_that_points() -> None:
    """Up or down, as first said; neither is no hit."""
    assert direction_of("Likely DOWN, not up") == -1
    assert direction_of("flat") == 0
    assert scorer_of("direction", [0.02, -0.01]).score("up", 0.02) == 1.0


@pytest.mark.parametrize(
    ("name", "targets", "says"),
    [
        ("lable", LABELS, "did you mean label"),
        ("label", ["a", "a"], "at least two different targets"),
        ("number", ["x"], "not a number"),
        ("direction", ["up"], "needs returns"),
    ],
)
def test_a_score_that_does_not_fit_is_one_line(name: str, targets: list[object], says: str) -> None:
    """Unknown names get the nearest; unsuitable targets are shown."""
    with pytest.raises(UsageError, match=says):
        scorer_of(name, targets)


@given(st.text())
@example("0\x1f%")
def test_scores_never_raise_on_what_a_model_says(said: str) -> None:
    """A model may say anything."""
    for name, targets in (("label", LABELS), ("number", [1.0]), ("direction", [0.1])):
        score = scorer_of(name, targets).score(said, targets[0])
        assert math.isnan(score) or score <= 1.0


def _row(outcome: Answer | Failure) -> Row:
    request = Request(provider="openai", model="m", prompt=Prompt(name="p", user="u"))
    return Row(run="r", request=request, request_hash="h", input_id="7", outcome=outcome)


def test_a_score_that_raises_is_a_note_on_its_row() -> None:
    """A bug in a user's function costs one score, not the run."""

    def broken(text: str, target: object) -> float:
        raise KeyError(text)

    answer = Answer(text="x", usage=Usage(), finish="stop", model="m")
    rows = scored([_row(answer)], scorer_of(broken, []), {"7": 1})

    assert rows[0].score is None
    assert rows[0].score_error == "score broken raised KeyError: 'x'"


def test_a_failed_call_has_no_score() -> None:
    """What would have been said is not known, so it is not 0."""
    failed = _row(Failure(kind="Throttled", message="slow down"))

    assert scored([failed], scorer_of("exact", ["a"]), {"7": "a"}) == [failed]


# ---- scores with settings -----------------------------------------------------------------


def _score(score: object, said: str, target: object, targets: list[object] | None = None) -> float:
    scorer = scorer_of(score, targets or [target])  # type: ignore[arg-type]
    outcome = Answer(text=said, usage=Usage(), finish="stop", model="m")
    found = scored([_row(outcome)], scorer, {"7": target}, values={"7": {"ticker": "ABC"}})[0]
    return math.nan if found.score is None else found.score


@pytest.mark.parametrize(
    ("score", "said", "target", "value"),
    [
        ("number:0.5", "It is 3.4", 3, 1.0),
        ("number:0.5", "It is 3.6", 3, 0.0),
        ("number:0.1", "0.3", 0.2, 1.0),
        ("number:5%", "104", 100, 1.0),
        ("regex:(?i)^buy\\b", "Buy now", None, 1.0),
        ("regex:^buy$", "Buy now", None, 0.0),
        ("regex", "code 42", r"\d\d", 1.0),
        ("contains", "The Answer is Paris.", "paris", 1.0),
        ("contains:sell", "We would not.", None, 0.0),
        ("json", '{"a": 1}', None, 1.0),
        ("json", "```json\n[1]\n```", None, 1.0),
        ("json", "a: 1", None, 0.0),
        ("json:view.side", '{"view": {"side": "Long"}}', "long", 1.0),
        ("similarity", "abcd", "abcd", 1.0),
        ("similarity", "abcd", "wxyz", 0.0),
        ("signed_return", "UP", 0.02, 0.02),
        ("signed_return", "sell it", 0.02, -0.02),
        ("signed_return", "hold", 0.02, 0.0),
        ("signed_return:0.1%", "up", 0.02, 0.019),
        ("brier", "80%", 1, -0.04),
        ("brier", "In 5 days with probability 0.9", 0, -0.81),
        ("log_loss", "25 %", 1, math.log(0.25)),
        ("log_loss", "100%", 0, math.log1p(-(1.0 - 1e-6))),
    ],
)
def test_scores_by_name(score: str, said: str, target: object, value: float) -> None:
    """What stands in a cell is what a score computes. # R-34."""
    assert _score(score, said, target) == pytest.approx(value, abs=1e-12)


def test_aliases_stand_for_labels() -> None:
    """Another word for a label is the label; two of different labels say neither."""
    score = label({"positive": ["bullish"], "negative": ["bearish"]})

    assert _score(score, "Bullish!", "positive", [*LABELS]) == 1.0
    assert _score(score, "Bearish, not positive", "negative", [*LABELS]) == 1.0
    assert math.isnan(_score(score, "bearish, then positive", "positive", [*LABELS]))
    with pytest.raises(UsageError, match="aliases are given for 'up'"):
        scorer_of(label({"up": ["rise"]}), LABELS)


def test_a_schema_is_followed_or_scores_zero() -> None:
    """Bounds count too; a parsed answer is taken before its text."""
    schema = {"type": "object", "properties": {"p": {"maximum": 1}}, "required": ["p"]}

    assert _score(json(schema), '{"p": 0.5}', None) == 1.0
    assert _score(json(schema), '{"p": 2}', None) == 0.0
    assert _score(json(schema), "{}", None) == 0.0
    parsed = Answer(text="", usage=Usage(), finish="stop", model="m", parsed={"p": 0.1})
    assert scored([_row(parsed)], scorer_of(json(schema), []), {})[0].score == 1.0
    with pytest.raises(UsageError, match="no JSON schema"):
        json({"type": "nothing"})


@pytest.mark.parametrize(
    ("score", "targets", "says"),
    [
        ("number:x", [1], "needs a tolerance"),
        ("label:x", LABELS, "takes nothing after its name"),
        ("regex:(", [], "no regular expression"),
        ("brier", [0.4], "targets of 0 and 1"),
        ("signed_return:-1", [0.1], "needs a cost"),
        ("jugde", [], "did you mean judge"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(
    score: str, targets: list[object], says: str
) -> None:
    """Whatever stands after the colon is checked before anything is sent."""
    with pytest.raises(UsageError, match=says):
        scorer_of(score, targets)


def test_a_function_of_the_answer_gets_the_row() -> None:
    """A first parameter called `answer` asks for the whole answer and the line of the frame."""

    def short(answer: Answer, row: dict[str, object]) -> float:
        return float(answer.finish == "stop" and row["ticker"] == "ABC" and row["target"] == 3)

    assert _score(short, "x", 3) == 1.0


def test_what_cannot_be_scored_says_why() -> None:
    """No target, no number, infinity: no score, and the row says which."""
    answer = Answer(text="no idea", usage=Usage(), finish="stop", model="m")

    def error(score: object, target: object) -> str:
        scorer = scorer_of(score, [0.5] if score == "number" else LABELS)  # type: ignore[arg-type]
        return scored([_row(answer)], scorer, {"7": target})[0].score_error

    assert error("label", None) == error("label", math.nan) == "the input has no target"
    assert error("number", 0.5) == "the answer has no number"
    assert error(lambda *_: math.inf, 1) == "score <lambda> is infinite"


def test_chance_of_forecasts_is_the_base_rate() -> None:
    """For a probability the base rate, for a return the better of always up and always down."""
    assert scorer_of("brier", [1, 0, 0, 0]).chance == pytest.approx(-0.1875)
    assert scorer_of("signed_return", [0.03, -0.01]).chance == pytest.approx(0.01)


# ---- the rank information coefficient -----------------------------------------------------

_FLOATS = st.lists(
    st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=4, max_size=40
).filter(lambda pairs: len({x for x, _ in pairs}) > 1 and len({y for _, y in pairs}) > 1)


@given(_FLOATS)
def test_the_mean_influence_is_spearmans_rho(pairs: list[tuple[int, int]]) -> None:
    """Whatever the ties: the scores of the inputs average to scipy's coefficient."""
    x, y = np.array(pairs, dtype=float).T

    assert influences(x, y).mean() == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)


def test_influences_have_the_spread_of_the_jackknife() -> None:
    """The standard error that an arm's interval uses is that of leaving inputs out."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    y = 0.6 * x + rng.normal(size=400)
    left_out = [
        stats.spearmanr(np.delete(x, at), np.delete(y, at)).statistic for at in range(x.size)
    ]
    jackknife = np.sqrt((x.size - 1) * np.var(left_out))

    values = influences(x, y)

    assert values.std(ddof=1) / np.sqrt(x.size) == pytest.approx(jackknife, rel=0.02)


def test_a_rank_ic_is_taken_within_its_date() -> None:
    """Two dates with opposite levels: across them nothing, within each perfect."""
    said = np.array([1.0, 2, 3, 11, 12, 13])
    came = np.array([11.0, 12, 13, 1, 2, 3])

    assert influences(said, came).mean() < 0.0
    assert influences(said, came, ["a"] * 3 + ["b"] * 3) == pytest.approx(np.ones(6))


def test_an_aggregate_scores_rows_by_their_input() -> None:
    """Repeats are averaged first; an answer without a number shares nothing and says so."""
    words = ["1", "2", "3", "4", "none", "3"]
    ids = ["a", "b", "c", "d", "d", "e"]
    rows = [
        replace(_row(Answer(text=word, usage=Usage(), finish="stop", model="m")), input_id=input_id)
        for word, input_id in zip(words, ids, strict=True)
    ]
    targets = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4, "e": 0.25}

    found = scored(rows, scorer_of("rank_ic", list(targets.values())), targets)

    by_input = [row.score for row in found if row.score is not None]
    rho = stats.spearmanr([1, 2, 3, 4, 3], [0.1, 0.2, 0.3, 0.4, 0.25]).statistic
    assert np.mean(by_input) == pytest.approx(rho)
    assert (found[4].score_error, found[4].reading) == ("the answer has no number", "unread")


# ---- the judge ----------------------------------------------------------------------------


def _answered(prompt: str, input_id: str, text: str, repeat: int = 0) -> Row:
    request = Request(
        provider="openai", model="m", label="m", prompt=Prompt(name=prompt, user="u"), repeat=repeat
    )
    answer = Answer(text=text, usage=Usage(), finish="stop", model="m")
    return Row(
        run="r", request=request, request_hash=f"{prompt}{input_id}", input_id=input_id,
        outcome=answer,
    )  # fmt: skip


ARMS = [("A", "m"), ("B", "m"), ("C", "m")]


@pytest.mark.parametrize(
    ("said", "choice"),
    [("A", "A"), ("**B**", "B"), ("Tie", "T"), ("Answer B is better.", "B"),
     ("A or B", None), ("Answer A is short, answer B is long", None), ("", None), ("42", None)],
)  # fmt: skip
def test_a_verdict_is_one_choice(said: str, choice: str | None) -> None:
    """Two letters are an essay: no verdict is made up from it; tests/readings.py has the table."""
    assert choice_of(said) == choice


def test_a_flip_with_the_order_is_a_tie() -> None:
    """A judge that likes the first place has said nothing of the answers."""
    match = Match(one=0, other=1, input_id="i")

    assert match_result(match, "A", "B").result == 1.0
    assert match_result(match, "B", "A").result == 0.0
    flipped = match_result(match, "A", "A")
    assert (flipped.result, flipped.flipped) == (0.5, True)
    tied = match_result(match, "T", "B")
    assert (tied.result, tied.flipped) == (0.5, False)
    assert match_result(match, "A", None).result is None


def test_matches_pair_arms_on_the_same_input_and_repeat() -> None:
    """Against the first arm, or each against each; an input that one lacks is left out."""
    rows = [_answered(name, each, "x") for each in "ij" for name in "ABC"][:-1]

    first, every = matches(rows, ARMS, "first"), matches(rows, ARMS, "all")

    assert len(first) == 3
    assert len(every) == 4
    assert all(rows[each.one].input_id == rows[each.other].input_id for each in every)


def test_a_score_is_the_share_of_matches_won() -> None:
    """Ties count half; a match without a verdict counts for nobody."""
    listed = [Match(one=0, other=1, input_id="i"), Match(one=0, other=2, input_id="i"),
              Match(one=1, other=2, input_id="i")]  # fmt: skip

    found = judged([match_result(listed[0], "A", "B"), match_result(listed[1], "A", "A"),
                    match_result(listed[2], None, "A")])  # fmt: skip

    assert found.scores == {0: 0.75, 1: 0.0, 2: 0.5}
    assert (found.flips, found.lost) == (1, 1)


def test_agreement_with_people_is_cohens_kappa() -> None:
    """Two of three alike where chance would give three of nine."""
    listed = [Match(one=2 * at, other=2 * at + 1, input_id="i") for at in range(3)]
    settled = [
        match_result(listed[0], "A", "B"),
        match_result(listed[1], "B", "A"),
        match_result(listed[2], "T", "T"),
    ]
    marks = {0: 1.0, 1: 0.0, 2: 0.0, 3: 1.0, 4: 1.0, 5: 0.0}

    found = agreement(settled, marks)

    assert (found.matches, found.agreed) == (3, 2)
    assert found.kappa == pytest.approx((2 / 3 - 3 / 9) / (1 - 3 / 9))
    assert [mark_of(word) for word in ("good", " Bad ", "0.7", "fine", "nan")] == [
        1.0, 0.0, 0.7, None, None,
    ]  # fmt: skip
