"""The quickstart, opened and run by clicking."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Lab
from tests.browser.desk import idle, open_notebook, picture, run_all


def test_the_quickstart_runs_by_clicking(page: Page, jupyter: Lab, theme: str) -> None:
    """Run All shows two tables and their plots, in either theme, and no error."""
    open_notebook(page, jupyter, "notebooks/01_quickstart.ipynb")

    run_all(page)
    tables = page.locator(".jp-OutputArea-output .ll-title", has_text="plain-")
    expect(tables.first).to_be_visible(timeout=300_000)
    idle(page, 300_000)

    expect(page.locator(".jp-RenderedText[data-mime-type*='stderr']")).to_have_count(0)
    page.set_viewport_size({"width": 1480, "height": 2000})
    cells = page.locator(".jp-CodeCell:has(.jp-OutputArea-output .ll-title)")
    for at in range(cells.count()):
        cells.nth(at).scroll_into_view_if_needed()
        picture(cells.nth(at).locator(".jp-Cell-outputArea"), f"quickstart-{at}-{theme}")
    assert cells.count() == 2
