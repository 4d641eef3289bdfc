"""A saved notebook without its kernel, and Notebook 7."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Lab
from tests.browser.desk import LOADED, notebook, open_notebook, output, picture, run_all

SET_UP = """%load_ext llmlab
import llmlab, pandas as pd
from llmlab.widgets import Answers, ModelPicker, RunMonitor, SpendBoard, TokenBudget
headlines = pd.read_csv("notebooks/data/headlines.csv").iloc[::8]"""
ABTEST = """%%abtest gpt claude --on headlines --score label --target label -o run -q
--- ask
What is the sentiment? {{ headline }}"""
MONITOR = """handle = llmlab.default.lab().start({"say": "{{ headline }}?"}, ["gpt"], on=headlines)
handle.result(20)
RunMonitor(handle)"""
WIDGETS = {
    "ModelPicker(['gpt'])": "claude-haiku",
    "Answers(run)": "inputs 1 to",
    "TokenBudget('Say {{ it }}', {'it': 'so'}, ['gpt'])": "gpt",
    "SpendBoard()": "today",
    MONITOR: "4 of 4 calls",
}
BROKEN = re.compile("Error displaying widget|Loading widget")
LIGHT = pytest.mark.parametrize("page", ["light"], indirect=True)


def seen(page: Page, what: str | re.Pattern[str]) -> Locator:
    """Find words, or what a selector names, where they are to be seen."""
    found = page.locator(what) if isinstance(what, str) else page.get_by_text(what)
    return found.filter(visible=True)


def end_kernels(page: Page, lab: Lab) -> None:
    """End every kernel, as one does who comes back on another day."""
    sessions = f"{lab.address}/api/sessions"
    for session in page.request.get(sessions).json():
        page.request.delete(f"{sessions}/{session['id']}")


@LIGHT
def test_a_saved_notebook_shows_its_widgets_without_their_kernel(page: Page, jupyter: Lab) -> None:
    """A widget is seen once while it lives; from the file its picture is, as it was last."""
    path = notebook(jupyter, "saved.ipynb", [SET_UP, ABTEST, *WIDGETS])
    open_notebook(page, jupyter, path)
    page.set_viewport_size({"width": 1280, "height": 2000})
    run_all(page)
    expect(output(page, 6).get_by_text("4 of 4 calls").filter(visible=True)).to_be_visible()
    output(page, 2).get_by_label("claude", exact=True).check()
    expect(seen(page, "[class*=ll-live]")).to_have_count(5)
    expect(seen(page, "[class^=ll-still]")).to_have_count(0)
    picture(page, "saved-live")
    with page.expect_response(lambda each: each.request.method == "PUT" and path in each.url):
        page.keyboard.press("Control+s")
    end_kernels(page, jupyter)

    open_notebook(page, jupyter, path)

    for at, words in enumerate(WIDGETS.values(), start=2):
        expect(output(page, at).get_by_text(words).first).to_be_visible()
    page.evaluate("document.body.offsetHeight")
    expect(seen(page, BROKEN)).to_have_count(0)
    expect(seen(page, "button:text-is('Refresh')")).to_have_count(0)
    picture(page, "saved")


@LIGHT
def test_the_quickstart_runs_in_notebook_7(page: Page, jupyter: Lab) -> None:
    """The same notebook in Notebook 7: its cells are run by keyboard, and the table is seen."""
    page.goto(f"{jupyter.address}/notebooks/notebooks/01_quickstart.ipynb")
    page.locator(".jp-Notebook").wait_for(timeout=LOADED)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=LOADED)

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    result = page.locator(".jp-OutputArea-output", has=page.locator("img")).first
    expect(result.locator("table.ll tbody tr")).to_have_count(12, timeout=60_000)
    expect(result.locator("img")).to_be_visible()
    picture(result, "notebook-7-result")
    picture(page, "notebook-7")
