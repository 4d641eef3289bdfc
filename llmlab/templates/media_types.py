"""
Images and PDFs by their first bytes: type, size, pages, and whether they are whole.

The formats are those that providers take: PNG, JPEG, GIF, WEBP, PDF. Pillow, which matplotlib
brings along, decodes each image once, so that a damaged one is found here. pypdf (the extra `pdf`)
counts the pages of a PDF; without it their number is unknown.
"""

import hashlib
import struct
import warnings
import zlib
from importlib.util import find_spec
from io import BytesIO
from typing import Final

from llmlab.errors import AttachmentError
from llmlab.records import Attachment
from llmlab.templates.reads import spelt

PDF: Final = "application/pdf"

_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", PDF),
)
_WEBP: Final = (b"RIFF", b"WEBP")


def media_type_of(data: bytes | bytearray) -> str:
    """Return the media type that the first bytes say; empty for any other file."""
    head = bytes(data[:12])
    if head[:4] == _WEBP[0] and head[8:12] == _WEBP[1]:
        return "image/webp"
    return next((kind for start, kind in _STARTS if head.startswith(start)), "")


def attachment_of(data: bytes, name: str, *, source: str) -> Attachment:
    """
    Return *data* as an attachment of the slot *name*, measured.

    Args:
        data: The bytes of the file.
        name: The slot.
        source: Where they are from, for the error.

    Raises:
        AttachmentError: They are empty, damaged, or neither an image nor a PDF.
    """
    kind = media_type_of(data)
    if not kind:
        what = "is empty" if not data else "is neither PNG, JPEG, GIF, WEBP nor PDF"
        raise AttachmentError(f"{spelt(name)}: {source} {what}: give an image or a PDF, or text")
    digest = hashlib.sha256(data).hexdigest()
    try:
        if kind == PDF:
            pages, text_bytes = _pages_of(data)
            return Attachment(
                media_type=kind, data=data, name=name, digest=digest,
                pages=pages, text_bytes=text_bytes,
            )  # fmt: skip
        width, height = _size_of(data)
    except ValueError as error:
        raise AttachmentError(f"{spelt(name)}: {source} is damaged: {error}") from None
    return Attachment(
        media_type=kind, data=data, name=name, digest=digest, width=width, height=height
    )


def _size_of(data: bytes) -> tuple[int, int]:
    """Return width and height of an image; ValueError where it cannot be decoded to its end."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data)) as image:
                image.load()
                return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(_without_address(_line(error))) from None
    except Image.DecompressionBombWarning:
        raise ValueError("it has more pixels than any model takes") from None


def _pages_of(data: bytes) -> tuple[int, int]:
    """Return pages and bytes of text of a PDF, 0 and 0 where pypdf is not installed."""
    if b"%%EOF" not in data[-2048:]:
        raise ValueError("its end is missing")
    if find_spec("pypdf") is None:
        return 0, 0
    import pypdf
    from pypdf.errors import PyPdfError

    damaged = (PyPdfError, *_OF_PYPDF)
    try:
        reader = pypdf.PdfReader(BytesIO(data))
        locked, pages = reader.is_encrypted, [] if reader.is_encrypted else [*reader.pages]
    except damaged as error:
        raise ValueError(_line(error)) from None
    if locked or not pages:
        raise ValueError("it is locked with a password" if locked else "it has no pages")
    try:
        text = [page.extract_text() for page in pages]
    except damaged:  # a provider may read what pypdf does not: then nothing is known of it
        return 0, 0
    return len(text), sum(len(each.encode(errors="replace")) for each in text)


_OF_PYPDF: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RecursionError,
    RuntimeError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""What pypdf raises for a damaged file beside its own errors."""


def _without_address(line: str) -> str:
    """Say it without the place in memory that Pillow names for want of a file."""
    return "it cannot be decoded" if "BytesIO" in line else line


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
