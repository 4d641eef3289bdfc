"""
Which projects' files the user has accepted, and with which content: the file behind `llmlab trust`.

It lies in the user's own configuration folder, where no project can write. An entry holds for
one folder and one content, as with direnv: the same lines in another project would send other
prompts to the same place, and that is another question.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Final

import msgspec

from llmlab.errors import ConfigError
from llmlab.secrets import Environment

_OTHERS_WRITE: Final = 0o022


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """One project folder, and the content that was accepted there."""

    folder: str
    sha256: str
    what: tuple[str, ...]
    """What it may do, in words."""
    at: float
    """Unix time."""


def trust_file() -> Path:
    """Return where it lies; LLMLAB_TRUST_FILE puts it elsewhere, for tests."""
    from platformdirs import user_config_path

    given = Environment.of().get("LLMLAB_TRUST_FILE")
    return Path(given) if given else user_config_path("llmlab", appauthor=False) / "trust.json"


def accepted() -> tuple[Accepted, ...]:
    """
    Return what was accepted so far.

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
        raise ConfigError(f"{path} cannot be read ({error}): mend it, or remove it") from error


def is_accepted(folder: Path, sha256: str) -> bool:
    """Say whether this content was accepted in this folder."""
    here = str(folder.resolve())
    return any(each.folder == here and each.sha256 == sha256 for each in accepted())


def accept(
    folder: Path, sha256: str, what: Iterable[str], *, now: Callable[[], float] = time.time
) -> None:
    """Remember that this content may stand in this folder, in place of what was accepted before."""
    here = str(folder.resolve())
    new = Accepted(folder=here, sha256=sha256, what=tuple(what), at=now())
    _write([*(each for each in accepted() if each.folder != here), new])


def forget(folder: Path) -> bool:
    """Take the word back; return whether there was one."""
    here = str(folder.resolve())
    before = accepted()
    left = [each for each in before if each.folder != here]
    if len(left) < len(before):
        _write(left)
    return len(left) < len(before)


def _write(entries: Sequence[Accepted]) -> None:
    path = trust_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = mkstemp(dir=path.parent, prefix=path.name)  # 0600 from the first byte
    try:
        with os.fdopen(number, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(entries)) + b"\n")
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _only_mine(path: Path) -> None:
    """Refuse a file in which somebody else could give the user's word."""
    state = path.stat()
    if os.name != "posix":
        return
    if state.st_mode & _OTHERS_WRITE or state.st_uid != os.geteuid():
        raise ConfigError(f"{path} may be written by others: chmod 600 it, or remove it")
