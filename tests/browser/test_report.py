"""The report in a browser: on a screen, on paper, and for a reader that goes by its structure."""

import re
import zlib
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from llmlab.views.export.report import report
from llmlab.views.tested import PromptWords, Tested
from tests.browser.conftest import PICTURES
from tests.test_views import arm, made, row

LABELS = ("gpt", "claude", "deepseek-think", "openai/gpt-6-sol", "claude-sonnet-4-5-20260101")
PROMPTS = ("terse", "chain-of-thought-with-examples")
PAPER = 1031
"""Pixels that A4 across leaves between margins of 12 mm."""
MARK = re.compile(rb"\.1843\d* \.5333\d* \.8118\d* rg")
"""How a PDF fills what has the colour #2f88cf of the interval bars."""


def wide() -> Path:
    """Write the widest report there is; return where."""
    arms = [
        arm(prompt, label, 0.95 - 0.05 * at, 0.000042 * 7**at, tied="abc", calls=12_000,
            failures=3, ttft_p50_s=0.312, input_tokens=1_234_567, output_tokens=154_321,
            latency_p95_s=125.0, backend=("live", "stand-in")[at % 2])
        for prompt in PROMPTS for at, label in enumerate(LABELS)
    ]  # fmt: skip
    pairs = [
        {"prompt_a": a["prompt"], "label_a": a["label"], "prompt_b": b["prompt"],
         "label_b": b["label"], "inputs": 4, "difference": 0.3, "low": 0.1, "high": 0.5,
         "p": 0.01, "p_adjusted": 0.02, "test": "exact sign-flip, clusters"}
        for at, a in enumerate(arms) for b in arms[:at]
    ]  # fmt: skip
    rows = [
        row(at, each["prompt"], each["label"], score=float((at + place) % 2),
            text="An answer with some words in it, which may be long. " * 3)
        for place, each in enumerate(arms) for at in range(4)
    ]  # fmt: skip
    words = "Label the headline positive, negative or neutral. <b>{{ headline }}</b>\n" * 8
    tested = Tested(
        prompts=tuple(PromptWords(name=name, version="1", user=words) for name in PROMPTS),
        settings={"score": "label", "temperature": "0"},
        arms={label: {"model": f"x/{label}"} for label in LABELS},
        inputs={"i0": "Acme beats estimates", "i1": "Acme misses estimates"},
        llmlab="0.1.0",
    )
    shown = made(summary=pd.DataFrame(arms), pairs=pd.DataFrame(pairs), rows=pd.DataFrame(rows),
                 tested=tested, title="Six models, two prompts")  # fmt: skip
    PICTURES.mkdir(parents=True, exist_ok=True)
    return report(shown, PICTURES / "report.html")


@pytest.fixture(scope="module", name="address")
def _address() -> str:
    return wide().as_uri()


def cut(page: Page) -> list[str]:
    """Return the boxes and cells that stand out of the page, or out of their own box."""
    return list(
        page.evaluate(
            """width => [...document.querySelectorAll("body *")]
            .filter(each => !each.closest(".ll-bar") && each.tagName !== "SOURCE")
            .filter(each => each.getBoundingClientRect().right > width + 1
                || (each.matches(".ll-scroll") && each.scrollWidth > each.clientWidth + 1))
            .map(each => `${each.tagName} ${each.className} ${each.textContent.slice(0, 40)}`)""",
            PAPER,
        )
    )


def test_on_paper_nothing_is_cut(browser: Browser, address: str) -> None:
    """Every table and picture fits across a page of A4."""
    page = browser.new_page(viewport={"width": PAPER, "height": 720})
    page.goto(address)
    page.emulate_media(media="print")

    found = cut(page)

    page.screenshot(path=str(PICTURES / "report-print.png"), full_page=True)
    page.close()
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pdf_has_the_bars_of_the_intervals(browser: Browser, address: str, scheme: str) -> None:
    """A bar is a background, which browsers leave out on paper unless they are told."""
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)

    pdf = page.pdf(path=str(PICTURES / f"report-{scheme}.pdf"), prefer_css_page_size=True)

    page.close()
    drawn = b"".join(streams(pdf))
    assert len(MARK.findall(drawn)) >= len(LABELS) * len(PROMPTS)
    assert re.findall(rb"/MediaBox ?\[ ?0 0 8\d\d(?:\.\d+)? 5\d\d", pdf)


def streams(pdf: bytes) -> list[bytes]:
    """Return what a PDF draws, unpacked."""
    found = []
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(packed))
        except zlib.error:
            continue  # a picture or a font in a form of its own
    return found


def test_a_reader_finds_its_way(browser: Browser, address: str) -> None:
    """One title, one main part, sections under it, and no column without a name."""
    page = browser.new_page()
    page.goto(address)

    heads = page.locator("th").all_inner_texts()
    title = page.locator("h1").all_inner_texts()
    inside = page.locator("main h2").all_inner_texts()
    page.close()

    assert title == ["Six models, two prompts"]
    assert {"Pairs", "What was tested", "What the arms said", "How to read this"} < set(inside)
    assert all(head.strip() for head in heads)


def test_paper_is_white_whatever_the_screen_is(browser: Browser, address: str) -> None:
    """From a dark screen the light pictures are printed, on white."""
    page = browser.new_page(color_scheme="dark")
    page.goto(address)
    dark = page.locator("figure img.dark")
    on_screen = [each.is_visible() for each in dark.all()]

    page.emulate_media(media="print", color_scheme="dark")

    on_paper = [each.is_visible() for each in dark.all()]
    seen = page.locator("figure img:visible").count()
    body = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.close()
    assert (set(on_screen), set(on_paper), body) == ({True}, {False}, "rgb(255, 255, 255)")
    assert seen == len(on_paper)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_screen(browser: Browser, address: str, scheme: str) -> None:
    """The words of a prompt are text, tags and all; a picture is kept to be looked at."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)

    prompt = page.locator("pre.ll-prompt").first.inner_text()
    page.screenshot(path=str(PICTURES / f"report-{scheme}.png"), full_page=True)
    page.close()

    assert "<b>{{ headline }}</b>" in prompt
