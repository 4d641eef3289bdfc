"""`%load_ext llmlab`: register the magics, let asyncio nest, say who is there."""

import asyncio
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from llmlab import default
from llmlab.notebook.completion import complete
from llmlab.notebook.magics import LLMLab
from llmlab.notebook.parsing import one_line
from llmlab.notebook.stream_display import bundle_of
from llmlab.records import Answer

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Register the magics with their completion and show the line-up with what has a key."""
    clash = _clash(shell)
    magics = LLMLab(shell)
    shell.register_magics(magics)
    for name in ("%%llm", "%%abtest", "%abtest", "%lab"):
        shell.set_hook("complete_command", complete, str_key=name)
    if shell.display_formatter is not None:
        shell.display_formatter.mimebundle_formatter.for_type(Answer, bundle_of)
    trouble = nest() if magics.nest_asyncio else ""
    with one_line():
        print(default.greeting())
    for line in filter(None, (clash, trouble)):
        print(line)


def nest() -> str:
    """
    Let a user's own `asyncio.run(...)` work in a cell; return what stands in the way, if anything.

    The kernel's own patch is used where it brought one, so that a loop is not patched twice.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return ""  # a terminal: nothing runs that would have to be nested in
    # Asked here, since the patch changes asyncio itself before it looks at the loop and refuses.
    if not isinstance(loop, asyncio.BaseEventLoop):
        return _no_nesting(f"the loop is {type(loop).__module__}'s")
    brought = next((each for each in _PATCHES if each in sys.modules), None)
    try:
        import_module(brought or _installed()).apply(loop)
    except (ImportError, ValueError) as error:
        return _no_nesting(str(error))
    return ""


def _no_nesting(why: str) -> str:
    return f"asyncio.run() will not work in cells ({why}): use await, which always does"


_PATCHES: Final = ("nest_asyncio2", "nest_asyncio")


def _installed() -> str:
    return "nest_asyncio2" if sys.version_info >= (3, 14) else "nest_asyncio"


def _clash(shell: "InteractiveShell") -> str:
    """Say whose magics are being taken over."""
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
