"""The page on contributing: each of its changes is applied to a copy of llmlab, and works."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.kernel import environment

PAGE = ROOT / "docs" / "CONTRIBUTING.md"
_CHANGE = re.compile(r"^```diff\n(.*?)^```", re.MULTILINE | re.DOTALL)
_USE = """
import pandas as pd
from llmlab import Lab
frame = pd.DataFrame({"n": ["one", "two"]})
with Lab(book=None) as lab:
    run = lab.abtest({"a": "Say {{ n }}", "b": "Tell {{ n }}"}, "gpt", on=frame, score="brevity",
                     remark="Only a try.", quiet=True)
assert (run.rows["words"] == run.rows["text"].str.split().str.len()).all()
assert run.summary["score"].between(0, 1).all()
assert "Only a try." in run.notes
run.plot("tries")
from llmlab.notebook.magics import LLMLab
assert "--remark" in LLMLab.abtest.parser.format_help()
print("used")
"""


@pytest.fixture(name="changed")
def _changed(tmp_path: Path) -> Path:
    """Copy llmlab and apply every change of the page."""
    shutil.copytree(
        ROOT / "llmlab", tmp_path / "llmlab", ignore=shutil.ignore_patterns("__pycache__")
    )
    for change in _CHANGE.findall(PAGE.read_text("utf-8")):
        subprocess.run(
            ["/usr/bin/env", "git", "apply", "-"], cwd=tmp_path, input=change, text=True, check=True
        )
    return tmp_path


def test_every_change_of_the_page_applies_and_works(changed: Path) -> None:
    """A column, a score, an option of a cell and a plot, as the page adds them."""
    env = {**environment(changed), "PYTHONPATH": str(changed)}
    done = subprocess.run(
        [sys.executable, "-c", _USE], cwd=changed, env=env, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout.strip()) == (0, "used"), done.stderr


def test_each_takes_at_most_three_files() -> None:
    """Beside its test and its docs."""
    changes = _CHANGE.findall(PAGE.read_text("utf-8"))

    assert len(changes) == 4
    assert max(change.count("\n+++ b/") for change in changes) <= 3
