"""A comparison kept as a file: every suffix, and no file half-written."""

import csv
import errno
import json
import os
import re
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from llmlab.errors import UsageError
from llmlab.views.cell import comparison_html
from llmlab.views.export.files import export
from llmlab.views.export.report import report, report_html
from tests.test_views import EVIL, made, unscored

OUTSIDE = re.compile(r"""(?:src|href|srcset|action)\s*=\s*(?!["']?data:)|url\(|@import|<script""")


def test_parquet_keeps_every_value_and_dtype(tmp_path: Path) -> None:
    """Rows come back identical: categories, zones, nullable integers."""
    rows = made().rows.astype({"prompt": "category", "input_tokens": "Int64", "text": "string"})

    path = export(made(rows=rows), tmp_path / "run.parquet")

    assert_frame_equal(pd.read_parquet(path), rows)


def test_csv_holds_the_rows_exactly(tmp_path: Path) -> None:
    """Numbers survive to the last digit, and texts with quotes, commas and new lines do."""
    rows = made().rows.assign(text='a "quoted",\nanswer', cost_usd=0.1 + 0.2)

    with export(made(rows=rows), tmp_path / "run.csv").open(newline="", encoding="utf-8") as file:
        again = list(csv.DictReader(file))

    assert [each["text"] for each in again] == list(rows["text"])
    assert [float(each["cost_usd"]) for each in again] == list(rows["cost_usd"])
    assert list(again[0]) == list(rows.columns)


def test_json_is_strict_and_complete(tmp_path: Path) -> None:
    """Rows, summary, pairs and words; what is unknown is null, never NaN."""
    text = export(made("stand-in", notes=("all 16 rows are stand-ins",)), tmp_path / "r.json")

    def refuse(token: str) -> None:
        raise AssertionError(token)

    document = json.loads(text.read_text("utf-8"), parse_constant=refuse)

    assert document["notes"] == ["all 16 rows are stand-ins"]
    assert [len(document[name]) for name in ("rows", "summary", "pairs")] == [16, 2, 1]
    assert document["rows"][0]["ttft_s"] is None
    assert document["rows"][0]["backend"] == "stand-in"
    assert document["rows"][0]["started_at"] == "2026-11-22T00:00:00+00:00"


def test_xlsx_has_a_sheet_each_and_no_formula(tmp_path: Path) -> None:
    """An answer that begins with `=` stays text; control characters and long ones are survived."""
    texts = ["=1+1", "a\x00b", "x" * 40_000, *["ok"] * 13]

    path = export(made(rows=made().rows.assign(text=texts)), tmp_path / "run.xlsx")

    book = openpyxl.load_workbook(path)
    column = [cell.value for cell in book["rows"][1]].index("text") + 1
    cells = [book["rows"].cell(row, column) for row in (2, 3, 4)]
    assert book.sheetnames == ["summary", "pairs", "rows", "about"]
    assert (cells[0].value, cells[0].data_type) == ("=1+1", "s")
    assert cells[1].value == "a\ufffdb"
    assert str(cells[2].value).endswith("[cut: see the csv or parquet]")


def test_markdown_holds_words_and_tables(tmp_path: Path) -> None:
    """Notices, verdict, arms with their marks, and pairs; a bar in a name breaks no table."""
    summary = made("stand-in").summary.assign(prompt="a|b")

    text = export(made(summary=summary, notes=("stand-ins!",)), tmp_path / "run.md").read_text()

    assert "> **stand-ins\\!**" in text
    assert "| a\\|b | gpt (stand-in) | 0.900 | \\[0.800, 0.950\\] | a |" in text
    assert "| qwen · terse | gpt · terse | 4 | +0.300 | \\[+0.100, +0.500\\] |" in text


@pytest.mark.parametrize(
    ("suffix", "magic"),
    [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("html", b"<!doctype html>")],
)
def test_pictures_and_page_are_what_the_suffix_says(
    tmp_path: Path, suffix: str, magic: bytes
) -> None:
    """The file begins as such a file does, and the same run gives the same bytes."""
    first = export(made(), tmp_path / f"a.{suffix}").read_bytes()

    assert first.startswith(magic)
    assert export(made(), tmp_path / f"b.{suffix}").read_bytes() == first


@pytest.mark.parametrize(
    ("name", "says"),
    [("run.parqet", "did you mean .parquet?"), ("run.xls", "did you mean .xlsx?"),
     ("run", "run has no suffix")],
)  # fmt: skip
def test_an_unknown_suffix_names_the_nearest(tmp_path: Path, name: str, says: str) -> None:
    """One line with the fix, and no file."""
    with pytest.raises(UsageError, match=re.escape(says)):
        export(made(), tmp_path / name)

    assert not list(tmp_path.iterdir())


def test_an_absent_folder_is_made(tmp_path: Path) -> None:
    """The path may lie in folders that are not there yet, and it is handed back."""
    path = tmp_path / "out" / "today" / "run.csv"

    assert export(made(), path) == path
    assert path.is_file()


@pytest.mark.parametrize(("number", "says"), [(errno.ENOSPC, "no space"), (errno.EIO, "cannot")])
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    """A full or broken disk is one line with path and size; the old file is whole."""
    path = tmp_path / "run.csv"
    path.write_text("old")

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(UsageError, match=rf"{says}.*run\.csv.*\d kB") as caught:
        export(made(), path)

    assert "\n" not in str(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """The new file takes the old one's name at once: who has the old one open reads it whole."""
    path = tmp_path / "run.csv"
    path.write_text("old")

    with path.open() as reader:
        export(made(), path)

        assert reader.read() == "old"
    assert path.read_text().startswith("run,prompt,")


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file where a folder should be, or a folder where a file should be."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.csv").mkdir()

    with pytest.raises(UsageError, match=r"cannot write .*not a directory|file exists"):
        export(made(), tmp_path / "file" / "run.csv")
    with pytest.raises(UsageError, match="is a folder"):
        export(made(), tmp_path / "folder.csv")


@pytest.mark.parametrize(("suffix", "library"), [("parquet", "pyarrow"), ("xlsx", "openpyxl")])
def test_an_absent_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, library: str
) -> None:
    """One line says what to install, and nothing is left behind."""
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(UsageError, match=rf"needs {library}: pip install 'llmlab\[export\]'"):
        export(made(), tmp_path / f"run.{suffix}")

    assert not list(tmp_path.iterdir())


def test_a_report_needs_nothing_else(tmp_path: Path) -> None:
    """No script and no address but data: the pictures are in the file, for light and dark."""
    page = report(made(), tmp_path / "r.html").read_text("utf-8")

    assert OUTSIDE.search(page) is None
    assert page.count("data:image/png;base64,") == 8
    assert "prefers-color-scheme:dark" in page
    for part in ("gpt leads.", "Quality against cost", "How to read this", "Pairs", "2026-11-18"):
        assert part in page


def test_the_search_for_outside_addresses_finds_one() -> None:
    """The pattern of the test above is no dead letter."""
    assert OUTSIDE.search('<img src="https://example.org/x.png">')
    assert OUTSIDE.search("<link href=/style.css>")


def test_a_report_escapes_and_marks() -> None:
    """Names with tags stay text; a simulated pair is marked in the table of pairs too."""
    shown = made("stand-in", title=EVIL, verdict=EVIL)

    page = report_html(shown)

    assert "<script" not in page
    assert page.count('<span class="ll-badge">stand-in</span>') == 4
    assert "simulated answers" in page


def test_a_report_without_scores_says_what_is_not_drawn() -> None:
    """Cost and latency are shown, and each plot that needs scores says why it is absent."""
    page = report_html(unscored())

    assert page.count("Not drawn: nothing was scored") == 2
    assert page.count("data:image/png;base64,") == 4


def test_a_cell_holds_table_and_plot() -> None:
    """What a notebook shows is self-contained as well."""
    page = comparison_html(made())

    assert OUTSIDE.search(page) is None
    assert page.count("data:image/png;base64,") == 1
