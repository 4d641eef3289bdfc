"""
In: a lab, a comparison, a run under way. Out: something to click, whose state is plain traits.

Every widget shows a static picture of itself where no kernel runs (a saved notebook, a page
made by nbconvert), takes its colours from the page, and can be used from the keyboard alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmlab.widgets.answers import Answers
    from llmlab.widgets.monitor import RunMonitor
    from llmlab.widgets.picker import ModelPicker
    from llmlab.widgets.spend import SpendBoard
    from llmlab.widgets.tokens import TokenBudget

__all__ = ["Answers", "ModelPicker", "RunMonitor", "SpendBoard", "TokenBudget"]

_HOMES = {
    "Answers": "llmlab.widgets.answers",
    "ModelPicker": "llmlab.widgets.picker",
    "RunMonitor": "llmlab.widgets.monitor",
    "SpendBoard": "llmlab.widgets.spend",
    "TokenBudget": "llmlab.widgets.tokens",
}


def __getattr__(name: str) -> Any:
    """Fetch a widget on first use: ipywidgets is not light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'llmlab.widgets' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
