"""A comparison as one HTML file that needs nothing else, for a light or a dark screen."""

from base64 import b64encode
from html import escape
from pathlib import Path

from llmlab.errors import UsageError
from llmlab.views import plots
from llmlab.views.comparison import ArmView, ComparisonView, PairView, arms, pairs
from llmlab.views.export.markdown import PAIR_HEADS, pair_cells
from llmlab.views.export.whole_file import write_whole
from llmlab.views.html import markup
from llmlab.views.html.summary import summary_html
from llmlab.views.plots.canvas import Plot

_PAGE = """
:root{color-scheme:light dark}
body{margin:2rem auto;max-width:78rem;padding:0 1.2rem;background:#fff;color:#1a1a1a;
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif}
h2{font-size:16px;margin:2rem 0 .4rem}figure{margin:0}
picture img{width:100%;max-width:760px;height:auto}
p,li{max-width:46rem}
@media (prefers-color-scheme:dark){body{background:#141414;color:#ececec}}
@media print{body{background:#fff;color:#000}}
"""

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
"""The page needs its own style and pictures; whatever else gets into it loads nothing."""

READING = (
    "One row is an arm: one prompt with one model. Best first.",
    (
        "The score is the mean over inputs; repeats of an input are averaged first. The "
        "interval says how far the mean may be off when the inputs are taken as a sample of "
        "such inputs."
    ),
    (
        "Arms that share a letter are tied: the paired test, adjusted for all pairs, does not "
        "tell them apart. Overlapping intervals are not that test, since they ignore the "
        "pairing."
    ),
    (
        "Cost is what the provider's own token counts come to at the prices named below; what "
        "has no known price is unknown, never zero. Per 1,000 is for a thousand calls."
    ),
    ("p50 and p95 are the times within which half and 95 % of the successful calls were answered."),
    "On the plot of quality against cost, a step is the best score that its price buys.",
)


def report(shown: ComparisonView, path: Path) -> Path:
    """Write the report to *path* and return it; a file that is there is replaced whole."""
    return write_whole(Path(path), report_html(shown).encode())


def report_html(shown: ComparisonView) -> str:
    """Return the page: notices, verdict, tables, pictures for either screen, how to read it."""
    parts = [summary_html(shown), *(_figure(shown, name) for name in _drawn(shown)), _pairs(shown)]
    parts += [_section("How to read this", _list(_reading(shown)))]
    if shown.basis:
        parts.append(_section("Prices", f"<p>{escape(shown.basis)}</p>"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(shown.title)}</title><style>{_PAGE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def picture_html(light: Plot, dark: Plot | None, name: str) -> str:
    """Return plots as one inline picture; with a dark one the screen chooses."""
    source = ""
    if dark is not None:
        source = f'<source media="(prefers-color-scheme: dark)" srcset="{_inline(dark)}">'
    return f'<picture>{source}<img alt="{escape(name)}" src="{_inline(light)}"></picture>'


_TITLES = {
    "frontier": "Quality against cost",
    "forest": "Scores",
    "differences": "Paired differences",
    "latency": "Latency",
    "calibration": "Calibration",
}
_PROBABILITIES = ("brier", "log_loss")


def _drawn(shown: ComparisonView) -> list[str]:
    """Return the plots that the run has something for: calibration only of probabilities."""
    stated = shown.score_name in _PROBABILITIES
    return [name for name in _TITLES if stated or name != "calibration"]


def _figure(shown: ComparisonView, name: str) -> str:
    draw = getattr(plots, name)
    try:
        light, dark = draw(shown), draw(shown, "dark")
    except UsageError as error:
        return _section(_TITLES[name], f"<p>Not drawn: {escape(str(error))}.</p>")
    return _section(_TITLES[name], f"<figure>{picture_html(light, dark, _TITLES[name])}</figure>")


def _inline(plot: Plot) -> str:
    return f"data:image/png;base64,{b64encode(plot.picture()).decode()}"


def _pairs(shown: ComparisonView) -> str:
    if not (compared := pairs(shown)):
        return ""
    marks = {(arm.prompt, arm.label): arm for arm in arms(shown)}
    heads = [(head, "r" if 1 < at < _TEST else "") for at, head in enumerate(PAIR_HEADS)]
    rows = [_pair_row(pair, marks) for pair in compared]
    return _section("Pairs", markup.block(markup.table(heads, rows)))


def _pair_row(pair: PairView, marks: dict[tuple[str, str], ArmView]) -> list[str]:
    cells = [
        markup.cell(text, "r" if 1 < at < _TEST else "") for at, text in enumerate(pair_cells(pair))
    ]
    for at, name in enumerate([(pair.prompt_a, pair.label_a), (pair.prompt_b, pair.label_b)]):
        mark = marks[name].mark if name in marks else ""
        cells[at] = cells[at].replace("</td>", f"{markup.badge(mark)}</td>")
    return cells


_TEST = PAIR_HEADS.index("test")


def _reading(shown: ComparisonView) -> list[str]:
    if any(arm.simulated for arm in arms(shown)):
        words = "Hollow points and rows marked stand-in or mixed hold simulated answers."
        return [*READING, words]
    return list(READING)


def _section(title: str, html: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{html}</section>"


def _list(texts: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"
