"""What a reader sees of a comparison, without a browser."""

from typing import Any

import pandas as pd
import pytest

from llmlab.records import Plan, Progress
from llmlab.views.comparison import ComparisonView, arms
from llmlab.views.html.summary import summary_html
from llmlab.views.plan import plan_html, plan_text
from llmlab.views.progress import progress_html, progress_line, progress_text
from llmlab.views.table import columns, summary_text
from llmlab.views.text import form

NAN = float("nan")
EVIL = '<script>alert("x")</script>'


def arm(prompt: str, label: str, score: float, dollars: float, **more: object) -> dict[str, Any]:
    """One row of a summary."""
    return {
        "prompt": prompt, "label": label, "model": f"x/{label}", "provider": "x",
        "backend": "live", "inputs": 4, "calls": 8, "failures": 0, "score": score,
        "score_low": score - 0.1, "score_high": score + 0.05, "chance": 0.5,
        "p_chance_adjusted": 0.001, "cost_usd": dollars, "cost_per_1000_usd": 125 * dollars,
        "latency_p50_s": 0.45, "latency_p95_s": 1.5, "ttft_p50_s": NAN,
        "input_tokens": 1200, "output_tokens": 16, "tied": "a",
    } | more  # fmt: skip


def row(at: int, prompt: str, label: str, **more: object) -> dict[str, Any]:
    """One row of a run."""
    return {
        "run": "r", "prompt": prompt, "prompt_version": "1", "model": f"x/{label}",
        "label": label, "provider": "x", "backend": "live", "input_id": f"i{at % 4}",
        "repeat": at // 4, "status": "ok", "error": None, "text": "positive",
        "score": float(at % 2), "input_tokens": 150, "cached_tokens": 0, "reasoning_tokens": 0,
        "output_tokens": 2, "cost_usd": 0.0004 + at / 1e5, "latency_s": 0.4 + at / 10,
        "ttft_s": NAN, "started_at": pd.Timestamp("2026-11-22", tz="UTC"),
        "request_hash": f"{at:04x}", "from_book": False,
    } | more  # fmt: skip


def made(backend: str = "live", **more: Any) -> ComparisonView:
    """A comparison of two arms, the second of which costs nothing."""
    arms = [("terse", "gpt", 0.9, 0.0042), ("terse", "qwen", 0.6, 0.0)]
    summary = [arm(*each, backend=backend) for each in arms]
    rows = [
        row(at, "terse", label, backend=backend) for label in ("gpt", "qwen") for at in range(8)
    ]
    pair = {
        "prompt_a": "terse", "label_a": "qwen", "prompt_b": "terse", "label_b": "gpt",
        "inputs": 4, "difference": 0.3, "low": 0.1, "high": 0.5, "p": 0.01, "p_adjusted": 0.02,
        "test": "exact sign-flip",
    }  # fmt: skip
    given: dict[str, Any] = {
        "name": "news", "title": "news", "rows": pd.DataFrame(rows),
        "summary": pd.DataFrame(summary), "pairs": pd.DataFrame([pair]),
        "verdict": "gpt leads.", "notes": (), "basis": "Prices: table of 2026-11-18.",
        "chance": 0.5, "score_name": "label",
    }  # fmt: skip
    return ComparisonView(**(given | more))


def unscored() -> ComparisonView:
    """The same, but nothing was scored."""
    shown = made()
    blank = dict.fromkeys(("score", "score_low", "score_high"), NAN)
    summary = shown.summary.assign(**blank, tied="")
    return made(summary=summary, pairs=shown.pairs.iloc[:0], chance=None, score_name="")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.000123, "$0.00012"), (0.123, "$0.12"), (1234.5, "$1\u202f234.50"), (0, "$0"),
     (NAN, "unknown"), (None, "unknown"), (1e-12, "<$0.000000001")],
)  # fmt: skip
def test_money_shows_the_digits_that_matter(value: float | None, said: str) -> None:
    """A small price keeps its digits, and an unknown one is not a zero."""
    assert form.money(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.045, "45 ms"), (0.9996, "1.00 s"), (1.234, "1.23 s"), (12.34, "12.3 s"),
     (125, "2 min 05 s"), (3840, "1 h 04 min"), (NAN, "unknown")],
)  # fmt: skip
def test_seconds_come_in_the_unit_a_person_would_use(value: float, said: str) -> None:
    """Milliseconds below a second, minutes above a hundred."""
    assert form.seconds(value) == said


def test_decimal_points_stand_under_each_other() -> None:
    """Padding is after the point, and words are left alone."""
    assert form.aligned(["$1.5", "$0.025", "$0", "unknown"]) == [
        "$1.5\u2007\u2007", "$0.025", "$0\u2008\u2007\u2007\u2007", "unknown",
    ]  # fmt: skip


def test_a_terminal_shows_the_whole_table() -> None:
    """Best first, with interval, letters, cost, latency, tokens and failures."""
    text = summary_text(made())

    assert text.splitlines() == [
        "news",
        "2 arms · 4 inputs each · 16 calls · 95% intervals",
        "gpt leads.",
        "",
        (
            "Prompt  Model  label        interval  tied      cost  per 1,000  latency p50     p95"
            "  tokens in / out  calls  failed"
        ),
        "-" * 116,
        (
            "terse   gpt    0.900  [0.800, 0.950]  a     $0.00420      $0.53       450 ms  1.50 s"
            "       1,200 / 16      8       0"
        ),
        (
            "terse   qwen   0.600  [0.500, 0.650]  a     $0            $0          450 ms  1.50 s"
            "       1,200 / 16      8       0"
        ),
        "",
        "Arms that share a letter are tied: their difference may be chance, all pairs considered.",
        "Chance: 0.500.",
        "Prices: table of 2026-11-18.",
    ]


def test_a_page_folds_columns_and_loses_no_number() -> None:
    """Two figures a cell: ten columns instead of sixteen, and every number is still there."""
    summary = made().summary.assign(ttft_p50_s=0.3125, failures=[0, 3], inputs=[4, 3])
    shown = made(summary=summary)

    html = summary_html(shown)

    told = columns(shown)
    assert html.count("<th ") == 11
    assert len(told) == 14
    for column in told:
        for arm in arms(shown):
            for number in column.text(arm).split(" / "):
                assert number in html
    assert "per 1,000</small></th>" in html
    assert '8<br><small class="loud">3</small>' in html


def test_without_scores_there_are_no_score_columns() -> None:
    """Nothing scored: cost and latency only, cheapest first."""
    text = summary_text(unscored())

    assert "interval" not in text
    assert "tied" not in text
    assert text.index("terse   qwen") < text.index("terse   gpt")


def test_what_is_unknown_is_said_in_words() -> None:
    """A cost, latency or count that nobody knows is `unknown`, never 0 and never nan."""
    gaps = ("cost_usd", "cost_per_1000_usd", "latency_p50_s", "latency_p95_s", "output_tokens")
    shown = made(summary=made().summary.assign(**dict.fromkeys(gaps, NAN)))

    for said in (summary_text(shown), summary_html(shown)):
        assert "unknown" in said
        assert "nan" not in said.lower().replace("unknown", "")
        assert "$" not in said


def test_everything_from_data_is_escaped() -> None:
    """A prompt, a label, a verdict, a note or an answer cannot put a tag on the page."""
    shown = made(title=EVIL, verdict=EVIL, notes=(EVIL,), basis=EVIL, score_name=EVIL)
    summary = shown.summary.assign(prompt=EVIL, label=EVIL, tied=EVIL, backend=EVIL)
    rows = shown.rows.assign(prompt=EVIL, label=EVIL, text=EVIL, error=EVIL, backend=EVIL)
    shown = made(title=EVIL, verdict=EVIL, notes=(EVIL,), basis=EVIL, score_name=EVIL,
                 summary=summary, rows=rows)  # fmt: skip
    progress = Progress(total=1, done=0, from_book=0, failed=0, spent_usd=None, limit_usd=None,
                        elapsed_s=0, arms=((EVIL, EVIL, 0, 1, 0),))  # fmt: skip
    plan = Plan(name=EVIL, calls=1, from_book=0, prompts=(EVIL,), live=(EVIL,), stand_ins=(EVIL,))

    pages = (summary_html(shown), progress_html(progress), plan_html(plan))

    assert all("<script" not in page and "&lt;script&gt;" in page for page in pages)


@pytest.mark.parametrize(
    ("backend", "mark"),
    [("stand-in", "stand-in"), ("live+stand-in", "mixed"), ("mixed", "mixed"), ("local", "local")],
)
def test_rows_that_no_provider_answered_are_marked_in_every_table(backend: str, mark: str) -> None:
    """Each such arm carries the word, and a line under the table says what it means."""
    shown = made(backend)

    assert summary_text(shown).count(f"({mark})") == 2
    assert f"{mark}: " in summary_text(shown)
    assert summary_html(shown).count(f'<span class="ll-badge">{mark}</span>') == 2


def test_a_live_run_carries_no_mark() -> None:
    """The mark means something, so it is absent where models answered."""
    assert '<span class="ll-badge">' not in summary_html(made())
    assert 'class="dot hollow"' not in summary_html(made())


def test_an_arm_no_better_than_chance_is_marked() -> None:
    """A score that chance explains has a degree sign and a line that says so."""
    shown = made(summary=made().summary.assign(p_chance_adjusted=[0.4, 0.001]))

    assert "0.900\u00b0" in summary_text(shown)
    assert "\u00b0 not clearly better than chance" in summary_text(shown)


def test_progress_says_calls_money_and_time() -> None:
    """Calls, those from the book, failures, dollars against the limit, and what is left."""
    progress = Progress(
        total=240,
        done=110,
        from_book=10,
        failed=4,
        spent_usd=0.1834,
        limit_usd=0.5,
        elapsed_s=50,
        arms=(("terse", "gpt", 60, 120, 0), ("long", "qwen", 50, 120, 4)),
    )

    assert progress_text(progress).splitlines() == [
        (
            "110 of 240 calls · 10 from the book · 4 failed · $0.183 spent of $0.50 allowed · "
            "50 s elapsed · about 1 min 05 s left"
        ),
        "terse  gpt   [##########..........] 60/120",
        "long   qwen  [########............] 50/120  4 failed",
    ]
    assert progress_line(progress) == progress_text(progress).splitlines()[0]
    assert 'class="bad" style="width:3.3%"' in progress_html(progress)


def test_progress_does_not_guess() -> None:
    """Before the first answer the time left is unknown, and so is a cost without a price."""
    progress = Progress(total=9, done=0, from_book=0, failed=0, spent_usd=None, limit_usd=None,
                        elapsed_s=0)  # fmt: skip

    assert (
        progress_text(progress) == "0 of 9 calls · cost unknown · 0 s elapsed · time left unknown"
    )


@pytest.mark.parametrize(
    ("ended", "said", "filled"),
    [("clear", "stopped when clear: 6 calls not needed", "width:100.0%"),
     ("interrupted", "interrupted: 6 calls not sent", "width:33.3%")],
)  # fmt: skip
def test_a_run_that_ended_early_has_no_time_left(ended: Any, said: str, filled: str) -> None:
    """It says why it ended and what was not sent; the bar of one that is clear is full."""
    progress = Progress(total=9, done=3, from_book=0, failed=0, spent_usd=None, limit_usd=None,
                        elapsed_s=30, ended=ended)  # fmt: skip

    assert progress.left_s == 0.0
    assert progress_line(progress) == f"3 of 9 calls · cost unknown · 30 s elapsed · {said}"
    assert filled in progress_html(progress)


def test_a_plan_says_what_will_be_sent() -> None:
    """Calls, the book's share, both costs, the limit, the effect it can see, who answers."""
    plan = Plan(
        name="news", calls=1440, from_book=120, prompts=("a", "b"), models=("gpt", "grok"),
        inputs=60, repeats=2, expected_usd=0.21, worst_usd=1.9, limit_usd=0.5, seconds=75,
        seconds_by="estimated by earlier answers of the same models", detectable=0.18,
        live=("gpt",), stand_ins=("grok",), author="rule",
        notes=("gpt: openai/gpt-5 is switched off in 19 days",),
    )  # fmt: skip

    assert plan_text(plan).splitlines() == [
        "news: before anything is sent",
        "! stand-ins: grok is not asked; llmlab's simulator answers instead, words by rule.",
        "! gpt: openai/gpt-5 is switched off in 19 days",
        (
            "  calls        1,440 (2 prompts × 2 models × 60 inputs × 2 repeats), "
            "120 are in the book, 1,320 to send"
        ),
        "  cost         expected $0.210, at worst $1.90, limit $0.50",
        "  time         about 1 min 15 s (estimated by earlier answers of the same models)",
        "  detectable   a difference of 0.180 with 80 % power, all pairs tested",
        "  answered by  live: gpt; stand-in: grok",
    ]


def test_a_plan_without_prices_says_unknown() -> None:
    """No price is no number."""
    text = plan_text(Plan(name="news", calls=2, from_book=0))

    assert "expected unknown, at worst unknown" in text
    assert "  time         not known before the first answers" in text


@pytest.mark.parametrize("stand_ins", [(), ("gpt",)])
def test_a_plan_shows_its_notes_on_the_page(stand_ins: tuple[str, ...]) -> None:
    """A model that retires and look-ahead are seen before anything is sent, and are escaped."""
    plan = Plan(name="news", calls=2, from_book=0, stand_ins=stand_ins, notes=("gpt retires", EVIL))

    html = plan_html(plan)

    assert '<div class="ll-note">gpt retires</div>' in html
    assert "&lt;script&gt;" in html
    assert EVIL not in html


def test_a_plan_that_sends_nothing_takes_no_time() -> None:
    """All calls are in the book: the time is none, not unknown."""
    text = plan_text(Plan(name="news", calls=2, from_book=2, seconds=0.0))

    assert "none: nothing is to be sent" in text
