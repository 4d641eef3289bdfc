"""What a person does in JupyterLab, by mouse and keyboard."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

import nbformat
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NothingCame

from tests.browser.conftest import PICTURES, Lab

LOADED: Final = 60_000
_OUTPUTS: Final = "contains(@class, 'jp-Cell-outputArea')"


def notebook(lab: Lab, name: str, cells: list[str]) -> str:
    """Put a notebook of these cells into the lab's folder; return its path there."""
    book = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, lab.folder / name)  # type: ignore[no-untyped-call]
    return name


def open_notebook(page: Page, lab: Lab, path: str) -> None:
    """Open one notebook in a clean workspace and wait for its kernel."""
    kernel = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
    # Started here, since the page may ask which kernel to take; it still does now and then.
    page.request.post(f"{lab.address}/api/sessions", data=kernel)
    asked = page.get_by_role("button", name="Select Kernel")
    page.add_locator_handler(asked, lambda button: button.click())
    page.goto(f"{lab.address}/lab/workspaces/test/tree/{path}?reset")
    page.locator(".jp-Notebook").wait_for(timeout=LOADED)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=LOADED)
    page.keyboard.press("Control+b")  # hide the file browser: room for the page


def run_all(page: Page) -> None:
    """Click Run, then Run All Cells; again where the page was not ready and nothing began."""
    begun = page.locator(".jp-InputPrompt", has_text=re.compile(r"\[(\*|\d+)\]")).first
    for _ in range(3):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        with suppress(NothingCame):
            begun.wait_for(timeout=8_000)
            return
    raise AssertionError("no cell began to run")


def idle(page: Page, timeout: float = 120_000) -> None:
    """Wait until no cell waits or runs."""
    prompts = page.locator(".jp-Notebook .jp-InputPrompt", has_text="[*]")
    expect(prompts).to_have_count(0, timeout=timeout)


def output(page: Page, at: int) -> Locator:
    """Return what is seen of the outputs of the cell at this place."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(at)
    cell.scroll_into_view_if_needed()
    # Not the still picture of a widget, which is there and hidden as long as the widget lives.
    return cell.locator(".jp-OutputArea-child").filter(visible=True)


def picture(what: Page | Locator, name: str) -> Path:
    """Take a screenshot into out/browser: of the page, or of all outputs of a cell."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    if isinstance(what, Locator):
        what = what.first.locator(f"xpath=ancestor-or-self::*[{_OUTPUTS}]").last
    what.screenshot(path=str(path))
    return path
