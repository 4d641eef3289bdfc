"""From what a model says to a number, without surprises."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.errors import UsageError
from llmlab.records import Answer, Failure, Prompt, Request, Row, Usage
from llmlab.scores import scored, scorer_of
from llmlab.scores.scorer import direction_of, number_of

LABELS = ["positive", "negative", "neutral", "positive"]


@pytest.mark.parametrize(
    ("said", "target", "hit"),
    [
        ("Positive.", "positive", 1.0),
        ("I would say negative, not positive", "negative", 1.0),
        ("I would say negative, not positive", "positive", 0.0),
        ("positively glowing", "positive", 0.0),
        ("", "neutral", 0.0),
        ('{"label": "neutral"}', "neutral", 1.0),
    ],
)
def test_label(said: str, target: str, hit: float) -> None:
    """The first label that is said as a whole word decides, in any case."""
    assert scorer_of("label", LABELS).score(said, target) == hit


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
