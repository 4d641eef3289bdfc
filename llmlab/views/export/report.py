"""A comparison as one self-contained HTML file, for a light or a dark screen."""

from base64 import b64encode
from html import escape
from pathlib import Path

from llmlab.errors import UsageError
from llmlab.views.comparison import ArmView, ComparisonView, PairView, arms, pair_note, pairs
from llmlab.views.export.markdown import PAIR_HEADS, pair_cells
from llmlab.views.export.whole_file import write_whole
from llmlab.views.html import markup
from llmlab.views.html.summary import summary_html
from llmlab.views.plots import PLOTS, PlotKind
from llmlab.views.plots.canvas import Plot
from llmlab.views.tested_html import samples_html, tested_html

_PAGE = """
:root{color-scheme:light dark}
body{margin:2rem auto;max-width:78rem;padding:0 1.2rem;background:#fff;color:#1a1a1a;
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif}
h2{font-size:16px;margin:2rem 0 .4rem}figure{margin:0}
figure img{width:100%;max-width:760px;height:auto}figure img.dark{display:none}
p,li{max-width:46rem}
@media screen and (prefers-color-scheme:dark){body{background:#141414;color:#ececec}
figure img.dark{display:inline}figure img.dark+img{display:none}}
@media print{@page{size:A4 landscape;margin:12mm}
:root{color-scheme:light}
body{background:#fff;color:#000;margin:0;padding:0;max-width:none;font-size:11px}
body *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
main .llmlab{max-width:none;--ll-mark:#2f88cf}.llmlab .ll-scroll{overflow:visible}
.llmlab table.ll,.llmlab table.ll thead th{font-size:10.5px}
.llmlab table.ll th,.llmlab table.ll td{padding:2px 5px}
.llmlab table.ll td:not(.r){white-space:normal;overflow-wrap:anywhere}
.llmlab table.ll .w{min-width:0}
.llmlab .ll-bar{width:90px}
thead{display:table-header-group}tr,figure,h2,h3,.ll-sample{break-inside:avoid}
h2,h3{break-after:avoid}figure img{width:auto;max-width:100%;max-height:7.2cm}}
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
    figures = (_figure(shown, kind) for kind in PLOTS.values() if kind.fits(shown))
    parts = [summary_html(shown, heading=True), *figures, _pairs(shown)]
    parts.append(_section("What was tested", tested_html(shown)))
    if said := samples_html(shown):
        parts.append(_section("What the arms said", said))
    parts.append(_section("How to read this", _list(_reading(shown))))
    if shown.basis:
        parts.append(_section("Prices", f"<p>{escape(shown.basis)}</p>"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(shown.title)}</title><style>{_PAGE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def picture_html(light: Plot, dark: Plot | None, name: str) -> str:
    """Return plots as one inline picture; with a dark one the page's colour scheme chooses."""
    shown = f'<img alt="{escape(name)}" src="{_inline(light)}">'
    if dark is None:
        return shown
    # Two pictures and not one with two sources: that one is chosen for the screen, also on paper.
    return f'<img class="dark" alt="{escape(name)}" src="{_inline(dark)}">{shown}'


def _figure(shown: ComparisonView, kind: PlotKind) -> str:
    try:
        light, dark = kind.draw(shown), kind.draw(shown, "dark")
    except UsageError as error:
        return _section(kind.title, f"<p>Not drawn: {escape(str(error))}.</p>")
    return _section(kind.title, f"<figure>{picture_html(light, dark, kind.title)}</figure>")


def _inline(plot: Plot) -> str:
    return f"data:image/png;base64,{b64encode(plot.picture()).decode()}"


def _pairs(shown: ComparisonView) -> str:
    if not (compared := pairs(shown)):
        return ""
    marks = {(arm.prompt, arm.label): arm for arm in arms(shown)}
    heads = [(head, "r" if 1 < at < _TEST else "") for at, head in enumerate(PAIR_HEADS)]
    rows = [_pair_row(pair, marks) for pair in compared]
    note = markup.line(pair_note(shown), "ll-quiet")
    return _section("Pairs", markup.block(markup.table(heads, rows), note))


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
