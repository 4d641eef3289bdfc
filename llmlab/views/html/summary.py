"""The result of a comparison as HTML: two figures a cell, so that a notebook's width holds it."""

from dataclasses import dataclass, replace
from html import escape

from llmlab.views.comparison import ArmView, ComparisonView, arms
from llmlab.views.html import markup
from llmlab.views.html.bars import interval_bar, scale_of
from llmlab.views.table import (
    FAILED,
    TOKENS,
    TTFT,
    TableColumn,
    caption,
    columns,
    footnotes,
    score_text,
    texts_of,
)
from llmlab.views.text import form


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One or two columns that stand over each other in one cell."""

    top: TableColumn
    under: TableColumn | None = None

    @property
    def head(self) -> str:
        """Return the heading, the lower column's on a line of its own."""
        if self.top is TTFT:
            return "first token\np50"
        return self.top.head if self.under is None else f"{self.top.head}\n{self.under.head}"


def summary_html(shown: ComparisonView) -> str:
    """Return title, notices, verdict and the table, for any notebook theme."""
    return markup.block(
        markup.line(shown.title, "ll-title"),
        markup.line(caption(shown), "ll-quiet"),
        markup.lines(shown.notes, "ll-note"),
        markup.line(shown.verdict, "ll-verdict"),
        arms_html(shown),
        markup.lines(footnotes(shown), "ll-quiet"),
    )


def arms_html(shown: ComparisonView) -> str:
    """Return the bare table, one row an arm, best first."""
    listed, used = arms(shown), folded(columns(shown))
    stacks = [_stack(fold, listed) for fold in used]
    heads = [(fold.head, _side(fold)) for fold in used]
    if any(arm.score is not None for arm in listed):
        low, high = scale_of(shown)
        bars = [interval_bar(arm, low, high, shown.chance) for arm in listed]
        heads.insert(_BAR_AT, (f"{low:g} to {high:g}", ""))
        stacks.insert(_BAR_AT, [markup.raw_cell(bar) for bar in bars])
    return markup.table(heads, zip(*stacks, strict=True)) if listed else ""


def folded(used: list[TableColumn]) -> list[Fold]:
    """Put each second line under the column before it, and tokens out under tokens in."""
    made: list[Fold] = []
    for column in used:
        if column is TOKENS:
            made.append(_TOKENS)
        elif column.second:
            made[-1] = replace(made[-1], under=column)
        else:
            made.append(Fold(top=column))
    return made


def _stack(fold: Fold, listed: list[ArmView]) -> list[str]:
    tops = texts_of(fold.top, listed)
    unders = [""] * len(listed) if fold.under is None else texts_of(fold.under, listed)
    return [
        _cell(fold, arm, top, under, listed[0])
        for arm, top, under in zip(listed, tops, unders, strict=True)
    ]


def _cell(fold: Fold, arm: ArmView, top: str, under: str, best: ArmView) -> str:
    html, style = escape(top), _side(fold)
    if fold.top.head == "Model":
        html += markup.badge(arm.mark)
    if under:
        html += markup.second(under, loud=fold.under is FAILED and under != "0")
    if form.UNKNOWN in top:
        style += " u"
    if fold.top.text is score_text and arm.tied and best.tied and set(arm.tied) & set(best.tied):
        style += " best"
    return markup.raw_cell(html, style.strip())


def _side(fold: Fold) -> str:
    return fold.top.side or ("n" if fold.top.head in _NAMES else "")


_BAR_AT = 2
_NAMES = ("Prompt", "Model")
"""Columns of names, which may break where they are long."""
_TOKENS = Fold(
    top=TableColumn(head="tokens in", text=lambda a: form.count(a.input_tokens)),
    under=TableColumn(head="out", text=lambda a: form.count(a.output_tokens), second=True),
)
