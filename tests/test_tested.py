"""What was tested is kept beside its numbers: words, settings, days and answers, in every form."""

import json
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab import Lab
from llmlab.comparison import Comparison
from llmlab.views.export.files import export
from llmlab.views.export.report import report_html
from llmlab.views.tested import LONGEST, MOST, days, picked
from tests.test_views import made

FRAME = pd.DataFrame(
    {
        "headline": [
            f"Acme {at} {word}" for at, word in enumerate(["soars", "sinks", "idles"] * 4)
        ],
        "label": ["positive", "negative", "neutral"] * 4,
    }
)
PROMPTS = {
    "plain": "Positive, negative or neutral? <b>{{ headline }}</b>",
    "fenced": "```\n{{ headline }}\n```\nLabel it positive, negative or neutral.",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose stand-ins answer by rule."""
    folder = tmp_path_factory.mktemp("tested")
    env = {"LLMLAB_LOCAL_MODEL": str(folder)}
    with Lab(book=":memory:", mode="stand-in", config=folder, env=env) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(lab: Lab) -> Comparison:
    """Two prompts, three models, twelve inputs, some answers wrong."""
    return lab.abtest(
        PROMPTS, ["deepseek", "claude", "qwen"], on=FRAME, score="label", target="label",
        temperature=0.25, max_tokens=99, repeats=2, name="kept", quiet=True,
    )  # fmt: skip


def text_of(run: Comparison, path: Path, **options: object) -> str:
    """Return all the words of an export."""
    run.export(path, **options)  # type: ignore[arg-type]
    if path.suffix != ".xlsx":
        return path.read_text("utf-8")
    sheets = openpyxl.load_workbook(path).worksheets
    return "\n".join(
        str(cell) for sheet in sheets for row in sheet.iter_rows(values_only=True) for cell in row
    )


@pytest.mark.parametrize("suffix", ["html", "md", "json", "xlsx"])
@pytest.mark.parametrize("kept", [False, True])
def test_a_file_holds_what_was_tested(
    lab: Lab, run: Comparison, tmp_path: Path, suffix: str, *, kept: bool
) -> None:
    """The words of the prompts, the settings, the day and answers; from the book as well."""
    shown = lab.run("kept") if kept else run
    text = text_of(shown, tmp_path / f"r.{suffix}")
    words = text.replace("&lt;", "<").replace("&gt;", ">").replace("\\n", "\n").replace("\\\\", "")

    for prompt in PROMPTS.values():
        assert prompt in words.replace("\\", "")
    for said in ("0.25", "99", "temperature", "repeats", days(run.rows)):
        assert said in text
    assert any(headline in text for headline in FRAME["headline"])
    assert any(answer in text for answer in run.rows["text"])


@pytest.mark.parametrize("suffix", ["html", "md", "json", "xlsx"])
def test_the_words_can_be_left_out(run: Comparison, tmp_path: Path, suffix: str) -> None:
    """Neither prompts nor inputs are in the file then; the day and the numbers are."""
    text = text_of(run, tmp_path / f"r.{suffix}", prompts=False, samples=0)

    assert "Label it" not in text
    assert not any(headline in text for headline in FRAME["headline"])
    assert "What the arms said" not in text
    assert days(run.rows) in text


def test_a_json_has_what_was_tested_as_records(run: Comparison, tmp_path: Path) -> None:
    """Prompts with versions, shared settings, what each arm has of its own, and disagreements."""
    document = json.loads(text_of(run, tmp_path / "r.json"))

    tested = document["tested"]
    assert {each["name"]: each["user"] for each in tested["prompts"]} == PROMPTS
    assert all(each["version"] for each in tested["prompts"])
    assert tested["settings"] == {
        "score": "label", "repeats": "2", "temperature": "0.25", "max_tokens": "99"
    }  # fmt: skip
    assert tested["arms"]["claude"]["model"] == "anthropic/claude-haiku-4-5"
    assert 3 <= len(document["samples"]) <= 5
    assert set(tested["inputs"]) == {each["name"] for each in document["samples"]}
    for sample in document["samples"]:
        assert len(sample["replies"]) == 6
        assert sample["words"].startswith("Acme")


def test_marks_made_by_hand_keep_what_was_tested(lab: Lab, run: Comparison) -> None:
    """A run scored by marks has the same words."""
    lab.mark(run.rows.iloc[0], right=True)

    assert lab.marked(run).shown.tested == run.shown.tested


def test_rows_without_their_run_say_what_is_not_known(tmp_path: Path) -> None:
    """A report of rows from a file has the day, and says that the words are not in it."""
    page = report_html(made())

    assert "The words of the prompts are not in this report." in page
    assert "2026-11-22 00:00 UTC" in page


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"),
            st.sampled_from([0.0, 0.5, 1.0, None, float("nan")]),
            st.sampled_from(["x", "X ", "y", None]),
        ),
        max_size=40,
    ),
    st.integers(1, 8),
)
def test_those_are_shown_that_lie_furthest_apart(
    said: list[tuple[str, float | None, str | None]], most: int
) -> None:
    """Never more than asked for, disagreements first, and none is left out for one that agrees."""
    chosen = picked(said, most=most)

    names = {name for name, *_ in said}
    assert len(chosen) <= most
    assert len(chosen) >= min(3, most, len(names))
    assert list(chosen.values()) == sorted(chosen.values(), reverse=True)
    spread = {
        name: len({score for other, score, _ in said if other == name and score in (0.0, 0.5, 1.0)})
        for name in names
    }
    if any(spread.values()):
        assert {name for name, differ in chosen.items() if differ} <= {
            name for name, size in spread.items() if size > 1
        }


def test_long_words_are_cut() -> None:
    """What a person reads of an answer ends somewhere, and shows that it does."""
    rows = made().rows.assign(text="long " * 200)

    page = report_html(made(rows=rows, samples=1))

    assert "long " * (LONGEST // 5) + "\u2026" in page
    assert page.count("long long") < MOST * 200


def test_a_workbook_is_ready_to_be_read(tmp_path: Path) -> None:
    """Headings stay, columns are as wide as their words, numbers have formats, gaps are empty."""
    rows = made().rows.assign(text="word " * 40, error=None, ttft_s=float("nan"))

    book = openpyxl.load_workbook(export(made(rows=rows), tmp_path / "run.xlsx"))

    sheet = book["rows"]
    head = {cell.value: cell.column for cell in sheet[1]}
    first = {name: sheet.cell(2, at) for name, at in head.items()}
    assert all(each.freeze_panes == "A2" for each in book.worksheets)
    assert first["cost_usd"].number_format == "$#,##0.000000"
    assert first["latency_s"].number_format == "0.000"
    assert first["input_tokens"].number_format == "#,##0"
    assert first["started_at (UTC)"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert [first[name].value for name in ("error", "ttft_s")] == [None, None]
    assert first["ttft_s"].data_type == "n"
    assert 30 < sheet.column_dimensions[first["text"].column_letter].width <= 60
    assert first["text"].alignment.wrap_text
    assert book["summary"]["A1"].value == "prompt"
    assert ("asked", "2026-11-22 00:00 UTC") in set(book["about"].values)
