"""What is read away from the checkout: the README on the package index, the site, its notebooks."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SITE = "https://llmlab.readthedocs.io/en/latest/"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_every_link_of_the_readme_leads_there_from_anywhere() -> None:
    """The package index shows it without the checkout: links and picture are absolute, and real."""
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))

    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    for link in links:
        place = link.removeprefix(SITE).rstrip("/")
        sources = (DOCS / place, DOCS / f"{place}.md", ROOT / f"{place}.ipynb")
        assert any(each.is_file() for each in sources) or place == "changelog", link


def test_the_metadata_says_where_the_changes_are() -> None:
    """The package index links documentation and changes."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]

    assert {"Documentation", "Changelog"} <= set(urls)
    assert urls["Changelog"].startswith(urls["Documentation"])


def test_every_notebook_is_a_page_of_the_site() -> None:
    """All six stand in the navigation, and so do the changes."""
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]

    listed = {str(page) for page in _leaves(nav)}

    assert {f"notebooks/{path.stem}.md" for path in NOTEBOOKS} < listed
    assert "changelog.md" in listed
    assert len(NOTEBOOKS) == 6


def _leaves(nav: Any) -> list[Any]:
    if isinstance(nav, dict | list):
        inside = nav.values() if isinstance(nav, dict) else nav
        return [leaf for each in inside for leaf in _leaves(each)]
    return [nav]


@pytest.fixture(name="publish")
def _publish() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_notebooks", DOCS / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_notebook_that_ran_is_published_with_what_it_showed(
    publish: ModuleType, tmp_path: Path
) -> None:
    """Tables stay HTML in one piece, pictures become files, words are words, keys are not used."""
    table = "<div>\n<style>\n.x{}\n\n</style><table><tr><td>0.9</td></tr></table></div>"
    outputs: list[dict[str, Any]] = [
        {"output_type": "display_data", "metadata": {},
         "data": {"text/html": table, "text/plain": "plain words"}},
        {"output_type": "display_data", "metadata": {},
         "data": {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}},
        {"output_type": "stream", "name": "stdout", "text": "17 of 30 answered"},
    ]  # fmt: skip
    path = _notebook(tmp_path, outputs)

    words, pictures = publish.page(path)

    assert "\n\n</style>" not in words
    assert "<td>0.9</td>" in words
    assert "plain words" not in words
    assert "17 of 30 answered" in words
    (name,) = pictures
    assert name in words
    assert pictures[name].startswith(b"\x89PNG")
    assert publish.NOT_RUN not in words


def test_a_notebook_that_did_not_run_says_so(publish: ModuleType, tmp_path: Path) -> None:
    """A site built without running them has no page that looks as if nothing came out."""
    words, _ = publish.page(_notebook(tmp_path, []))

    assert words.startswith(publish.NOT_RUN)


def test_they_run_without_keys(publish: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing spends nothing, whatever is in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0000000000000000000000000")

    env = publish.without_keys()

    assert "OPENAI_API_KEY" not in env
    assert env["LLMLAB_MODE"] == "stand-in"


def _notebook(folder: Path, outputs: list[dict[str, Any]]) -> Path:
    made = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    cell = nbformat.v4.new_code_cell("run")  # type: ignore[no-untyped-call]
    cell.outputs = [nbformat.from_dict(each) for each in outputs]  # type: ignore[no-untyped-call]
    made.cells = [cell]
    path = folder / "x.ipynb"
    nbformat.write(made, path)  # type: ignore[no-untyped-call]
    return path


CLAIMS = {
    "01_quickstart": ["len(headlines) == 30", '(headlines.label == "positive").sum() == 10'],
    "02_market_data": ["len(weeks) == 3 * 3"],
    "03_templates_and_tokens": ["model.context == window"],
    "04_statistics": ["len(questions) == 400", "len(panel) == 3 * 120",
                      '(coins["p_chance_adjusted"] > 0.05).all()'],
    "05_money_limits_replay": ["len(tight.rows) == 30", "0 < refused.sum() < 30",
                               "tight.rows.cost_usd.sum() <= limit"],
    "06_when_things_fail": ["missing == failed", "len(down.log) < len(dead.rows) == 15"],
}  # fmt: skip


@pytest.mark.parametrize("name", CLAIMS)
def test_numbers_that_a_lesson_states_are_asserted(name: str) -> None:
    """What prose says of a run is asserted by a cell, so that it fails where it is not so."""
    lesson = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]

    code = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "code")

    assert [claim for claim in CLAIMS[name] if f"assert {claim}" not in code] == []
