"""
The file of approvals behind `llmlab trust`: accepted projects, each with the accepted content.

It lies in the user's own configuration folder, where no project can write. An entry holds for
one folder and one content, as with direnv: the same settings in another project would send other
prompts, so they are asked again.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from llmlab.errors import ConfigError
from llmlab.secrets import Environment, private


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """One project folder, and the content that was accepted there."""

    folder: str
    sha256: str
    what: tuple[str, ...]
    """What it may do, for people."""
    at: float
    """Unix time."""


def trust_file() -> Path:
    """Return the path of the file; LLMLAB_TRUST_FILE overrides it, for tests."""
    from platformdirs import user_config_path

    given = Environment.of().get("LLMLAB_TRUST_FILE")
    return Path(given) if given else user_config_path("llmlab", appauthor=False) / "trust.json"


def accepted() -> tuple[Accepted, ...]:
    """
    Return all approvals.

    Raises:
        ConfigError: The file is damaged, or others may write to it.
    """
    path = trust_file()
    try:
        _only_mine(path)
        return msgspec.json.decode(path.read_bytes(), type=tuple[Accepted, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): correct it, or remove it") from error


def is_accepted(folder: Path, sha256: str) -> bool:
    """Return whether this content was accepted in this folder."""
    here = str(folder.resolve())
    return any(each.folder == here and each.sha256 == sha256 for each in accepted())


def accept(
    folder: Path, sha256: str, what: Iterable[str], *, now: Callable[[], float] = time.time
) -> None:
    """Store that this content is accepted in this folder, in place of what was accepted before."""
    here = str(folder.resolve())
    new = Accepted(folder=here, sha256=sha256, what=tuple(what), at=now())
    _write([*(each for each in accepted() if each.folder != here), new])


def forget(folder: Path) -> bool:
    """Remove the approval of a folder; return whether there was one."""
    here = str(folder.resolve())
    before = accepted()
    left = [each for each in before if each.folder != here]
    if len(left) < len(before):
        _write(left)
    return len(left) < len(before)


def _write(entries: Sequence[Accepted]) -> None:
    path = trust_file()
    private.make_folder(path.parent)
    private.replace(path, msgspec.json.format(msgspec.json.encode(entries)) + b"\n")


def _only_mine(path: Path) -> None:
    """Refuse a file that others can write."""
    if private.others_may_write(path):
        raise ConfigError(f"{path} may be written by others: chmod 600 it, or remove it")
