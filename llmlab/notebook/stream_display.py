"""Display of a streamed answer: its text as it comes, then one line of figures."""

import sys
from html import escape
from typing import Any

from IPython.display import display

from llmlab import default
from llmlab.records import Answer, Piece
from llmlab.views.html.markup import NO_MATH
from llmlab.views.html.words import words_bundle
from llmlab.views.live import in_kernel
from llmlab.views.text.answer import figures


def bundle_of(answer: Answer) -> dict[str, str]:
    """Return how an answer shows as the last line of a cell: its words, then its figures."""
    line = figures(answer)
    words = words_bundle(answer.text, _small(line), remote_images=default.shows_remote_images())
    return {**words, "text/plain": f"{answer.text}\n[{line}]"}


def _small(line: str) -> str:
    return f'<div class="{NO_MATH}" style="opacity:.7;font-size:85%">{escape(line)}</div>'


class StreamDisplay:
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
        display({"text/html": _small(line), "text/plain": line}, raw=True)

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
        words = words_bundle(text, remote_images=default.shows_remote_images())
        bundle = {**words, "text/plain": text}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
