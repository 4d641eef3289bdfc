"""Let `asyncio.run(...)` work in a cell, where a loop runs already: nest_asyncio."""

import asyncio
import sys
from importlib import import_module
from typing import Final


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
