"""
Files and folders that only their owner may read: 0600 and 0700 from the first byte.

In: a path. Out: the file or folder, never open to others for a moment, whatever the umask.
What holds prompts and answers is made here; on Windows a folder's own rules apply.
"""

import os
import stat
import sys
from pathlib import Path
from typing import Final

FILE: Final = 0o600
FOLDER: Final = 0o700
HOME: Final = ".llmlab"
"""A project's own folder: all that is written in it is private."""

_OTHERS: Final = 0o077


def is_private_place(path: Path) -> bool:
    """Say whether *path* lies in a project's own folder."""
    return HOME in path.parts


def make_folder(path: Path) -> None:
    """Make *path* for its owner alone, where there is none; parents elsewhere follow the umask."""
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
    Make a file that is not there yet, for its owner alone; return its descriptor, for writing.

    Raises:
        FileExistsError: It is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, FILE)
    if sys.platform != "win32":
        os.fchmod(descriptor, FILE)
    return descriptor


def write(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, and wait for the disk; one that is there goes first."""
    path.unlink(missing_ok=True)
    with os.fdopen(create(path), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def close_to_others(path: Path) -> bool:
    """
    Take *path* from everybody but its owner.

    Returns:
        Whether it had been open to others; False for a path that is not there.

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
