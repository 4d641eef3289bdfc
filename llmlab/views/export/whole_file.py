"""Write a file whole or not at all."""

import errno
import os
import shutil
from pathlib import Path

from llmlab.errors import UsageError
from llmlab.secrets import private
from llmlab.views.text import form

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(path: Path, content: bytes) -> Path:
    """
    Put *content* at *path* by way of a neighbour that is renamed, and return the path.

    In a project's own folder only its owner may read it; elsewhere the umask decides.

    Raises:
        UsageError: the disk refuses; what was at *path* is still there.
    """
    try:
        target = path.expanduser().resolve()
        folder = target.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a loop, an unknown ~user
        raise UsageError(f"cannot write {str(path)[:200]!r}: {_reason(error)}") from None
    if folder:
        raise UsageError(f"{path} is a folder: give a file name in it")
    neighbour = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    try:
        if private.is_private_place(target):
            private.make_folder(target.parent)
            private.write(neighbour, content)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(neighbour, content)
            if target.exists():
                shutil.copymode(target, neighbour)
        neighbour.replace(target)
    except OSError as error:
        raise UsageError(_said(path, target, len(content), error)) from None
    finally:
        _remove(neighbour)
    return path


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove(neighbour: Path) -> None:
    try:
        neighbour.unlink(missing_ok=True)
    except OSError:
        return  # its folder refused everything: that error has been said already


def _said(path: Path, target: Path, needed: int, error: OSError) -> str:
    if error.errno in _FULL:
        return f"no space for {path}: {form.size(needed)} needed{_free(target)}"
    return f"cannot write {path} ({form.size(needed)}): {_reason(error)}"


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number).lower() if number else str(error)


def _free(target: Path) -> str:
    try:
        return f", {form.size(shutil.disk_usage(target.parent).free)} free"
    except OSError:
        return ""
