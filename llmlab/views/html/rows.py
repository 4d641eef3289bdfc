"""The first rows of a run as HTML: answers, scores, costs and errors."""

from typing import Any

from llmlab.views.comparison import ComparisonView
from llmlab.views.html import markup
from llmlab.views.text import form

_HEADS = [("Prompt", ""), ("Model", ""), ("input", ""), ("answer", "w"), ("score", "r"),
          ("cost", "r"), ("latency", "r")]  # fmt: skip
_LONGEST = 200


def rows_html(shown: ComparisonView, most: int = 10) -> str:
    """Return the first *most* rows: arm, answer, score, cost and time, or the error."""
    rows = [_row(row) for row in shown.rows.head(most).to_dict("records")]
    left = len(shown.rows) - len(rows)
    more = f"and {form.count(left)} more rows in run.rows" if left else ""
    return markup.block(markup.table(_HEADS, rows), markup.line(more, "ll-quiet"))


def _row(row: dict[Any, Any]) -> list[str]:
    error = _said(row.get("error"))
    text = error or _said(row.get("text"))
    backend = _said(row.get("backend"))
    mark = markup.badge("" if backend == "live" else backend)
    label = markup.cell(_said(row.get("label"))).replace("</td>", f"{mark}</td>")
    return [
        markup.cell(_said(row.get("prompt"))),
        label,
        markup.cell(_said(row.get("input_id"))),
        markup.cell(text[:_LONGEST] + ("…" if len(text) > _LONGEST else ""), "w"),
        markup.cell(form.score(_number(row.get("score"))), "r"),
        markup.cell(form.money(_number(row.get("cost_usd")), 3), "r"),
        markup.cell(form.seconds(_number(row.get("latency_s"))), "r"),
    ]


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or bool(pd.isna(value))


def _said(value: Any) -> str:
    return "" if _missing(value) else str(value)


def _number(value: Any) -> float | None:
    return None if _missing(value) else float(value)
