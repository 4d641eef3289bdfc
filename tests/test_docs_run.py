"""What README and docs show runs as it is pasted, block by block, into an empty notebook."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.kernel import Kernel, kernel

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[str]:
    """Return the blocks of *page* that are cells: Python, and magics."""
    found = _BLOCK.findall(page.read_text("utf-8"))
    return [code for kind, code in found if kind == "python" or code.startswith("%%")]


SHOWN = {page.name: page for page in PAGES if blocks(page) and page.name != "add-a-provider.md"}
"""The page on providers is run by `test_providers_docs.py`, which gives it its file."""


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with kernel(tmp_path_factory.mktemp("docs")) as running:
        yield running


@pytest.mark.parametrize("name", SHOWN)
def test_every_block_of_a_page_runs_as_pasted(running: Kernel, name: str, tmp_path: Path) -> None:
    """In the order of the page, in a folder of its own, with nothing else defined."""
    running.run(f"%reset -f\nimport os; os.chdir({str(tmp_path)!r})")

    for code in blocks(SHOWN[name]):
        assert running.run(code).errors == [], code


def test_the_pages_that_show_code_are_found() -> None:
    """A pattern that finds nothing would test nothing."""
    assert {"README.md", "replay.md", "tokens.md", "notebook.md"} <= set(SHOWN)
