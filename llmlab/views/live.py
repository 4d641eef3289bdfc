"""Live progress of a run: in a cell, in a terminal, or nowhere."""

import shutil
import sys
from dataclasses import replace
from typing import Any, Protocol, TextIO

from llmlab.views.plan import Plan, plan_html, plan_text
from llmlab.views.progress import Progress, progress_html, progress_line


class LiveView(Protocol):
    """A display of a run's progress."""

    def planned(self, plan: Plan) -> None:
        """Show what will be sent, before it is."""

    def moved(self, progress: Progress) -> None:
        """Show how far it is."""

    def ended(self, progress: Progress) -> None:
        """Show how it ended."""


class Nobody:
    """Shows nothing."""

    def planned(self, plan: Plan) -> None:
        """Show nothing."""

    def moved(self, progress: Progress) -> None:
        """Show nothing."""

    def ended(self, progress: Progress) -> None:
        """Show nothing."""


class InCell:
    """Shows the plan and one progress display that is redrawn in place."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None
        self._last = ""

    def planned(self, plan: Plan) -> None:
        """Show the plan as the cell's first output."""
        self._display(_Both(plan_html(plan), plan_text(plan)))

    def moved(self, progress: Progress) -> None:
        """Redraw the bars; nothing is sent to the page when nothing has changed."""
        # Arms are counted as their calls come, which is in a shuffled order.
        progress = replace(progress, arms=tuple(sorted(progress.arms)))
        html = progress_html(progress)
        if html == self._last:
            return
        self._last = html
        shown = _Both(html, progress_line(progress))
        if self._handle is None:
            self._handle = self._display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def ended(self, progress: Progress) -> None:
        """Replace the bars by one line."""
        self._last = ""
        closed = Progress(**{**_fields(progress), "arms": ()})
        self.moved(closed)


class InTerminal:
    """Rewrites one line of a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def planned(self, plan: Plan) -> None:
        """Print the plan."""
        print(plan_text(plan), file=self._stream)

    def moved(self, progress: Progress) -> None:
        """Rewrite the line."""
        # A line that wraps cannot be rewritten: it would be left behind, again and again.
        columns = shutil.get_terminal_size((200, 24)).columns
        line = progress_line(progress)
        line = line if len(line) < columns else f"{line[: columns - 2]}\u2026"
        print(f"\r\x1b[2K{line}", end="", file=self._stream, flush=True)

    def ended(self, progress: Progress) -> None:
        """Finish the line."""
        self.moved(progress)
        print(file=self._stream)


class _Both:
    """HTML for a page, text for everything else."""

    def __init__(self, html: str, text: str) -> None:
        self._html, self._text = html, text

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text


def watch_of(*, quiet: bool = False) -> LiveView:
    """Return the display for this process: the cell of a kernel, stderr of a terminal, or none."""
    if quiet:
        return Nobody()
    if in_kernel():
        from IPython.display import display

        return InCell(display)
    if sys.stderr.isatty():
        return InTerminal(sys.stderr)
    return Nobody()


def in_kernel() -> bool:
    """Say whether a Jupyter kernel runs this code; IPython is not imported to find out."""
    if "IPython" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def _fields(progress: Progress) -> dict[str, Any]:
    return {name: getattr(progress, name) for name in Progress.__dataclass_fields__}
