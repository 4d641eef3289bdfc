"""The one default lab, which the magics and `llmlab.ask(...)` use; the only global state."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmlab.errors import LabError

if TYPE_CHECKING:
    from llmlab.backends.trust import Claim
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
    from llmlab.backends.trust import vetted
    from llmlab.secrets import Environment
    from llmlab.settings import Sourced, project_of

    if _labs:
        return _labs[0].greeting()
    env = Environment.of()
    project = project_of(Path.cwd())
    known = vetted(Sourced.read(folder=project, env=env), project)
    lines = [said(known.catalogue, known.settings, env), known.waiting]
    return "\n".join(filter(None, lines))


def trust() -> "tuple[Claim, ...]":
    """Accept what the files of the project here say about addresses, keys and paths."""
    from llmlab.backends.trust import trust as trusted
    from llmlab.secrets import Environment
    from llmlab.settings import Sourced, project_of

    project = project_of(Path.cwd())
    return trusted(Sourced.read(folder=project, env=Environment.of()), project)


def settings() -> "Settings":
    """Return the default lab's settings, without making it; what waits for a word is not in."""
    from llmlab.backends.trust import vetted
    from llmlab.secrets import Environment
    from llmlab.settings import Sourced, project_of

    if _labs:
        return _labs[0].settings
    project = project_of(Path.cwd())
    return vetted(Sourced.read(folder=project, env=Environment.of()), project).settings


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
