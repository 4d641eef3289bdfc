"""
Read and check tape files: a header line, then one JSON object a line, sorted.

In: a file. Out: its lines, or the line that is wrong, by number.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from llmlab.archive.tape import Tape, TapeLine
from llmlab.archive.tape_writer import HEAD, encoded
from llmlab.checks.files import read_text
from llmlab.errors import UsageError
from llmlab.records import Usage

_MOST: Final = 16 * 2**30
"""Largest tape in bytes; ten million calls take about 10 GB."""


def read(path: Path) -> Tape:
    """
    Read a tape; the errors of `Tape.find` name its file.

    Raises:
        UsageError: There is no such file, or a line is invalid; its number is given.
    """
    return Tape(_lines(path), name=path.name)


def _lines(path: Path) -> list[TapeLine]:
    first, *rest = _raw(path)
    if first != HEAD:
        raise UsageError(f"{path}, line 1: not a tape of this version: {HEAD} is missing")
    return [_decoded(text, f"{path}, line {number}") for number, text in enumerate(rest, 2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLine:
    """Counts of what is on a tape, and its problems."""

    answers: int
    failures: int
    runs: Mapping[str, int]
    """Cells of each run."""
    models: Mapping[str, int]
    """Outcomes of each model."""
    backends: Mapping[str, int]
    problems: Sequence[str] = field(default_factory=tuple)


def check(path: Path) -> CheckedLine:
    """
    Check a tape: is it sorted, without duplicates, free of keys, as llmlab writes it.

    Raises:
        UsageError: It cannot be read at all.
    """
    lines = _lines(path)
    return CheckedLine(
        answers=sum(line.answer is not None for line in lines),
        failures=sum(line.failure is not None for line in lines),
        runs=Counter(use.run for line in lines for use in line.uses),
        models=Counter(line.model for line in lines),
        backends=Counter(line.outcome.backend for line in lines),
        problems=tuple(_problems(path, lines)),
    )


def _problems(path: Path, lines: Sequence[TapeLine]) -> list[str]:
    found = []
    raw = _raw(path)[1:]
    places = [line.order for line in lines]
    for number, (line, text, place) in enumerate(zip(lines, raw, places, strict=True), 2):
        if number > 2 and place <= places[number - 3]:  # noqa: PLR2004 - the first has none before
            found.append(f"line {number} is out of order or a duplicate")
        # Writing redacts keys, so a line that changes when written again was not clean.
        if encoded(line) != text:
            found.append(f"line {number} is not as llmlab writes it, or holds a key")
    return found


def _raw(path: Path) -> list[str]:
    """Split at line feeds only: JSON may hold the other characters that end a line."""
    if not os.path.lexists(path):
        raise UsageError(
            f"there is no tape {path}: record one with mode='record', or save one with save_tape"
        )
    return read_text(path, "the tape", most=_MOST).removesuffix("\n").split("\n")


def _decoded(text: str, where: str) -> TapeLine:
    try:
        line = _DECODER.decode(text)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UsageError(f"{where}: not a line of a tape: {error}") from error
    except RecursionError:
        raise UsageError(f"{where}: not a line of a tape: it nests too deep") from None
    if (line.answer is None) is (line.failure is None):
        raise UsageError(f"{where}: not a line of a tape: it needs an answer or a failure")
    if wrong := next(_out_of_bounds(line), None):
        raise UsageError(f"{where}: not a line of a tape: {wrong}")
    return line


_DECODER: Final = msgspec.json.Decoder(TapeLine)


_NO_COUNTS: Final = frozenset({"estimated", "service_tier", "region"})


def _out_of_bounds(line: TapeLine) -> Iterator[str]:
    """Yield the numbers that a table cannot hold or a call cannot have."""
    outcome, usage = line.outcome, getattr(line.answer, "usage", None)
    counts = (name for name in Usage.__struct_fields__ if name not in _NO_COUNTS)
    for record, name, most in (
        (line, "repeat", 1e15), (outcome, "attempts", 1e15), (outcome, "started_at", 9e9),
        *((usage, name, 1e15) for name in counts),
    ):  # fmt: skip
        value = getattr(record, name, None)
        if value is not None and not 0 <= value <= most:
            yield f"{name} is {str(value)[:40]}; it must be from 0 to {most:g}"
    for name in ("cost", "billed"):
        dollars: Decimal | None = getattr(outcome, name, None)
        if dollars is not None and not dollars.is_finite():
            yield f"{name} is {dollars}; it must be a number of dollars"
