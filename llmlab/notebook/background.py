"""A run in the background: its monitor in the cell, its result under the name of its handle."""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from IPython.display import display

from llmlab.views.live import in_kernel, watch_of

if TYPE_CHECKING:
    from llmlab.comparison import Comparison
    from llmlab.runs.handle import Handle


def shown_in_background(
    handle: "Handle[Comparison]",
    names: MutableMapping[str, Any],
    name: str | None,
    *,
    quiet: bool = False,
) -> None:
    """Show a monitor with Pause and Stop; bind *name* to the handle, later to the Comparison."""
    if name is not None:
        names[name] = handle
        handle.on_change(lambda ended: _hand_over(ended, names, name))
    if quiet:
        return
    if not in_kernel():
        display(handle)
        return
    from llmlab.widgets import RunMonitor

    if handle.plan is not None:
        watch_of().planned(handle.plan)
    live, picture = RunMonitor(handle).shown()
    handle.on_change(lambda ended: _replace(ended, live, picture))


def _hand_over(handle: "Handle[Comparison]", names: MutableMapping[str, Any], name: str) -> None:
    """Put the result where the handle was, unless the user has put something else there."""
    if handle.state in {"done", "stopped"} and names.get(name) is handle:
        names[name] = handle.result()


def _replace(handle: "Handle[Comparison]", live: Any, picture: Any) -> None:
    """Put the result where the monitor was, so that a saved notebook has it as any other cell."""
    if handle.state in {"done", "stopped"} and len(handle.result()):
        picture.update({"text/html": "", "text/plain": ""}, raw=True)
        live.update(handle.result())
