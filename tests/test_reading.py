"""What an answer says: read right or not at all; tests/readings.py has the tables."""

import json as stdlib
import math
import re
import unicodedata
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.records import Answer, Prompt, Request, Row, Usage
from llmlab.scores import Scorer, brier, json, label, number, scored, scorer_of
from llmlab.scores.apply import heard
from llmlab.scores.judge_reply import choice_of
from llmlab.scores.targets import missing, same, written
from llmlab.scores.unread import Unread
from tests.readings import JSON, JUDGE, LABELS, NUMBERS, PROBABILITIES, SETTLED, SIDES
from tests.scores_page import page

NUMBER = scorer_of("number", [1.0])
CHANCE = scorer_of("brier", [1, 0])
SIDE = scorer_of("direction", [0.1])


def answer(text: str) -> Answer:
    """Return a whole answer of these words."""
    return Answer(text=text, usage=Usage(), finish="stop", model="m")


def read(scorer: Scorer, text: str) -> Any:
    """Return what is read; None when nothing is, and then there is a reason."""
    assert scorer.read is not None
    said = scorer.read(answer(text))
    assert not isinstance(said, Unread) or said.why
    return None if isinstance(said, Unread) else said


@pytest.mark.parametrize(
    ("text", "value"), [line for _, lines in NUMBERS for line in lines], ids=repr
)
def test_a_number_is_read_right_or_not_at_all(text: str, value: float | None) -> None:
    """Signs, marks, groups, digits, units and which one counts. # K-2."""
    assert read(NUMBER, text) == value


@pytest.mark.parametrize(("text", "value"), PROBABILITIES, ids=repr)
def test_a_probability_is_the_forecast_not_the_premise(text: str, value: float | None) -> None:
    """70 percent, not the 2 % that the stock rose; a range or the opposite event is none. # K-2."""
    assert read(CHANCE, text) == value


@pytest.mark.parametrize(("text", "side"), SIDES, ids=repr)
def test_a_direction_is_of_what_was_asked(text: str, side: int | None) -> None:
    """A horizon is no direction, a denied rise is not up, costs are not the price. # K-3."""
    assert read(SIDE, text) == side


@pytest.mark.parametrize(
    ("labels", "text", "said"),
    [(labels, *line) for labels, lines in LABELS for line in lines],
    ids=repr,
)
def test_a_label_is_said_not_listed_or_denied(
    labels: tuple[object, ...], text: str, said: str | None
) -> None:
    """In any form, case and script; letters and numbers too. # K-4."""
    assert read(scorer_of("label", labels), text) == said


@pytest.mark.parametrize(("text", "field", "value"), JSON, ids=repr)
def test_json_is_found_or_says_why_not(text: str, field: str, value: str | None) -> None:
    """In prose, after another fence, with a comma too many, twice: never a silent 0. # K-6."""
    scorer = scorer_of(f"json:{field}", ["x"])
    found = read(scorer, text)
    assert (None if found is None else scorer.written(found)) == value


@pytest.mark.parametrize(("text", "means", "said"), JUDGE, ids=repr)
def test_a_judge_is_never_reversed(text: str, means: str | None, said: str | None) -> None:
    """What is read is what was meant, or nothing. # K-1."""
    assert choice_of(text) == said
    assert said in {means, None}


def test_the_table_of_the_judge_is_long_and_mostly_read() -> None:
    """A grammar that reads nothing reverses nothing; this one reads most that say something."""
    saying = [said for _, means, said in JUDGE if means is not None]
    assert len(JUDGE) >= 80
    assert sum(said is not None for said in saying) / len(saying) > 0.85


# ---- a second pass: what is ambiguous goes by the others of the arm -------------------------


def row(text: str, number: int, prompt: str = "p") -> Row:
    """Return a row of an arm called *prompt*."""
    request = Request(provider="openai", model="m", label="m", prompt=Prompt(name=prompt, user="u"))
    return Row(
        run="r",
        request=request,
        request_hash=f"{number}",
        input_id=f"{number}",
        outcome=answer(text),
    )


@pytest.mark.parametrize(("text", "others", "value"), SETTLED, ids=repr)
def test_an_ambiguous_number_goes_by_its_arm(
    text: str, others: tuple[str, ...], value: float | None
) -> None:
    """The decimal mark of the other answers decides where they agree, and is counted. # K-2."""
    rows = [row(each, at) for at, each in enumerate((text, *others))]

    found = heard(rows, NUMBER)

    said = found.said[0]
    assert (None if isinstance(said, Unread) else said) == value
    assert found.settled.get(("p", "m"), 0) == (0 if value is None else 1)


def test_another_arm_decides_only_where_its_own_shows_nothing() -> None:
    """An English arm is not read by a German one; a silent one is, if all others agree."""
    german, english = [row("4,2", 1, "de")], [row("4.2", 2, "en"), row("1,234", 3, "en")]
    silent = [row("1,234", 4, "new")]

    mixed = heard([*german, *english, *silent], NUMBER).said
    alike = heard([*german, *silent], NUMBER).said

    assert mixed[2] == 1234.0
    assert isinstance(mixed[3], Unread)
    assert alike[1] == 1.234


def test_a_watched_run_reads_each_answer_alone() -> None:
    """What was looked at as it came must read the same at the end."""
    rows = [row("1,234", 0), row("4,2", 1)]

    assert isinstance(heard(rows, NUMBER, alone=True).said[0], Unread)


def test_the_decimal_mark_and_the_unit_can_be_said() -> None:
    """Settings settle what the words leave open."""
    assert read(number(decimal=",").make([1.0]), "1,234") == 1.234
    assert read(number(unit="%").make([1.0]), "3.2 %") == 3.2
    assert read(number(unit="%").make([1.0]), "320 bp") == 3.2
    assert read(number(unit="bp").make([1.0]), "3.2 %") == 320.0
    assert read(brier(field="p.up").make([1, 0]), '{"p": {"up": "60 %", "down": 0.4}}') == 0.6
    assert read(label(field="rates").make(["up", "down"]), '{"rates": "up", "fx": "down"}') == "up"


class Side(Enum):
    UP = "up"


@pytest.mark.parametrize(
    ("target", "said", "worth"),
    [
        (pd.Period("2026-03", "M"), "2026-03", 1.0),
        (pd.Timedelta("1D"), "1 days 00:00:00", 1.0),
        (b"up", "up", 1.0),
        (Side.UP, "up", 1.0),
        ("1.0", "1", 1.0),
        (True, "1", 1.0),
        (1234, "1,234", None),
        (5, "no idea", None),
        (5, "6", 0.0),
        (True, "perhaps", None),
        (pd.Timestamp("2026-03-01"), "1 March 2026", None),
        ("", "up", None),
    ],
    ids=repr,
)
@pytest.mark.parametrize("score", ["exact", "json:v"])
def test_a_value_that_cannot_be_compared_is_unread(
    score: str, target: Any, said: str, worth: float | None
) -> None:
    """Periods, bytes and enumerations by value; what is not of the target's kind is no 0."""
    text = said if score == "exact" else stdlib.dumps({"v": said})

    made = scored([row(text, 0)], scorer_of(score, [target, "other"]), {"0": target})[0]

    assert made.score == worth
    assert made.became == (
        "untargeted" if target == "" else "unread" if worth is None else "scored"
    )


@pytest.mark.parametrize("held", ["null", '""'])
def test_an_empty_field_says_nothing(held: str) -> None:
    """It is unread, not wrong."""
    made = scored([row(f'{{"v": {held}}}', 0)], scorer_of("json:v", ["up"]), {"0": "up"})[0]

    assert (made.score, made.score_error) == (None, "the field 'v' of the JSON is empty")


def test_a_blank_target_is_no_label() -> None:
    """As a file of text columns has it for a gap: the other inputs are scored."""
    rows = [row("up", 0), row("up", 1)]

    made = scored(rows, scorer_of("label", ["up", "down", ""]), {"0": "up", "1": ""})

    assert [each.became for each in made] == ["scored", "untargeted"]


# ---- laws -----------------------------------------------------------------------------------

TEXTS: list[tuple[Scorer, str]] = [
    *((NUMBER, text) for _, lines in NUMBERS for text, _ in lines),
    *((CHANCE, text) for text, _ in PROBABILITIES),
    *((SIDE, text) for text, _ in SIDES),
    *((scorer_of("label", names), text) for names, lines in LABELS for text, _ in lines),
]
PROSE = ("Here is my view of the company.", "This took some thought.", "The desk asked about it.")
RAISED = re.compile("[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079]")


@given(st.sampled_from(TEXTS), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_reading_is_invariant_under_normalisation(case: tuple[Scorer, str], form: Any) -> None:
    """How a text is composed says nothing; a power that NFKC would flatten is left out."""
    scorer, text = case
    if form in {"NFC", "NFD"} or not RAISED.search(text):
        assert read(scorer, unicodedata.normalize(form, text)) == read(scorer, text)


@given(st.sampled_from(TEXTS), st.sampled_from(PROSE), st.sampled_from(PROSE), st.booleans())
def test_prose_around_an_answer_changes_nothing_it_says(
    case: tuple[Scorer, str],
    before: str,
    after: str,
    both: bool,  # noqa: FBT001 - drawn
) -> None:
    """With prose around it the same is read, or less (`2024` may then be a year); never another."""
    scorer, text = case
    around = f"{before}\n\n{text}\n\n{after}" if both else f"{before}\n\n{text}"
    assert read(scorer, around) in {read(scorer, text), None}


@given(
    st.sampled_from(TEXTS),
    st.sampled_from(["**{}**", "*{}*", "__{}__", "`{}`", "# {}", "```\n{}\n```"]),
)
def test_markdown_marks_say_nothing(case: tuple[Scorer, str], marks: str) -> None:
    """Bold, code, a heading, a fence: the same is read."""
    scorer, text = case
    if not re.search(r"[*`#{<\n-]|^$", text):
        assert read(scorer, marks.format(text)) == read(scorer, text)


AMOUNTS = st.decimals("0.01", "99999", places=2)
MINUSES = st.sampled_from(["-", "\u2212", "\u2013", "\uff0d", "minus ", "-$", "$-", "\u2212\u20ac"])
UNITS = st.sampled_from(["", " %", "%", " percent", " bp", "k", " million", " USD"])


def grouped(value: Decimal, style: str) -> str:
    """Write *value* as one country or the other does."""
    plain = f"{value:,.2f}"
    marks = {"en": ",.", "de": ".,", "fr": "\u202f,", "ch": "'.", "none": "|."}[style]
    return plain.replace(",", "|").replace(".", marks[1]).replace("|", marks[0].replace("|", ""))


@given(
    AMOUNTS,
    MINUSES,
    UNITS,
    st.sampled_from(["en", "de", "fr", "ch", "none"]),
    st.sampled_from(["{}", "Answer: {}", "I expect {} for it.", "**{}**", "{}\n\nThat is all."]),
)
def test_the_sign_is_never_lost(
    value: Decimal, minus: str, unit: str, style: str, frame: str
) -> None:
    """However a loss is written, it is read as that loss or not at all."""
    scales = {" %": 0.01, "%": 0.01, " percent": 0.01, " bp": 1e-4, "k": 1e3, " million": 1e6}
    right = -float(value) * scales.get(unit, 1.0)

    said = read(NUMBER, frame.format(f"{minus}{grouped(value, style)}{unit}"))

    assert said == pytest.approx(right, rel=1e-9)


FALLS = (
    "fall", "drop", "decline", "loss", "decrease", "retreat", "dip", "slump", "contraction", "miss",
    "shortfall", "drawdown", "pullback", "correction", "sell-off", "Rückgang", "Verlust", "baisse",
    "recul", "caída", "calo", "queda", "падение", "снижение", "下跌", "減少", "▼",
)  # fmt: skip
IN_WORDS = (
    "a {} of {}", "{} {}", "a {} of about {}", "{}: {}", "The {} is expected to be {}",
    "a {}, {}", "I see a {} in the next days, by {}", "a {} in its price of {}",
)  # fmt: skip


@given(
    st.sampled_from(FALLS),
    st.sampled_from(IN_WORDS),
    st.sampled_from(["5", "5 %", "$5", "4,2 %", "25 bp", "$1.2bn"]),
    st.sampled_from(["{}", "Answer: {}", "{}.\n\nThat is all.", "**{}**"]),
)
def test_a_sign_in_words_is_never_a_gain(word: str, told: str, amount: str, frame: str) -> None:
    """A number without a sign beside a word for a fall is unread, never positive. # K-2."""
    assert read(NUMBER, frame.format(told.format(word, amount))) is None


@given(
    st.sampled_from(["4.25", "-4.25", "1,234.5", "2 602", "0,125", "17", "2024.5", "12", "5"]),
    st.sampled_from(
        [
            "",
            "In 2024, ",
            "On March 5, 2024: ",
            "Q3: ",
            "1. ",
            "The S&P 500 gives ",
            "By 14:30 ",
            "After 5 days ",
            "Since 2010 it is ",
            "FY24: ",
            "On 2024-03-15 ",
            "On 5 March ",
            "[1] ",
        ]
    ),
    st.sampled_from(
        [
            "",
            " days",
            " may rise",
            " march on",
            " points",
            " in Q3",
            " of 2024",
            " or so",
            " shares",
            " trading days",
            " per share",
            " [1]",
            " by 2030",
            " on 15.03.2024",
            "-year",
            " times",
            ".",
        ]
    ),
)
def test_what_is_no_quantity_takes_no_digit_of_one(value: str, before: str, after: str) -> None:
    """A date or a span beside a number is passed over whole, or nothing is read."""
    assert read(NUMBER, f"{before}{value}{after}") in {read(NUMBER, value), None}


@given(AMOUNTS, st.sampled_from(["({})", "$({})", "(${})", "({}%)", "({})%", "({} million)"]))
def test_a_loss_in_brackets_is_a_loss(value: Decimal, brackets: str) -> None:
    """As accounts write it."""
    said = read(NUMBER, brackets.format(f"{value:.2f}"))

    assert said is not None
    assert said < 0.0


@given(st.text(alphabet="0123456789.,'-\u2212\u2013() %$", max_size=12))
def test_digits_in_any_order_are_one_number_or_none(text: str) -> None:
    """No jumble raises, and none with a minus before its first digit comes out above zero."""
    said = read(NUMBER, text)

    bare = text.strip()
    if said is not None and ". " not in bare and re.match("[-\u2212][$ ]?\\d", bare):
        assert said <= 0.0


OPTIONS = st.sampled_from(
    ["A", "Answer A", "answer A", "**A**", "(A)", "Response A", "the first answer"]
)
TALK = st.sampled_from(
    [
        "{x} is better than {y}.",
        "{x} is worse than {y}.",
        "I prefer {x} to {y}.",
        "{x} is more accurate.",
        "{x} is good, but {y} is better.",
        "Choice: {x}",
        "[[{x}]] {y} is vague.",
        "{x}",
        "{x}, because {y} is vague.",
        "Not {x}",
        "{x} or {y}",
        "{x} > {y}",
        "{x} loses to {y}",
        "The better answer is {x}.",
        "{x} is not better.",
        "{x} and {y} are equal",
        "{x}: short. {y}: exact.",
        '{{"choice": "{x}"}}',
        "It is a tie.",
        "{x} wins",
        "{x} is a bit too long.",
        "A better answer than {x} would be {y}.",
        "If {x} were right, {y} would be worse.",
    ]
)


def swapped(text: str) -> str:
    """Exchange the two answers in what a judge says."""
    names = {"A": "B", "B": "A", "first": "second", "second": "first"}
    return re.sub(r"\b(?:A|B|first|second)\b", lambda found: names[found[0]], text)


@given(OPTIONS, TALK, st.lists(TALK, max_size=2))
def test_swapping_the_answers_swaps_the_choice(option: str, first: str, more: list[str]) -> None:
    """A and B are read by the same rules: no letter is favoured."""
    names = {"x": option, "y": swapped(option)}
    reply = "\n".join(each.format(**names) for each in (first, *more))

    said, turned = choice_of(reply), choice_of(swapped(reply))

    assert turned == {"A": "B", "B": "A"}.get(said or "", said)


@given(st.text())
def test_a_judge_may_say_anything(text: str) -> None:
    """Nothing that it says raises."""
    assert choice_of(text) in {"A", "B", "T", None}


# ---- targets --------------------------------------------------------------------------------


def column(values: list[Any], dtype: str | None = None) -> list[Any]:
    """Return the targets as a frame with this column hands them over."""
    frame = pd.DataFrame({"target": pd.Series(values, dtype=dtype)})
    return [record["target"] for record in frame.to_dict("records")]


@pytest.mark.parametrize(
    ("targets", "texts"),
    [
        (column([1, 0, None]), ["1", "0", "1"]),
        (column([1, 0], "float32"), ["1", "0"]),
        (column([1, 0, None], "Int64"), ["1", "0", "0"]),
        (column([True, False, None], "boolean"), ["True", "no", "yes"]),
        (column(["up", "down", None], "category"), ["UP", "down", "up"]),
        (column(["up", "down", None], "string"), ["up", "Down", "up"]),
        ([Decimal("1.0"), Decimal(0), Decimal("NaN")], ["1", "0", "1"]),
    ],
    ids=["gap", "float32", "Int64", "boolean", "category", "string", "Decimal"],
)
def test_targets_are_labels_by_their_value(targets: list[Any], texts: list[str]) -> None:
    """A gap makes floats of whole numbers; the right answers are right all the same. # K-5."""
    scorer = scorer_of("label", targets)
    rows = [row(text, at) for at, text in enumerate(texts)]

    found = scored(rows, scorer, {f"{at}": target for at, target in enumerate(targets)})

    known = [each for each, target in zip(found, targets, strict=True) if not missing(target)]
    assert [each.score for each in known] == [1.0] * len(known)
    lost = [each for each, target in zip(found, targets, strict=True) if missing(target)]
    assert {(each.score, each.reading) for each in lost} <= {(None, "untargeted")}


@pytest.mark.parametrize(
    ("said", "target", "equal"),
    [
        (1, 1.0, True),
        ("1", 1.0, True),
        (0.1, np.float32(0.1), True),
        (0.1, float(np.float32(0.1)), True),
        (0.1, Decimal("0.1"), True),
        (1, "1", True),
        ("1.0", 1, True),
        (True, True, True),
        ("yes", np.True_, True),
        (True, 1, True),
        ("2026-03-01", pd.Timestamp("2026-03-01"), True),
        ("2026-03-01T10:30:00", pd.Timestamp("2026-03-01 10:30"), True),
        ("2026-03-01", np.datetime64("2026-03-01"), True),
        ("\uff35\uff30", "up", True),
        ("70%", 0.7, True),
        (2, 1.0, False),
        ("up", 1.0, False),
        (None, "up", False),
        (0.2, np.float32(0.1), False),
        ([1], [1], True),
        ("2026-03-02", pd.Timestamp("2026-03-01"), False),
    ],
    ids=repr,
)
def test_values_are_compared_as_values(said: object, target: object, equal: bool) -> None:  # noqa: FBT001 - a table
    """In `json:field` and wherever else a value meets its target. # K-5."""
    assert same(said, target) is equal


@pytest.mark.parametrize(
    "target",
    [None, math.nan, pd.NA, pd.NaT, Decimal("NaN"), np.float32("nan"), np.datetime64("NaT")],
)
def test_what_is_missing_is_missing_in_every_library(target: object) -> None:
    """None of them is a word to be compared with."""
    assert missing(target)


def test_a_target_is_written_as_a_person_would() -> None:
    """The column `target` says 1, not 1.0; a date, not a midnight."""
    stamp = pd.Timestamp("2026-03-01")
    targets = [1.0, np.float32(0.1), Decimal("1.50"), stamp, True, "x"]
    assert list(map(written, targets)) == ["1", "0.1", "1.5", "2026-03-01", "true", "x"]


@pytest.mark.parametrize(
    ("score", "text", "target", "value"),
    [
        ("exact", "1", 1.0, 1.0),
        ("exact", "cafe\u0301", "caf\u00e9", 1.0),
        ("exact", "True", True, 1.0),
        ("exact", "2", 1.0, 0.0),
        ("contains", "It is 1.", 1.0, 1.0),
        ("contains", "In 2010", 1.0, 0.0),
        ("json:a", '{"a": 1}', 1.0, 1.0),
        ("json:a", '{"a": "1"}', 1, 1.0),
        ("json:a", '{"a": 0.1}', np.float32(0.1), 1.0),
        ("regex", "code 7", 7.0, 1.0),
        ("similarity", "1", 1.0, 1.0),
    ],
    ids=repr,
)
def test_every_score_meets_its_target_by_value(
    score: str, text: str, target: object, value: float
) -> None:
    """Not as Python would write it. # K-5."""
    assert scorer_of(score, [target]).score(text, target) == value


# ---- what is no whole answer ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("finish", "text", "reading"),
    [
        ("length", "4.2", "cut"),
        ("length", "", "cut"),
        ("stop", " \n", "empty"),
        ("refusal", "I cannot", "refused"),
        ("filter", "4.", "filtered"),
        ("stop", "none", "unread"),
        ("stop", "4.2", "scored"),
    ],
)
@pytest.mark.parametrize(
    "score", ["number", "rank_ic", "label", "exact", "brier", "direction", "json:a"]
)
def test_a_gap_is_never_scored(score: str, finish: Any, text: str, reading: str) -> None:
    """Cut, empty, refused and filtered answers have no score, whatever stands in them. # K-7."""
    targets: list[Any] = ["up", "down"] if score == "label" else [1, 0, 1]
    rows = [
        Row(
            run="r",
            request=row("", at).request,
            request_hash="h",
            input_id=f"{at}",
            outcome=Answer(text=text, usage=Usage(), finish=finish, model="m"),
        )
        for at in range(len(targets))
    ]

    found = scored(rows, scorer_of(score, targets), {f"{at}": t for at, t in enumerate(targets)})

    if finish != "stop" or not text.strip():
        assert {(each.score, each.reading) for each in found} == {(None, reading)}
        assert all(each.score_error for each in found)
    assert all((each.score is None) == (each.reading != "scored") for each in found)


def test_silence_has_the_score_that_it_was_given() -> None:
    """`brier(missing=)` scores what says nothing, and the outcome still says that it did."""
    scorer = brier(missing=-0.25).make([1, 0])

    (found,) = scored([row("no idea", 0)], scorer, {"0": 1})

    assert (found.score, found.reading) == (-0.25, "unread")
    assert "scored -0.25" in found.score_error


def test_json_that_breaks_its_schema_is_wrong_and_says_how() -> None:
    """A document that was read and is wrong scores 0 with the reason; without one there is none."""
    schema = {"type": "object", "properties": {"p": {"maximum": 1}}, "required": ["p"]}
    rows = [row('{"p": 2}', 0), row("p is 2", 1)]

    broken, none = scored(rows, json(schema, field="p").make([0.5]), {"0": 0.5, "1": 0.5})

    assert (broken.score, broken.reading) == (0.0, "scored")
    assert "does not follow the schema: $.p: 2 is greater" in broken.score_error
    assert (none.score, none.reading, none.score_error) == (
        None,
        "unread",
        "the answer has no JSON",
    )


def test_the_page_of_readings_is_current() -> None:
    """docs/scores.md is made of these tables: python -m tests.scores_page > docs/scores.md."""
    assert (Path(__file__).parent.parent / "docs" / "scores.md").read_text() == page()
