"""The one default lab, which the magics and `llmlab.ask(...)` use; the only global state."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmlab.errors import LabError

if TYPE_CHECKING:
    from llmlab.lab import Lab
    from llmlab.settings import Settings

_lock: Final = threading.Lock()
_labs: "Final[list[Lab]]" = []


def lab() -> "Lab":
    """Return the default lab, made when first asked for."""
    from llmlab.lab import Lab

    with _lock:
        if not _labs:
            _labs.append(Lab())
        return _labs[0]


def greeting() -> str:
    """Say what the default lab would say of itself, without making it: that is for first use."""
    from llmlab.backends.greeting import greeting as said
    from llmlab.catalogue import Catalogue

    if _labs:
        return _labs[0].greeting()
    read = settings()
    return said(Catalogue.load(read.catalogue), read, os.environ)


def settings() -> "Settings":
    """Return the default lab's settings, without making it."""
    from llmlab.settings import Sourced, project_of

    if _labs:
        return _labs[0].settings
    return Sourced.read(folder=project_of(Path.cwd()), env=os.environ).settings


def shows_remote_images() -> bool:
    """Say whether a page that shows an answer may fetch what it names; not where in doubt."""
    try:
        return settings().remote_images
    except LabError:
        return False


def use(new: "Lab | None") -> None:
    """Make *new* the default lab and close the one before; None forgets it."""
    with _lock:
        before = _labs.copy()
        _labs[:] = [] if new is None else [new]
    for old in before:
        if old is not new:
            old.close()
