"""Read answers side by side and mark them; marks go to the book and into the statistics."""

from pathlib import Path
from typing import Any, Final

import anywidget
from traitlets import Bool, Dict, Int, Unicode
from traitlets import List as ListOf

from llmlab import default
from llmlab.comparison import Comparison
from llmlab.comparison.marks import LABEL, NONE, VALUES, marked, marks_of
from llmlab.errors import UsageError
from llmlab.lab import Lab
from llmlab.views.answers import ShownAnswer, ShownInput, beside, score_of, words_html
from llmlab.views.html import markup
from llmlab.widgets.static_snapshot import StaticSnapshot

_CSS: Final = """
.ll-answers .ll-bar-row{display:flex;gap:14px;align-items:center;flex-wrap:wrap;margin:4px 0 8px}
.ll-answers label{display:inline-flex;align-items:center;gap:3px;cursor:pointer}
.ll-answers button{font:inherit;color:inherit;background:transparent;cursor:pointer;
border:1px solid var(--ll-line);border-radius:3px;padding:0 7px}
.ll-answers button:disabled{opacity:.45;cursor:default}
div.ll-answers table.ll td,div.ll-answers table.ll tbody th{white-space:normal;vertical-align:top;
min-width:9em;max-width:26em;border-bottom:1px solid var(--ll-line)}
.ll-answers table.ll tbody th{font-weight:400;opacity:.75}
.ll-answers td:focus{outline:2px solid var(--ll-mark);outline-offset:-2px}
.ll-answers .ll-words{white-space:pre-wrap;overflow-wrap:anywhere;max-height:15em;overflow-y:auto}
.ll-answers .ll-foot{display:flex;gap:5px;align-items:center;margin-top:3px;font-size:12px}
.ll-answers .ll-foot span{opacity:.7;margin-right:auto}
.ll-answers .ll-on{font-weight:700;color:#fff;border-color:transparent}
.ll-answers .ll-right{background:#0072b2}
.ll-answers .ll-wrong{background:#b34700}
.ll-answers ins{text-decoration:none;border-bottom:2px solid var(--ll-mark)}
.ll-answers del{opacity:.55}
"""


class Answers(StaticSnapshot, anywidget.AnyWidget):
    """
    One row per input, one column per arm; tick and cross mark an answer right or wrong.

    Keys: arrows move, `r` right, `w` wrong, `u` unmarks. A mark is in the book at once;
    `marked()` is the comparison scored by the marks.
    """

    pictured = ("rows", "told", "marks")

    _esm = Path(__file__).with_name("static") / "answers.js"
    _style = Unicode(markup.CSS + _CSS).tag(sync=True)
    heads = ListOf(Unicode(), help="the arms").tag(sync=True)
    rows: ListOf[Any] = ListOf(help="the inputs of this page").tag(sync=True)
    told = Unicode(help="which inputs of how many, and how many marks").tag(sync=True)
    page = Int(0).tag(sync=True)
    pages = Int(1).tag(sync=True)
    only_disagreement = Bool(default_value=False).tag(sync=True)
    diff = Bool(default_value=False).tag(sync=True)
    marks = Dict(help="right or wrong, by the call's identity").tag(sync=True)

    def __init__(self, run: Comparison, *, lab: Lab | None = None, per_page: int = 10) -> None:
        self._run = run
        self._lab = lab or default.lab()
        self._per_page = per_page
        heads, self._asked = beside(
            run.rows, list(zip(run.summary["prompt"], run.summary["label"], strict=True))
        )
        super().__init__(heads=heads, marks=marks_of(self._lab.book, run))
        self._draw()
        self.observe(self._keep, "marks")
        self.observe(lambda _: self._draw(), ["page", "diff", "marks"])
        self.observe(lambda _: self._from_first(), "only_disagreement")

    def mark(self, key: str, value: str) -> None:
        """
        Mark the answer to the call *key* (`request_hash` of a row) `right` or `wrong`.

        Raises:
            UsageError: The run has no such call, or the value is neither.
        """
        if value not in VALUES:
            raise UsageError(f"a mark is right or wrong, not {value!r}")
        if not any(said.key == key for asked in self._asked for said in asked.said):
            raise UsageError(f"this run has no call {key[:12]!r}: take request_hash of a row")
        self.marks = {**self.marks, key: value}

    def marked(self) -> Comparison:
        """Return the same run scored by the marks: 1 right, 0 wrong, the rest unscored."""
        return marked(self._run, self.marks)

    def still(self) -> str:
        """Return this page of answers as a table."""
        heads = [("input", ""), *((head, "") for head in self.heads)]
        rows = [
            [markup.cell(asked.name), *(markup.raw_cell(self._words(asked, each), "w")
                                        for each in asked.said)]
            for asked in self._shown()
        ]  # fmt: skip
        style = f"<style>{_CSS}</style>"
        return style + markup.block(markup.table(heads, rows), markup.line(self.told, "ll-quiet"))

    def __repr__(self) -> str:
        return f"<Answers of {self._run.name}: {self.told}>"

    def _from_first(self) -> None:
        self.page = 0
        self._draw()

    def _listed(self) -> list[ShownInput]:
        return [each for each in self._asked if each.disagree or not self.only_disagreement]

    def _shown(self) -> list[ShownInput]:
        first = self.page * self._per_page
        return self._listed()[first : first + self._per_page]

    def _draw(self) -> None:
        listed = self._listed()
        first = self.page * self._per_page
        last = min(first + self._per_page, len(listed))
        with self.hold_sync():
            self.pages = max(1, -(-len(listed) // self._per_page))
            here = f"inputs {first + 1} to {last} of {len(listed)}"
            told = here if listed else "the arms agree about every input"
            self.told = f"{told}, {len(self.marks)} marked"
            self.rows = [
                {"html": markup.line(asked.name, ""), "cells": [self._cell(asked, each)
                                                               for each in asked.said]}
                for asked in self._shown()
            ]  # fmt: skip

    def _cell(self, asked: ShownInput, said: ShownAnswer) -> dict[str, Any]:
        return {"key": said.key, "html": self._words(asked, said), "score": score_of(said)}

    def _words(self, asked: ShownInput, said: ShownAnswer) -> str:
        return words_html(said, asked.said[0] if self.diff else None)

    def _keep(self, change: Any) -> None:
        """Store changed marks in the book; a removed mark is stored as `none`."""
        old, new = change["old"], change["new"]
        for key in {*old, *new}:
            if old.get(key) != new.get(key):
                self._lab.book.mark(key, LABEL, new.get(key, NONE))
