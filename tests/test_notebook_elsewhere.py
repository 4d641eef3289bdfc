"""Where JupyterLab is not: papermill, nbconvert, a bare protocol, a terminal."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import nbformat
import pandas as pd
import pexpect
import pytest

from tests.kernel import Kernel, environment, kernel

SET_UP: Final = """%load_ext llmlab
import pandas as pd
frame = pd.DataFrame({"h": ["profit rises", "profit falls", "rates rise", "rates fall"],
                      "label": ["positive", "negative"] * 2})"""
ABTEST: Final = """%%abtest gpt claude --on frame --score label --target label -o run
--- ask
Is it positive or negative? {{ h }}
--- tell
Say positive or negative of this: {{ h }}"""
WIDGET_VIEW: Final = "application/vnd.jupyter.widget-view+json"


def written(folder: Path, cells: list[str], parameters: str = "") -> Path:
    """Write a notebook of these cells, with a cell tagged as papermill's parameters if given."""
    made = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    made.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    if parameters:
        cell = nbformat.v4.new_code_cell(parameters)  # type: ignore[no-untyped-call]
        cell.metadata["tags"] = ["parameters"]
        made.cells.insert(1, cell)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "py", "language": "python"}
    path = folder / "in.ipynb"
    nbformat.write(made, path)  # type: ignore[no-untyped-call]
    return path


def tool(folder: Path, *words: str) -> str:
    """Run a command of this Python in *folder*; return all it said, or fail with it."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def outputs(path: Path) -> list[dict[str, Any]]:
    """Return the data of every display of a notebook that was run."""
    cells = nbformat.read(path, as_version=4).cells  # type: ignore[no-untyped-call]
    return [each["data"] for cell in cells for each in cell.outputs if "data" in each]


def test_papermill_gives_parameters_to_every_option(tmp_path: Path) -> None:
    """A cell of parameters decides models, money and names; rows come out, tables are kept."""
    cells = [
        SET_UP,
        "%%llm {first} -o it\nSay {{ dollars }}",
        ABTEST.replace("gpt claude", "models --budget {dollars} --name {name}"),
        "run.rows.to_csv('rows.csv')",
    ]
    written(tmp_path, cells, "models = ['gpt']\nfirst = 'gpt'\ndollars = None\nname = 'never'")

    given = ["-p", "models", "grok", "-p", "first", "claude", "-p", "name", "nightly"]
    tool(tmp_path, "papermill", "in.ipynb", "out.ipynb", *given, "-p", "dollars", "0.25")

    rows = pd.read_csv(tmp_path / "rows.csv")
    assert len(rows) == 8
    assert set(rows["label"]) == {"grok"}
    assert set(rows["run"]) == {"nightly"}
    said = outputs(tmp_path / "out.ipynb")
    assert any("limit $0.25" in each["text/plain"] for each in said)
    assert "claude" in next(each["text/plain"] for each in said if " in, " in each["text/plain"])
    assert "<table" in said[-1]["text/html"]


class Page(HTMLParser):
    """What a reader sees of a page whose scripts find no server: words, tables, pictures."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.tables, self.images, self._inside = "", 0, 0, ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count tables and pictures; what a script holds is not seen."""
        self._inside = tag if tag in {"script", "style"} else self._inside
        self.tables += tag == "table"
        self.images += tag == "img" and str(dict(attrs).get("src")).startswith("data:image/")

    def handle_endtag(self, tag: str) -> None:
        """Leave a script."""
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        self.words += "" if self._inside else data


def test_nbconvert_makes_a_page_that_needs_nothing(tmp_path: Path) -> None:
    """`nbconvert --execute --to html` holds verdict, table, plot and each widget's picture."""
    cells = [
        SET_UP,
        ABTEST,
        "print(run.verdict)",
        "from llmlab.widgets import Answers, ModelPicker\nAnswers(run)",
        "ModelPicker(['grok'])",
        ABTEST.replace("-o run", "-o later --background").replace("Say", "Tell"),
        "later.result(20) if hasattr(later, 'result') else later",
    ]
    written(tmp_path, cells)

    tool(tmp_path, "nbconvert", "--execute", "--to", "html", "in.ipynb", "--output", "page")

    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.tables >= 6
    assert page.images >= 2
    assert page.words.count("No arm beats") >= 2
    assert "inputs 1 to 4 of 4" in page.words
    assert "grok-4" in page.words
    assert "Stop" not in page.words


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel whose client draws MIME bundles and answers no comm, as VS Code without widgets."""
    with kernel(tmp_path_factory.mktemp("protocol")) as started:
        assert started.run(SET_UP).errors == []
        assert started.run(ABTEST).errors == []
        assert started.run("from llmlab.widgets import *\nimport llmlab").errors == []
        yield started


DISPLAYS: Final = {
    "%%llm": "%%llm gpt\nhello",
    "%%llm --no-stream": "%%llm gpt --no-stream\nhello",
    "%%abtest": ABTEST,
    "%%abtest --background": ABTEST.replace("-o run", "-o bg --background").replace("Say", "Tell"),
    **{f"%lab {word}": f"%lab {word}" for word in ("", "models", "spend", "runs", "health")},
    "%lab config": "%lab config",
    "%lab count": "%lab count hello there",
    "a Comparison": "run",
    "its frames": "run.summary",
    "its pairs": "run.pairs",
    "a plot": "run.plot()",
    "a forest": "run.plot('forest')",
    "ModelPicker": "ModelPicker()",
    "Answers": "Answers(run)",
    "SpendBoard": "SpendBoard()",
    "TokenBudget": "TokenBudget('Say {{ it }}', {'it': 'so'})",
    "RunMonitor": "RunMonitor(llmlab.default.lab().start({'p': '{{ h }}!'}, ['gpt'], on=frame))",
}
RICH: Final = ("text/html", "text/markdown", "image/png")


@pytest.mark.parametrize("display", DISPLAYS)
def test_every_display_is_whole_without_a_comm(running: Kernel, display: str) -> None:
    """Each display brings plain text and HTML (or Markdown, or PNG), and waits for no answer."""
    said = running.run(DISPLAYS[display], timeout=300)

    assert said.errors == []
    plain = [each["text/plain"] for each in said.shown if each.get("text/plain")]
    rich = [each[kind] for each in said.shown for kind in RICH if each.get(kind)]
    assert plain
    assert rich
    assert not any("object at 0x" in each for each in plain)
    if any(WIDGET_VIEW in each for each in said.shown):
        assert any("<table" in each or "ll-verdict" in each for each in rich)


SLIPS: Final = {
    "gpt --budget {nothing}": "{nothing}: nothing in this notebook is called nothing",
    "gpt --on {frame}": "{frame}: must be words or numbers, not a DataFrame; write frame",
}


@pytest.mark.parametrize("line", SLIPS)
def test_a_parameter_that_does_not_fit_is_one_line(running: Kernel, line: str) -> None:
    """A `{name}` that is not there, or holds no words, says what to do."""
    said = running.run(f"%%abtest {line}\n{{{{ h }}}}")

    assert said.errors == [f"UsageError: {SLIPS[line]}"]


def test_a_widgets_picture_follows_it(running: Kernel) -> None:
    """What is saved with the notebook is the widget as it stands, not as it was at first."""
    running.run("picker = ModelPicker(['gpt'])\npicker")

    said = running.run("picker.chosen = ['grok']")

    assert "grok-4" in said.shown[-1]["text/html"]


PROMPT: Final = re.compile(r"In \[\d+\]: ")


def test_a_terminal_has_text_and_one_line_of_progress(tmp_path: Path) -> None:
    """IPython in a terminal prints words and tables; progress rewrites one line that fits."""
    env = {**environment(tmp_path), "TERM": "xterm"}
    options = ["--no-banner", "--simple-prompt", "--colors=nocolor", "--no-confirm-exit"]
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", *options],
        cwd=str(tmp_path),
        env={name: value for name, value in env.items() if name != "COLUMNS"},
        encoding="utf-8",
        timeout=300,
        dimensions=(40, 50),
        echo=False,
    )

    def cell(text: str) -> str:
        for line in text.splitlines():
            terminal.sendline(line)
        if "\n" in text:
            terminal.send("\n\n")
        terminal.expect(PROMPT)
        return str(terminal.before)

    terminal.expect(PROMPT)
    try:
        cell("%load_ext llmlab")
        cell("import pandas as pd; frame = pd.DataFrame({'h': [f'n {i}' for i in range(9)]})")
        words = cell("%%llm gpt\nSay hello")
        run = cell("%%abtest gpt claude --on frame --budget 0.5 -o run\n--- a\n{{ h }}")
        widget = cell("from llmlab.widgets import ModelPicker; ModelPicker(['gpt'])")
        slip = cell("%lab bla")
    finally:
        terminal.close(force=True)

    lines = [line for line in run.split("\r\n") if "\x1b[2K" in line]
    assert "stand-in: not this model]" in words
    assert len(lines) == 1, "each state is written over the one before"
    assert all(len(state) < 50 for state in lines[0].split("\r\x1b[2K"))
    assert "Prompt  Model" in run
    assert "<ModelPicker: gpt>" in widget
    assert "UsageError: %lab: no word is 'bla'" in slip
    assert "Traceback" not in words + run + widget + slip
