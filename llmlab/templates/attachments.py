"""
Values of slots that are images or PDFs: read them, and put their places into the words.

In: a path, bytes, a matplotlib figure or a PIL image. Out: an `Attachment`, and `[image 1]` where
the slot stood. What cannot be read is one line that names the slot, before anything is sent.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from llmlab.checks.files import require_file
from llmlab.errors import AttachmentError
from llmlab.records import Attachment
from llmlab.templates.media_types import PDF, attachment_of, media_type_of
from llmlab.templates.reads import spelt

PLAIN: Final = frozenset({str, int, float, bool, type(None), date, datetime, dict})
"""Types of nearly all values; a slot with one of them is an attachment only if declared so."""


_MOST: Final = 100 * 2**20
"""Bytes of the largest file that is read; no provider takes one as large."""
_PNG_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})


class AttachmentReader:
    """Reads each image and PDF once, however many inputs and prompts have it."""

    def __init__(self) -> None:
        self._read: dict[object, tuple[Attachment, object]] = {}

    def values(
        self, values: Mapping[str, object], slots: Sequence[str], declared: frozenset[str]
    ) -> Mapping[str, object]:
        """
        Return *values* with an `Attachment` in the place of each image and PDF.

        Args:
            values: What the slots are filled with.
            slots: The names that the prompt reads.
            declared: Those whose text is a path, by the front matter.

        Raises:
            AttachmentError: A file is missing, empty, damaged, or neither an image nor a PDF.
        """
        found = {
            name: self._one(values[name], name, declared=name in declared)
            for name in slots
            if name in values and (name in declared or type(values[name]) not in PLAIN)
        }
        changed = {name: made for name, made in found.items() if made is not values[name]}
        return {**values, **changed} if changed else values

    def _one(self, value: object, name: str, *, declared: bool) -> object:
        if isinstance(value, list | tuple):
            made = [self._one(each, name, declared=declared) for each in value]
            same = all(new is old for new, old in zip(made, value, strict=True))
            return value if same else made
        if isinstance(value, os.PathLike) or (declared and isinstance(value, str)):
            return self._from_file(Path(value), name)
        if _is_drawn(value):
            return self._kept(id(value), value, name)
        if isinstance(value, bytes | bytearray) and media_type_of(value):
            return self._kept(id(value), value, name)
        return value

    def _from_file(self, path: Path, name: str) -> Attachment:
        require_file(path, spelt(name), error=AttachmentError, most=_MOST)
        try:
            about = path.stat()
            key = (os.fspath(path), about.st_mtime_ns, about.st_size)
            if key in self._read:
                return self._read[key][0]
            data = path.read_bytes()
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise AttachmentError(f"{spelt(name)}: cannot read {path}: {why}") from None
        made = attachment_of(data, name, source=str(path))
        self._read[key] = (made, None)
        return made

    def _kept(self, key: int, value: Any, name: str) -> Attachment:
        found = self._read.get(key)
        if found is None:
            drawn = _is_drawn(value)
            data = _png_of(value, name) if drawn else bytes(value)
            # The value is kept too: an id is unique only while its object lives.
            source = "the picture" if drawn else "what the bytes hold"
            found = attachment_of(data, name, source=source), value
            self._read[key] = found
        return found[0]


class Placing:
    """Numbers the attachments of one prompt in the order in which its words print them."""

    def __init__(self) -> None:
        self.placed: list[Attachment] = []

    def values(self, values: Mapping[str, object], slots: Sequence[str]) -> Mapping[str, object]:
        """Return *values* with a stand-in for each attachment, which prints as its place."""
        found = {name: self._stand_in(values[name]) for name in slots if name in values}
        return {**values, **found}

    def _stand_in(self, value: object) -> object:
        if isinstance(value, Attachment):
            return PlacedAttachment(value, self)
        if isinstance(value, list) and any(isinstance(each, Attachment) for each in value):
            return [self._stand_in(each) for each in value]
        return value

    def word(self, attachment: Attachment) -> str:
        """Return `[image 1]` or `[file 1]`; the same bytes have one number and travel once."""
        kind = _kind(attachment)
        alike = [each.digest for each in self.placed if _kind(each) == kind]
        if attachment.digest not in alike:
            self.placed.append(attachment)
            alike.append(attachment.digest)
        return f"[{kind} {alike.index(attachment.digest) + 1}]"


class PlacedAttachment:
    """An attachment as a template sees it: it prints as its place in the message."""

    __slots__ = ("_attachment", "_placing")

    def __init__(self, attachment: Attachment, placing: Placing) -> None:
        self._attachment = attachment
        self._placing = placing

    def __str__(self) -> str:
        return self._placing.word(self._attachment)

    __repr__ = __str__


def _kind(attachment: Attachment) -> str:
    return "file" if attachment.media_type == PDF else "image"


def holds_any(values: Mapping[str, object], slots: Sequence[str]) -> bool:
    """Say whether one of *slots* has an attachment, or a list of some."""
    found = (values.get(slot) for slot in slots)
    return any(
        isinstance(each, Attachment)
        or (isinstance(each, list) and any(isinstance(one, Attachment) for one in each))
        for each in found
    )


def described(value: object) -> object:
    """Return what stands for a value in a report or a judge's task: its note, if an attachment."""
    if isinstance(value, Attachment):
        return f"[{value.note}]"
    if isinstance(value, bytes | bytearray) and media_type_of(value):
        return f"[{media_type_of(value)}, {len(value):,} bytes]"
    if isinstance(value, os.PathLike):
        return f"[{Path(value).name}]"
    return f"[a {type(value).__name__}]" if _is_drawn(value) else value


def _is_drawn(value: object) -> bool:
    """Say whether *value* is a figure of matplotlib or an image of Pillow."""
    module = type(value).__module__
    if module.startswith("PIL."):
        return hasattr(value, "save")
    return hasattr(value, "savefig")


def _png_of(value: Any, name: str) -> bytes:
    from io import BytesIO

    out = BytesIO()
    try:
        if hasattr(value, "savefig"):
            value.savefig(out, format="png")
        else:
            plain = value if value.mode in _PNG_MODES else value.convert("RGB")
            plain.save(out, format="PNG")
    except (OSError, ValueError) as error:
        raise AttachmentError(f"{spelt(name)}: cannot be drawn as PNG: {error}") from None
    return out.getvalue()
