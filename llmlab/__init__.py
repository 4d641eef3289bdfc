"""
llmlab: compare prompts across language models in a notebook cell, and trust the result.

    prompts/*.md ─ templates ─ tokens ─ providers ─ wire ─▶ the model
       DataFrame ◀─ frames ◀── runs ◀── providers ◀ wire ◀────┘     every call is in the book
           └──▶ stats ──▶ views ──▶ the cell

Importing llmlab loads nothing heavy: names are fetched when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmlab import errors

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from llmlab.comparison import Comparison
    from llmlab.lab import Lab
    from llmlab.records import Answer
    from llmlab.runs.conversation import Conversation

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Comparison",
    "Conversation",
    "Lab",
    "abtest",
    "abtest_async",
    "ask",
    "ask_async",
    "chat",
    "compare_runs",
    "count",
    "errors",
    "health",
    "load_ipython_extension",
    "mark",
    "marked",
    "models",
    "run",
    "save_tape",
    "spend",
    "start",
    "stream",
]

_HOMES = {
    "Answer": "llmlab.records",
    "Comparison": "llmlab.comparison",
    "Conversation": "llmlab.runs.conversation",
    "Lab": "llmlab.lab",
}
_OF_DEFAULT_LAB = frozenset(__all__) - _HOMES.keys() - {"errors", "load_ipython_extension"}


def __getattr__(name: str) -> Any:
    """Fetch a public name on first use (PEP 562); functions act on the one default lab."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _OF_DEFAULT_LAB:
        return getattr(import_module("llmlab.default").lab(), name)
    raise AttributeError(f"module 'llmlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Answer `%load_ext llmlab`; IPython is only imported here."""
    # By name: a reader of a saved run imports llmlab and must not reach the sending half.
    import_module("llmlab.notebook").load_ipython_extension(shell)
