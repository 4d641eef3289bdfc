"""How an answer appears: its words as they come, then one quiet line of figures."""

import re
import sys
from html import escape
from typing import Any, Final

from IPython.display import display

from llmlab.records import Answer, Piece
from llmlab.views.answer import figures
from llmlab.views.live import in_kernel
from llmlab.views.markup import NO_MATH

_DOLLARS: Final = re.compile(r"(?<!\\)\$(?=\d)")
"""The sign of an amount: between two of them a page would see a formula."""


def bundle_of(answer: Answer) -> dict[str, str]:
    """Return how an answer shows as the last line of a cell: its words, then its figures."""
    line = figures(answer)
    words = _DOLLARS.sub(r"\\$", answer.text)
    small = f'<div class="{NO_MATH}" style="opacity:.7;font-size:85%">{escape(line)}</div>'
    return {"text/markdown": f"{words}\n\n{small}", "text/plain": f"{answer.text}\n[{line}]"}


class Said:
    """
    Collects the pieces on the engine's thread and shows them on the cell's.

    A kernel's display must not be touched from another thread, so `tick` is what draws. In a
    terminal the words are printed as they come; a page redraws one output as Markdown.
    """

    def __init__(self, *, streaming: bool) -> None:
        self._streaming = streaming
        self._text: list[str] = []
        self._shown = 0
        self._page = in_kernel()
        self._handle: Any = None

    @property
    def options(self) -> dict[str, Any]:
        """What `Lab.ask` needs to show the answer while it comes."""
        return {"on_piece": self._take, "tick": self._draw} if self._streaming else {}

    def end(self, answer: Answer) -> None:
        """Show the whole answer and its figures."""
        line = figures(answer)
        if not self._page:
            printed = "".join(self._text[: self._shown])
            rest = answer.text.removeprefix(printed) if printed else answer.text
            sys.stdout.write(f"{rest}\n[{line}]\n")
            return
        self._show(answer.text)
        html = f'<div class="{NO_MATH}" style="opacity:.7;font-size:85%">{escape(line)}</div>'
        display({"text/html": html, "text/plain": line}, raw=True)

    def _take(self, piece: Piece) -> None:
        if piece.text:
            self._text.append(piece.text)

    def _draw(self) -> None:
        if (there := len(self._text)) == self._shown:
            return
        fresh, self._shown = self._text[self._shown : there], there
        if self._page:
            self._show("".join(self._text[:there]))
        else:
            sys.stdout.write("".join(fresh))
            sys.stdout.flush()

    def _show(self, text: str) -> None:
        bundle = {"text/markdown": _DOLLARS.sub(r"\\$", text), "text/plain": text}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
