"""
Seeded damage for files that a person may hand over: bytes, structure, and what is no file.

In: a sound file. Out: many that are not, the same ones each time.
"""

import gzip
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from llmlab.errors import LabError

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, float("nan"), float("inf"), "", "x", "\u202e\u0000\ud7ff",
    "9" * 400, [], [[]], ["x", 1], {}, {"x": {"y": [1]}},
)  # fmt: skip
"""Values of a wrong type or size, as TOML, YAML and JSON have them."""


@dataclass
class Counts:
    """How many files were read, refused in one line, or broke the reader."""

    read: int = 0
    refused: int = 0
    raw: list[str] = field(default_factory=list)

    def take(self, name: str, action: Callable[[], object]) -> None:
        """Do *action*; a `LabError` of one line that fits a screen is a refusal."""
        try:
            action()
        except LabError as error:
            said = str(error)
            if "\n" in said.partition(" faults:\n")[0] or len(said) > 4_000:
                self.raw.append(f"{name}: not one line: {said[:200]!r}")
            self.refused += 1
        except Exception as error:  # noqa: BLE001 - the very thing that is counted
            self.raw.append(f"{name}: {type(error).__name__}: {str(error)[:120]}")
        else:
            self.read += 1

    def __str__(self) -> str:
        cases = self.read + self.refused + len(self.raw)
        return f"{cases} files: {self.read} read, {self.refused} refused, {len(self.raw)} raw"


def rng(seed: int) -> random.Random:
    """Return the same draws each time."""
    return random.Random(seed)  # noqa: S311 - damage, not a secret


def bytes_of(sound: bytes, draw: random.Random, rounds: int) -> Iterator[tuple[str, bytes]]:
    """Yield *sound* flipped, cut, doubled, filled, encoded otherwise."""
    yield "empty", b""
    yield "blank", b"\n \n"
    yield "zeros", bytes(len(sound))
    yield "noise", draw.randbytes(len(sound) or 9)
    yield "bom", b"\xef\xbb\xbf" + sound
    yield "gzip", gzip.compress(sound, mtime=0)
    yield "crlf", sound.replace(b"\n", b"\r\n")
    yield "nul", sound.replace(b"e", b"\0", 3)
    text = sound.decode("utf-8", "replace")
    for encoding in ("utf-16", "utf-16-be", "utf-32", "cp037"):
        yield encoding, text.encode(encoding, "replace")
    yield "latin-1", text.encode("latin-1", "replace") + b"\xe9\xfc"
    for turn in range(rounds):
        yield f"flip {turn}", _flipped(sound, draw)
        yield f"cut {turn}", sound[: draw.randrange(len(sound))]
        start = draw.randrange(len(sound))
        end = min(len(sound), start + draw.randrange(1, 60))
        yield f"gap {turn}", sound[:start] + sound[end:]
        yield f"twice {turn}", sound[:end] + sound[start:]
        yield f"noise {turn}", sound[:start] + draw.randbytes(end - start) + sound[end:]


def _flipped(sound: bytes, draw: random.Random) -> bytes:
    made = bytearray(sound)
    for _ in range(draw.choice((1, 1, 2, 8, 40))):
        made[draw.randrange(len(made))] ^= 1 << draw.randrange(8)
    return bytes(made)


def documents_of(sound: Any, odd: tuple[Any, ...] = ODD) -> Iterator[tuple[str, Any]]:
    """Yield *sound*, a tree of dicts and lists, with one entry replaced, lost or added."""
    for path in _paths(sound):
        name = "/".join(map(str, path))
        for number, value in enumerate(odd):
            yield f"{name} is odd {number}", _with(sound, path, partial(_instead, value))
        yield f"{name} nests deep", _with(sound, path, lambda _: nest(60))
        yield f"{name} is lost", _with(sound, path, None)
        yield f"{name} holds itself", _with(sound, path, lambda held: {"x": held})
        yield f"{name} is a list of it", _with(sound, path, lambda held: [held, held])


def _instead(value: Any, _: Any) -> Any:
    return value


def nest(depth: int) -> Any:
    """Return a list in a list in a list."""
    made: Any = "x"
    for _ in range(depth):
        made = [made]
    return made


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _paths(value, (*path, key))


def _with(tree: Any, path: tuple[Any, ...], change: Callable[[Any], Any] | None) -> Any:
    """Return *tree* with the entry at *path* changed, or without it."""
    key, *rest = path
    made = dict(tree) if isinstance(tree, dict) else list(tree)
    if rest:
        made[key] = _with(made[key], tuple(rest), change)
    elif change is None:
        del made[key]
    else:
        made[key] = change(made[key])
    return made


def no_files(folder: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    """Yield paths of what is no file that can be read: none, a folder, a pipe, a loop, ..."""
    (folder / f"folder{suffix}").mkdir()
    os.mkfifo(folder / f"pipe{suffix}")
    (folder / f"loop{suffix}").symlink_to(folder / f"loop{suffix}")
    (folder / f"dangling{suffix}").symlink_to(folder / "nowhere")
    shut = folder / f"shut{suffix}"
    shut.write_bytes(b"x")
    shut.chmod(0)
    for name in ("absent", "folder", "pipe", "loop", "dangling", "shut"):
        yield name, folder / f"{name}{suffix}"
    yield "in a file", folder / f"shut{suffix}" / f"x{suffix}"
    yield "long name", folder / ("x" * 300 + suffix)
    yield "nul in name", folder / f"a\0b{suffix}"
    yield "device", Path("/dev/zero")
