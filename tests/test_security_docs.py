"""`docs/security.md` names tests that exist, and threats that were asked for."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
THREATS = (
    "Key leak", "Credential injection by configuration", "Prompt injection", "Stored data",
    "Machine in the middle", "Shared machine", "A malicious project", "A colleague's tape or run",
)  # fmt: skip


@pytest.mark.parametrize("threat", THREATS)
def test_each_threat_says_what_is_done_and_which_test_shows_it(threat: str) -> None:
    """A table of at least two rows, whose last cell names a test or a file of tests."""
    section = PAGE.split(f"### {threat}\n")[1].split("\n#")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]

    assert len(rows) >= 2
    assert all(len(row) == 3 and "`tests/" in row[2] for row in rows)


def test_every_test_that_the_page_names_exists() -> None:
    """A promise whose test was renamed or removed is found here."""
    named = re.findall(r"`(tests/\w+\.py)(?:::(\w+))?`", PAGE)

    assert len(named) > 30
    assert [f"{file}::{test}" for file, test in named if not _exists(file, test)] == []


def _exists(file: str, test: str) -> bool:
    path = ROOT / file
    if not path.is_file():
        return False
    names = {
        each.name
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return not test or test in names


def test_how_to_report_names_no_address() -> None:
    """The repository's private reporting is the way; no invented mailbox stands there."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

    assert "Report a vulnerability" in text
    assert "@" not in text
