"""The command line: what is printed, what is written, and one line for a slip."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.cli import main
from llmlab.sim import RuleAuthor, Simulator, environment
from tests.conftest import ROOT

KEYS = {"OPENAI_API_KEY": "sk-planted-0000000000000000000000"}
PROMPTS = {"plain": "Positive or negative: {{ headline }}"}
HEADLINES = pd.DataFrame(
    {"headline": ["Profit up", "Shares plunge"], "label": ["positive", "negative"]}
)


@pytest.fixture(name="project")
async def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder whose book has one run, called `headlines`; no key is set any more."""
    (tmp_path / "llmlab.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    async with (
        Simulator(author=RuleAuthor(seed=1)) as simulator,
        Lab(env={**KEYS, **environment(simulator)}, config=tmp_path) as lab,
    ):
        await lab.abtest_async(PROMPTS, "gpt", on=HEADLINES, score="label", target="label",
                               name="headlines", quiet=True)  # fmt: skip
    return tmp_path


async def run(*argv: str) -> int:
    """Run a command as a shell would: not on a loop's thread."""
    return await asyncio.to_thread(main, argv)


async def test_runs_lists_the_book(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`llmlab runs` has one line a run."""
    code = await run("runs")

    shown = capsys.readouterr().out
    assert code == 0
    assert "headlines" in shown
    assert "failures" in shown


@pytest.mark.parametrize("command", ["runs", "spend"])
async def test_an_empty_book_is_said(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Nothing there yet is a sentence, not an empty table."""
    (tmp_path / "llmlab.toml").write_text("")
    monkeypatch.chdir(tmp_path)

    assert await run(command) == 0
    assert "yet" in capsys.readouterr().out


async def test_a_run_is_exported_and_reported(project: Path) -> None:
    """Rows as csv and a report as html, from the book alone."""
    codes = [
        await run("export", "headlines", "rows.csv"),
        await run("report", "headlines", "r.html"),
    ]

    assert codes == [0, 0]
    assert len(pd.read_csv(project / "rows.csv")) == 2
    html = await asyncio.to_thread((project / "r.html").read_text, encoding="utf-8")
    assert "headlines" in html


async def test_a_slip_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown run is exit code 2 and the nearest name on stderr."""
    code = await run("export", "headline", "rows.csv")

    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("llmlab: no run is called 'headline'; did you mean headlines?")
    assert said.count("\n") == 1


async def test_a_tape_is_saved_and_checked(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`tape save` writes what `tape check` finds good."""
    codes = [await run("tape", "save", "headlines", "h.tape"), await run("tape", "check", "h.tape")]

    shown = capsys.readouterr().out
    assert codes == [0, 0]
    assert "2 answers, 0 failures" in shown
    assert "run headlines: 2" in shown


async def test_the_audit_trail_is_verified(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`audit verify` says that the book is intact, and its path."""
    code = await run("audit", "verify")

    shown = capsys.readouterr().out
    assert code == 0
    assert str(project / ".llmlab" / "lab.db") in shown
    assert "intact" in shown


async def test_an_altered_book_is_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sums that do not fit their rows are named, with exit code 2."""
    import sqlite3

    def alter() -> None:
        with sqlite3.connect(project / ".llmlab" / "lab.db") as book:
            book.execute("UPDATE ledger SET settled_pico = settled_pico + 1")
        book.close()

    await asyncio.to_thread(alter)

    assert await run("audit", "verify") == 2
    assert "! sums of" in capsys.readouterr().out


async def test_spend_sums_by_day_and_model(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`llmlab spend` is a table and its total."""
    code = await run("spend")

    shown = capsys.readouterr().out
    assert code == 0
    assert "headlines" in shown
    assert "total" in shown


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`llmlab models | head -1` prints a line and no traceback."""
    command = f"set -o pipefail; {sys.executable} -m llmlab models | head -1"
    done = subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, text=True, timeout=300, check=False,
        cwd=ROOT,
    )  # fmt: skip

    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)
