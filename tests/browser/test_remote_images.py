"""A page that shows an answer asks nobody for anything: a server that counts is the judge."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from llmlab.views.export.report import report_html
from tests.browser.conftest import Lab
from tests.browser.desk import idle, notebook, open_notebook, run_all
from tests.test_views import made

CELL = """%load_ext llmlab
from IPython.display import Markdown, display
from llmlab.notebook.stream_display import StreamDisplay
from llmlab.records import Answer, Piece, Usage

def show(text):
    answer = Answer(text=text, model="m", usage=Usage(), finish="stop", requested="openai/m")
    display(answer)                       # the last line of a cell
    said = StreamDisplay(streaming=True)           # %%llm, as it comes
    for letter in range(0, len(text), 40):
        said._take(Piece(text=text[letter:letter + 40]))
        said._draw()
    said.end(answer)

show('''The end. ![a](ADDRESS/inline.png) ![b][ref] <img src="ADDRESS/html.png">

<svg><image href="ADDRESS/svg.png"/></svg> <style>@import url(ADDRESS/style.css)</style>

<div style="background:url(ADDRESS/div.png)">x</div> <iframe src="ADDRESS/frame"></iframe>

<video autoplay src="ADDRESS/film.mp4" poster="ADDRESS/poster.png"></video>

$\\\\style{background:url(ADDRESS/math.png)}{x}$

[ref]: ADDRESS/reference.png
''')
show('''```mermaid
flowchart TD
  A@{ img: "ADDRESS/mermaid.png", label: "x" }
```''')
display(Markdown('![x](ADDRESS/control.png)'))
"""


class Counting(BaseHTTPRequestHandler):
    """Notes which addresses are asked for."""

    def do_GET(self) -> None:
        """Note it, and answer with nothing."""
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(name="counter")
def _counter() -> Iterator[tuple[str, list[str]]]:
    """Run a server on loopback; return its address and what it was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    asked: list[str] = []
    server.asked = asked  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_showing_an_answer_sends_no_request(
    page: Page, jupyter: Lab, counter: tuple[str, list[str]]
) -> None:
    """Whatever the words name, in Markdown and in HTML; a picture of the user's own is fetched."""
    address, asked = counter
    cell = CELL.replace("ADDRESS", address)
    open_notebook(page, jupyter, notebook(jupyter, "remote.ipynb", [cell]))

    run_all(page)
    idle(page)
    expect(
        page.get_by_text(f"[picture, not fetched: a, {address}/inline.png]").first
    ).to_be_visible()
    page.wait_for_function("() => document.querySelector('img[src*=\"control.png\"]')?.complete")
    page.wait_for_load_state("networkidle")

    assert set(asked) == {"/control.png"}


def test_a_report_sends_no_request(
    browser: Browser, tmp_path: Path, counter: tuple[str, list[str]]
) -> None:
    """Even where HTML got into the page, the page's own policy stops it."""
    address, asked = counter
    more = f'<img src="{address}/report.png"><link rel=stylesheet href="{address}/report.css">'
    for name, html in {
        "report": report_html(made()).replace("</body>", f"{more}</body>"),
        "control": f"<!doctype html><body>{more.replace('report', 'control')}</body>",
    }.items():
        (tmp_path / f"{name}.html").write_text(html)
        seen = browser.new_page()
        seen.goto((tmp_path / f"{name}.html").as_uri(), wait_until="networkidle")
        seen.close()

    assert set(asked) == {"/control.png", "/control.css"}
