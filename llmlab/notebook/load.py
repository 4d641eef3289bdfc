"""`%load_ext llmlab`: register the magics, let asyncio nest, say who is there."""

import asyncio
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from llmlab import default
from llmlab.notebook.magics import LLMLab, one_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Register the magics and show the line-up with what has a key."""
    clash = _clash(shell)
    magics = LLMLab(shell)
    shell.register_magics(magics)
    trouble = nest() if magics.nest_asyncio else ""
    with one_line():
        print(default.lab().greeting())
    for line in filter(None, (clash, trouble)):
        print(line)


def nest() -> str:
    """
    Let a user's own `asyncio.run(...)` work in a cell; return what stands in the way, if anything.

    The kernel's own patch is used where it brought one, so that a loop is not patched twice.
    """
    brought = next((each for each in _PATCHES if each in sys.modules), None)
    try:
        patch = import_module(brought or _installed())
        # Importing it patches nothing; without a running loop there is nothing to patch yet.
        patch.apply(asyncio.get_running_loop())
    except RuntimeError:
        return ""
    except (ImportError, ValueError) as error:
        return f"asyncio.run() will not work in cells: {error}; use await instead"
    return ""


_PATCHES = ("nest_asyncio2", "nest_asyncio")


def _installed() -> str:
    return "nest_asyncio2" if sys.version_info >= (3, 14) else "nest_asyncio"


def _clash(shell: "InteractiveShell") -> str:
    """Say whose `%%llm` or `%%abtest` is being taken over."""
    known = shell.magics_manager.magics["cell"]
    taken = [name for name in ("llm", "abtest") if name in known]
    owners = {name: getattr(known[name], "__module__", "?") for name in taken}
    return "".join(
        f"%%{name} was {owner}'s and is llmlab's from here on"
        for name, owner in owners.items()
        if not owner.startswith("llmlab")
    )
