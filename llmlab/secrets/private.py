"""
Files and folders that only their owner may read: 0600 and 0700 from the first byte.

In: a path. Out: the file or folder, never readable by others, whatever the umask. Files with
prompts and answers are made here; on Windows the folder's own permissions apply.
"""

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

FILE: Final = 0o600
FOLDER: Final = 0o700
HOME: Final = ".llmlab"
"""A project's own folder: all files in it are private."""

_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022


def is_private_place(path: Path) -> bool:
    """Return whether *path* lies in a project's own folder."""
    return HOME in path.parts


def make_folder(path: Path) -> None:
    """Make the folder *path* for its owner alone, if missing; parents outside `HOME` by umask."""
    if is_private_place(path.parent):
        make_folder(path.parent)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=FOLDER)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    path.chmod(FOLDER)  # a umask may have taken away too much


def create(path: Path) -> int:
    """
    Create a new file for its owner alone; return its descriptor, open for writing.

    Raises:
        FileExistsError: The file exists already.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, FILE)
    if sys.platform != "win32":
        os.fchmod(descriptor, FILE)
    return descriptor


def write(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, replacing any there, and wait for the disk."""
    path.unlink(missing_ok=True)
    with os.fdopen(create(path), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Write a file for its owner alone in one step: a reader finds the old one or the new."""
    neighbour = path.with_name(f".{path.name}.{os.getpid()}.{token_hex(4)}")
    try:
        write(neighbour, content)
        neighbour.replace(path)
    finally:
        with suppress(OSError):  # its folder refused everything: that error is under way
            neighbour.unlink(missing_ok=True)


def others_may_write(path: Path) -> bool:
    """Return whether anybody but this user could have written *path*; never said on Windows."""
    if sys.platform == "win32":
        return False
    state = path.stat()
    return bool(state.st_mode & _OTHERS_WRITE) or state.st_uid != os.geteuid()


def close_to_others(path: Path) -> bool:
    """
    Remove the permissions of everybody but the owner of *path*.

    Returns:
        Whether others had permissions; False for a path that does not exist.

    Raises:
        OSError: It belongs to someone else.
    """
    if sys.platform == "win32":
        return False
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return False
    if not mode & _OTHERS:
        return False
    path.chmod(mode & ~_OTHERS)
    return True
