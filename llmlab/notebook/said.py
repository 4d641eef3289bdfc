"""How an answer appears in a cell: its words as they come, then one quiet line of figures."""

from html import escape
from typing import Any

from IPython.display import HTML, Markdown, display

from llmlab.records import Answer, Piece
from llmlab.views.answer import figures


class Said:
    """
    Collects the pieces on the engine's thread and shows them on the cell's.

    A kernel's display must not be touched from another thread, so `tick` is what draws.
    """

    def __init__(self, *, streaming: bool) -> None:
        self._streaming = streaming
        self._text: list[str] = []
        self._shown = 0
        self._handle: Any = None

    @property
    def options(self) -> dict[str, Any]:
        """What `Lab.ask` needs to show the answer while it comes."""
        return {"on_piece": self._take, "tick": self._draw} if self._streaming else {}

    def end(self, answer: Answer) -> None:
        """Show the whole answer and its figures."""
        self._show(answer.text)
        display(HTML(f'<div style="opacity:.65;font-size:85%">{escape(figures(answer))}</div>'))

    def _take(self, piece: Piece) -> None:
        if piece.text:
            self._text.append(piece.text)

    def _draw(self) -> None:
        if len(self._text) > self._shown:
            self._shown = len(self._text)
            self._show("".join(self._text))

    def _show(self, text: str) -> None:
        if self._handle is None:
            self._handle = display(Markdown(text), display_id=True)
        else:
            self._handle.update(Markdown(text))
