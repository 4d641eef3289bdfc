"""A run under way: bars per arm, money, time left; Pause and Stop that act on it."""

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Button, HBox, VBox
from traitlets import Float, Int, Unicode

from llmlab.records import Progress
from llmlab.views.html import markup
from llmlab.views.progress import progress_html
from llmlab.widgets.static_snapshot import StaticSnapshot

if TYPE_CHECKING:
    from llmlab.runs.handle import Handle


class RunMonitor(StaticSnapshot, VBox):  # type: ignore[misc]  # ipywidgets comes untyped
    """Shows a `Handle` while it runs; any number of monitors may show the same run."""

    pictured = ("state", "done")

    state = Unicode("planning", help="planning, running, paused, stopping, done, stopped, failed")
    done = Int(0, help="calls that have ended")
    total = Int(0, help="calls of the run")
    spent_usd = Float(None, allow_none=True, help="dollars so far; None where a price is unknown")

    def __init__(self, handle: "Handle[Any]") -> None:
        self._handle = handle
        self._bars = HTML()
        self._pause = Button(description="Pause", icon="pause", tooltip="Send nothing more for now")
        self._stop = Button(
            description="Stop", icon="stop", tooltip="Keep what has landed and send nothing more"
        )
        self._pause.on_click(lambda _: self._turn())
        self._stop.on_click(lambda _: handle.stop())
        super().__init__([self._bars, HBox([self._pause, self._stop])])
        self._show(handle)
        handle.on_change(self._show)

    def still(self) -> str:
        """Return the bars as they stand."""
        return self._html()

    def __repr__(self) -> str:
        return repr(self._handle)

    def _turn(self) -> None:
        """Pause a run that runs, and let one go on that is paused."""
        if self._handle.state == "paused":
            self._handle.resume()
        else:
            self._handle.pause()

    def _show(self, handle: "Handle[Any]") -> None:
        """Take over where the run stands; called on the run's thread."""
        progress, state = handle.progress(), handle.state
        self.set_trait("done", progress.done)
        self.set_trait("total", progress.total)
        self.set_trait("spent_usd", progress.spent_usd)
        self.set_trait("state", state)
        self._bars.value = self._html()
        paused = state == "paused"
        self._pause.description = "Resume" if paused else "Pause"
        self._pause.icon = "play" if paused else "pause"
        self._pause.disabled = state not in {"running", "paused"}
        self._stop.disabled = state not in {"running", "paused"}
        if handle.done:
            self.children = [self._bars]

    def _html(self) -> str:
        state = self._handle.state
        said = "" if state == "running" else markup.line(_WORDS[state], "ll-note")
        name = "" if self._handle.plan is None else self._handle.plan.name
        head = f'<div class="ll-title">{escape(name)}</div>'
        return markup.block(head, said) + progress_html(_sorted(self._handle.progress()))


def _sorted(progress: Progress) -> Progress:
    """Put arms in order: their calls come in a shuffled one."""
    return replace(progress, arms=tuple(sorted(progress.arms)))


_WORDS = {
    "planning": "planning: nothing is sent yet",
    "paused": "paused: nothing more is sent until you resume",
    "stopping": "stopping: calls under way may finish, since they are paid for",
    "done": "done",
    "stopped": "stopped: run the cell again to send the rest",
    "failed": "failed: handle.result() says why",
}
