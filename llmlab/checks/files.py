"""
Files that a person names: what is no file, no text or no TOML is one line, with the place.

In: a path. Out: its text, or its TOML as a table. Only regular files are opened: a pipe would
wait for ever, and a device has no end.
"""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from llmlab.errors import UsageError

MOST: Final = 64 * 2**20
"""Bytes of a text that a person writes; more than that is another file taken by mistake."""
DEEPEST: Final = 50
"""Tables or lists inside each other; readers that recurse have an end."""

_MARKS: Final = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"\x1f\x8b", "gzip"))


class NotText(ValueError):
    """Bytes that are no UTF-8; `line` is where that begins."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.line = line


def require_file(
    path: Path, what: str, *, error: type[UsageError] = UsageError, most: int | None = None
) -> None:
    """
    See that *path* is a regular file of no more than *most* bytes; *what* is what it should be.

    Raises:
        UsageError: It is not there, a folder, a pipe, a device, too large, or out of reach.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as problem:
        raise error(_cannot(path, what, problem)) from None
    if stat.S_ISDIR(found.st_mode):
        raise error(f"{path}: cannot read {what}: it is a folder; name a file")
    if not stat.S_ISREG(found.st_mode):
        raise error(f"{path}: cannot read {what}: it is a pipe or a device; name a file")
    if most is not None and found.st_size > most:
        size = f"{found.st_size / 2**20:,.0f} MB"
        raise error(f"{path}: cannot read {what}: it has {size}, and {most >> 20} MB is the most")


def read_text(
    path: Path, what: str, *, error: type[UsageError] = UsageError, most: int = MOST
) -> str:
    r"""
    Return the text of a file, without a byte-order mark, its lines ended by `\n`.

    Raises:
        UsageError: See `require_file`; or it is not UTF-8, and the line is said.
    """
    require_file(path, what, error=error, most=most)
    try:
        return text_of(path.read_bytes())
    except OSError as problem:
        why = _cannot(path, what, problem)
    except NotText as problem:
        why = f"{path}, line {problem.line}: {problem}; save it as UTF-8"
    # Outside, so that no traceback has a frame with the file in it: there may be a password.
    raise error(why)


def text_of(data: bytes) -> str:
    r"""
    Decode UTF-8, with or without a byte-order mark; every end of line becomes `\n`.

    Raises:
        NotText: It is something else.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            raise NotText(f"{name}, not UTF-8", 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise NotText("not UTF-8", data[: problem.start].count(b"\n") + 1) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_toml(path: Path, what: str, *, error: type[UsageError] = UsageError) -> dict[str, Any]:
    """
    Return a TOML file as a table.

    Raises:
        UsageError: See `read_text`; or it is not TOML, or its tables nest too deep.
    """
    table, why = _parsed(read_text(path, what, error=error))
    if table is None:
        raise error(f"{path}: {why}")
    return table


def toml_of(text: str, path: Path, *, error: type[UsageError] = UsageError) -> dict[str, Any]:
    """Read TOML that is, or will be, the text of *path*; raises as `read_toml`."""
    table, why = _parsed(text)
    if table is None:
        raise error(f"{path}: {why}")
    return table


def _parsed(text: str) -> tuple[dict[str, Any] | None, str]:
    """Return the table, or None and what is wrong: raised elsewhere, without these frames."""
    try:
        table = tomllib.loads(text)
    except ValueError as problem:  # its own error, and a number of more digits than Python reads
        return None, f"not valid TOML: {problem}"
    except RecursionError:
        return None, _TOO_DEEP
    return (None, _TOO_DEEP) if depth_of(table) > DEEPEST else (table, "")


def depth_of(tree: Any) -> int:
    """Return how many dicts and lists of *tree* lie inside each other; a cycle has no end."""
    level, depth = [tree], 0
    while level and depth <= DEEPEST:
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        depth += 1
    return depth


_TOO_DEEP: Final = f"tables or lists nest over {DEEPEST} deep, which is too deep"


def _cannot(path: Path, what: str, problem: OSError | ValueError) -> str:
    number = problem.errno if isinstance(problem, OSError) else None
    reason = os.strerror(number).lower() if number else str(problem)
    shown = str(path).replace("\0", "\\0")
    return f"{shown}: cannot read {what}: {reason}"
