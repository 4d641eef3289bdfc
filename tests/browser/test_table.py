"""The summary in a browser: it fits the cell it stands in, in either theme."""

from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser

from llmlab.views.html.summary import summary_html
from tests.browser.desk import picture
from tests.test_views import arm, made

LABELS = ("gpt", "claude", "deepseek-think", "openai/gpt-6-sol", "claude-sonnet-4-5-20260101")
INKS = {"light": ("#fff", "#1a1a1a"), "dark": ("#111", "#e0e0e0")}


def wide() -> str:
    """The widest table there is: streamed, some stand-ins, large counts, long names."""
    rows = [
        arm(prompt, label, 0.95 - 0.05 * at, 0.000042 * 7**at, tied="abc", calls=12_000,
            failures=3, ttft_p50_s=0.312, input_tokens=1_234_567, output_tokens=154_321,
            latency_p95_s=125.0, backend=("live", "stand-in")[at % 2])
        for prompt in ("terse", "chain-of-thought") for at, label in enumerate(LABELS)
    ]  # fmt: skip
    return summary_html(made(summary=pd.DataFrame(rows), score_name="direction"))


@pytest.mark.parametrize("look", INKS)
@pytest.mark.parametrize("width", [800, 900, 1100, 1280])
def test_the_summary_fits_a_notebook_cell(
    browser: Browser, tmp_path: Path, look: str, width: int
) -> None:
    """No scrolling sideways from 800 px on, with every column there is."""
    paper, ink = INKS[look]
    page = tmp_path / "summary.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><body style="margin:0;padding:4px;color:{ink};'
        f'background:{paper};--jp-content-font-color1:{ink}" '
        f'data-jp-theme-light="{str(look == "light").lower()}">{wide()}</body>'
    )
    seen = browser.new_page(viewport={"width": width, "height": 620})
    seen.goto(page.as_uri())

    box = seen.locator(".ll-scroll")
    needed, there = (int(box.evaluate(f"box => box.{name}Width")) for name in ("scroll", "client"))

    picture(seen, f"summary-{look}-{width}")
    seen.close()
    assert needed <= there
