"""Each widget, used by mouse and keyboard in either theme."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Lab
from tests.browser.desk import idle, notebook, open_notebook, output, picture, run_all

SET_UP = """%load_ext llmlab
import pandas as pd
headlines = pd.read_csv("notebooks/data/headlines.csv").iloc[::4]"""
SLOW = """import llmlab.default
from llmlab import Lab
from llmlab.sim import Faults, RuleAuthor, Simulator
simulator = Simulator(author=RuleAuthor(), faults=Faults.parse(["delay:0.4"]))
await simulator.start()
llmlab.default.use(Lab(book=":memory:", max_in_flight=2, mode="live", env={
    "OPENAI_API_KEY": "sk-test-00000000000000000000000000", "LLMLAB_LOCAL_MODEL": "no-model",
    "OPENAI_BASE_URL": simulator.base_url("openai")}))"""
BACKGROUND = """%%abtest gpt openai/gpt-6-sol --on headlines --score label --background
--- plain
What is the sentiment? {{ headline }}
--- terse
Positive, negative or neutral? {{ headline }}"""


def test_a_background_run_is_paused_and_stopped_by_its_buttons(
    page: Page, jupyter: Lab, theme: str
) -> None:
    """Pause holds the run, Resume lets it go on, Stop ends it; the table takes the bars' place."""
    open_notebook(
        page, jupyter, notebook(jupyter, f"stop-{theme}.ipynb", [SET_UP, SLOW, BACKGROUND])
    )
    run_all(page)
    shown = output(page, 2)
    expect(shown.get_by_text(re.compile("[1-9] of 32 calls"))).to_be_visible()
    idle(page)

    shown.get_by_role("button", name="Pause").click()
    expect(shown.get_by_text("paused: nothing more is sent")).to_be_visible()
    picture(shown, f"monitor-{theme}")
    shown.get_by_role("button", name="Resume").click()
    expect(shown.get_by_role("button", name="Pause")).to_be_visible()
    shown.get_by_role("button", name="Stop").click()

    note = shown.get_by_text(re.compile(r"interrupted: \d+ of 32 calls are done"))
    expect(note).to_be_visible()
    expect(shown.get_by_role("button", name="Stop")).to_have_count(0)
    page.set_viewport_size({"width": 1280, "height": 2000})
    picture(shown, f"stopped-{theme}")


BUDGET = """from llmlab.widgets import ModelPicker, TokenBudget
from llmlab.tokens import Text
picker = ModelPicker(["gpt", "smollm"])
news = Text([f"News item {i}: margins widen while costs fall." for i in range(300)], "news")
budget = TokenBudget("Summarise for the desk.\\n{{ news }}\\n{{ table }}",
                     {"news": news, "table": "a table"}, picker)
display(picker)
display(budget)"""


def test_the_budget_follows_the_picker(page: Page, jupyter: Lab, theme: str) -> None:
    """Ticking a model adds its bar, typing in the template moves them, by keyboard too."""
    open_notebook(
        page, jupyter, notebook(jupyter, f"budget-{theme}.ipynb", ["%load_ext llmlab", BUDGET])
    )
    page.set_viewport_size({"width": 1280, "height": 1500})
    run_all(page)
    shown = output(page, 1)
    bars = shown.locator(".ll-fill")
    expect(bars).to_have_count(2)
    expect(shown.get_by_text("rows left out")).to_have_count(1)

    shown.get_by_placeholder("filter").fill("claude-haiku")
    box = shown.get_by_label("claude", exact=True)
    box.focus()
    page.keyboard.press("Space")

    expect(bars).to_have_count(3)
    figure = shown.locator("table.ll").last.locator("tbody tr").first.locator("td").nth(2)
    before = figure.inner_text()
    shown.get_by_label("template").fill(
        "Say much more about it all, and take your time over each item.\n{{ news }}{{ table }}"
    )
    expect(figure).not_to_have_text(before)
    shown.get_by_placeholder("filter").fill("")
    picture(shown, f"budget-{theme}")
    shown.get_by_label("template").fill("{{ nothing }}")
    expect(shown.get_by_text("no value for").first).to_be_visible()


HEALTH = """from llmlab import Lab
from llmlab.sim import Faults, RuleAuthor, Simulator
from llmlab.widgets import ModelPicker
slow = Simulator(author=RuleAuthor(), faults=Faults.parse(["delay:3"]))
await slow.start()
lab = Lab(book=":memory:", env={
    "OPENAI_API_KEY": "sk-test-00000000000000000000000000", "LLMLAB_LOCAL_MODEL": "no-model",
    "OPENAI_BASE_URL": slow.base_url("openai"), "OLLAMA_HOST": "http://127.0.0.1:9"})
picker = ModelPicker(["gpt"], lab=lab)
picker"""


def test_health_is_checked_by_a_button_while_the_kernel_works(
    page: Page, jupyter: Lab, theme: str
) -> None:
    """Each model gets its state; until then the button waits and cells run on."""
    cells = ["%load_ext llmlab", HEALTH, "print('the kernel ' + 'is free')"]
    open_notebook(page, jupyter, notebook(jupyter, f"health-{theme}.ipynb", cells))
    page.set_viewport_size({"width": 1280, "height": 1200})
    run_all(page)
    shown = output(page, 1)
    button = shown.get_by_role("button", name=re.compile("Check"))
    expect(button).to_have_text("Check health")

    button.click()

    expect(button).to_be_disabled()
    page.locator(".jp-Notebook .jp-Cell").nth(2).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(output(page, 2).get_by_text("the kernel is free")).to_be_visible()
    expect(shown.get_by_text(re.compile("asked at .* UTC"))).to_be_visible()
    expect(button).to_be_enabled()
    rows = shown.locator("tbody tr")
    expect(rows.filter(has_text="gpt-6-sol").first).to_contain_text("ok")
    expect(rows.filter(has_text="claude-haiku").first).to_contain_text("no key")
    picture(shown, f"health-{theme}")


ANSWERS = """%%abtest gpt claude --on headlines -o run -q
--- ask
What is the sentiment? {{ headline }}
--- tell
Say it in other words, shorter: {{ headline }}"""
SHOW = """from llmlab.widgets import Answers
answers = Answers(run, per_page=4)
answers"""


def test_answers_are_marked_by_click_and_key(page: Page, jupyter: Lab, theme: str) -> None:
    """Marks reach the book and the statistics; filter, diff and pages work."""
    # Words of its own for each theme: marks stay in the book, which both share.
    own = ANSWERS.replace("sentiment", f"sentiment in a {theme} room")
    cells = [SET_UP, own, SHOW, "print(sorted(answers.marked().rows.score.dropna()))"]
    open_notebook(page, jupyter, notebook(jupyter, f"answers-{theme}.ipynb", cells))
    page.set_viewport_size({"width": 1280, "height": 1500})
    run_all(page)
    shown = output(page, 2)
    cell = shown.locator("td.ll-answer")
    expect(cell).to_have_count(16)

    cell.nth(0).get_by_role("button", name="right").click()
    expect(shown.get_by_text("1 marked")).to_be_visible()
    cell.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("w")
    expect(shown.get_by_text("2 marked")).to_be_visible()
    shown.get_by_text("mark what differs").click()
    picture(shown, f"answers-{theme}")
    shown.get_by_role("button", name="next").click()
    expect(shown.get_by_text(re.compile("inputs 5 to 8"))).to_be_visible()
    shown.get_by_text("only where they disagree").click()

    expect(shown.get_by_text(re.compile("inputs 1 to"))).to_be_visible()
    page.locator(".jp-Notebook .jp-Cell").nth(3).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(output(page, 3).get_by_text("[0.0, 1.0]")).to_be_visible()


SPEND = """from llmlab.widgets import SpendBoard
lab = llmlab.default.lab()
models = ["gpt", "openai/gpt-6-sol"]
await lab.abtest_async({"a": "{{ headline }}"}, models, on=headlines, max_tokens=16, effort="none")
SpendBoard(lab=lab)"""


def test_the_spend_board_reads_the_book_again(page: Page, jupyter: Lab, theme: str) -> None:
    """Today's dollars stand against the limit, and Refresh reads what came since."""
    quick = SLOW.replace("delay:0.4", "delay:0").replace(
        'mode="live"', 'mode="live", budget={"day": 0.005}'
    )
    open_notebook(page, jupyter, notebook(jupyter, f"spend-{theme}.ipynb", [SET_UP, quick, SPEND]))
    run_all(page)
    shown = output(page, 2)
    expect(shown.get_by_text(re.compile(r"today of \$0\.005"))).to_be_visible()
    idle(page)

    shown.get_by_role("button", name="Refresh").click()

    expect(shown.locator(".ll-fill i").first).to_be_visible()
    picture(shown, f"spend-{theme}")
