"""
Tell a living owner of the book from a dead one.

In: a lock file per open book, in `<book>.owners/`. Out: whether anyone still holds it.

The operating system drops the lock when its process ends, however it ends, so no clock, no
heartbeat and no reused process id can be wrong about it. A missing file counts as dead: a book that
was copied away from its folder has no living owner.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Final
from uuid import uuid4

from llmlab.secrets import private

_PAUSE_S: Final = 0.001

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class OwnerLock:
    """A lock that lives exactly as long as this process, or until it is released."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.fdopen(private.create(path), "wb")
        while not _try_lock(self._file):  # the name is new: someone only looks who is alive
            time.sleep(_PAUSE_S)

    @classmethod
    def take(cls, folder: Path) -> "OwnerLock":
        """Make and lock a new file in `folder`; OSError where that is not allowed."""
        private.make_folder(folder)
        return cls(folder / uuid4().hex)

    @property
    def token(self) -> str:
        """The name that the owner's row carries."""
        return self.path.name

    def release(self) -> None:
        """Let go, and leave no file behind."""
        self._file.close()
        with suppress(OSError):  # the folder may be gone, or closed to us
            self.path.unlink()

    def abandon(self) -> None:
        """
        Close the copy that a forked child has got; the parent's lock stays.

        A lock belongs to the open file, whoever shares it: a child that kept its copy would keep
        a dead parent's lock alive.
        """
        self._file.close()


def folder_of(book: Path) -> Path:
    """Return where the lock files of a book lie."""
    return book.with_name(f"{book.name}.owners")


def is_dead(folder: Path, token: str) -> bool:
    """Say whether no process holds this lock any more."""
    try:
        with (folder / token).open("r+b") as file:
            return _try_lock(file)
    except FileNotFoundError:
        return True


def living(folder: Path) -> bool:
    """Say whether any process holds a lock in `folder`."""
    try:
        tokens = [each.name for each in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not all(is_dead(folder, token) for token in tokens)


def forget(folder: Path, token: str) -> None:
    """Remove the file of an owner that is known to be dead."""
    (folder / token).unlink(missing_ok=True)
