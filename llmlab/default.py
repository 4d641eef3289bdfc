"""The one default lab, which the magics and `llmlab.ask(...)` use; the only global state."""

import threading
from typing import Final

from llmlab.lab import Lab

_lock: Final = threading.Lock()
_labs: Final[list[Lab]] = []


def lab() -> Lab:
    """Return the default lab, made when first asked for."""
    with _lock:
        if not _labs:
            _labs.append(Lab())
        return _labs[0]


def use(new: Lab | None) -> None:
    """Make *new* the default lab and close the one before; None forgets it."""
    with _lock:
        before = _labs.copy()
        _labs[:] = [] if new is None else [new]
    for old in before:
        if old is not new:
            old.close()
