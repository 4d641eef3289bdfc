"""`%load_ext llmlab`: register the magics, let asyncio nest, show the line-up."""

from typing import TYPE_CHECKING

from llmlab import default
from llmlab.notebook import completion
from llmlab.notebook.magics import LLMLab
from llmlab.notebook.nested_loops import nest
from llmlab.notebook.parsing import help_alone, one_line
from llmlab.notebook.stream_display import bundle_of
from llmlab.records import Answer

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Register the magics with their completion and show the line-up with what has a key."""
    clash = _clash(shell)
    magics = LLMLab(shell)
    shell.register_magics(magics)
    completion.register(shell)
    _understand_help(shell)
    if shell.display_formatter is not None:
        shell.display_formatter.mimebundle_formatter.for_type(Answer, bundle_of)
    trouble = nest() if magics.nest_asyncio else ""
    with one_line():
        print(default.greeting())
    for line in filter(None, (clash, trouble)):
        print(line)


def _understand_help(shell: "InteractiveShell") -> None:
    """Let a cell that is only `%%abtest --help` run; registered once, however often loaded."""
    transforms = shell.input_transformers_cleanup
    if help_alone not in transforms:
        transforms.insert(0, help_alone)


def _clash(shell: "InteractiveShell") -> str:
    """Return a line about the magics of other extensions that are replaced."""
    known = shell.magics_manager.magics
    mine = (("%%", "cell", "llm"), ("%%", "cell", "abtest"), ("%", "line", "lab"))
    owners = {
        f"{escape}{name}": getattr(known[kind][name], "__module__", "?")
        for escape, kind, name in mine
        if name in known[kind]
    }
    return "\n".join(
        f"{name} was {owner}'s and is llmlab's from here on"
        for name, owner in owners.items()
        if not owner.startswith("llmlab")
    )
