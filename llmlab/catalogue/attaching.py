"""
Images and PDFs against what a model takes: refused in one line, before anything is sent.

Limits as the providers publish them (November 2026): Anthropic, Vision and PDF support (10 MB and
8000 x 8000 pixels an image, 2000 x 2000 from the 21st image on, 100 images and pages with a window
of 200,000 tokens and 600 with a larger one, 32 MB a request); OpenAI, Images and vision and File
inputs (500 images, 50 MB a request); xAI, Image understanding (PNG and JPEG, 20 MiB an image). A
gateway has limits of its own, which are not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmlab.catalogue.models import Model
from llmlab.errors import AttachmentError
from llmlab.records import Attachment, Prompt

_MIB: Final = 2**20
_PDF: Final = "application/pdf"
_MANY: Final = 20
_LARGE_WINDOW: Final = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentLimits:
    """What a provider takes; 0 where it names no limit."""

    bytes_each: int = 0
    bytes_all: int = 0
    images: int = 0
    pixels: int = 0
    """Longest side of an image."""
    pixels_of_many: int = 0
    """The same where there are more than 20 images."""
    pages: int = 0
    types: tuple[str, ...] = ()
    """Media types of images; empty for all that llmlab knows."""


_CLAUDE: Final = AttachmentLimits(
    bytes_each=10 * _MIB * 3 // 4, bytes_all=32 * _MIB * 3 // 4, images=600, pages=600,
    pixels=8000, pixels_of_many=2000,
)  # fmt: skip
_LIMITS: Final = {
    "openai": AttachmentLimits(bytes_all=50 * _MIB, images=500),
    "anthropic": _CLAUDE,
    "xai": AttachmentLimits(bytes_each=20 * _MIB, types=("image/png", "image/jpeg")),
}
_SMALL_CLAUDE: Final = 100
"""Images, and pages, that a model of Anthropic's takes with a window of 200,000 tokens."""


def refuse_attachments(prompt: Prompt, model: Model) -> None:
    """
    Check the attachments of *prompt*; a prompt without any is not looked at further.

    Raises:
        AttachmentError: The model takes no such file, or one is too large, or they are too many.
    """
    if not prompt.attachments:
        return
    limits = _LIMITS.get(model.provider, AttachmentLimits())
    for each in prompt.attachments:
        fault = _kind_fault(each, model, limits) or _size_fault(each, prompt, limits)
        if fault:
            raise AttachmentError(
                f"{{{{ {each.name} }}}} ({each.media_type}, {each.size}): {model.name} {fault}"
            )
    fault = _count_fault(prompt.attachments, model, limits)
    if fault:
        raise AttachmentError(f"prompt {prompt.name!r}: {model.name} {fault}")


def _kind_fault(each: Attachment, model: Model, limits: AttachmentLimits) -> str:
    takes = model.rules.takes
    kind = "pdf" if each.media_type == _PDF else "image"
    if kind not in takes:
        also = "; give its pages as images" if kind == "pdf" and "image" in takes else ""
        return f"takes no {'PDF' if kind == 'pdf' else 'images'}{also or ': ask another model'}"
    if kind == "image" and limits.types and each.media_type not in limits.types:
        return "takes PNG and JPEG only: save it as one of them"
    return ""


def _size_fault(each: Attachment, prompt: Prompt, limits: AttachmentLimits) -> str:
    if each.media_type == _PDF:
        return ""
    if limits.bytes_each and len(each.data) > limits.bytes_each:
        most, has = limits.bytes_each, len(each.data)
        return f"takes {most:,} bytes an image, and it has {has:,}: save it smaller"
    images = sum(one.media_type != _PDF for one in prompt.attachments)
    longest = limits.pixels_of_many if images > _MANY else limits.pixels
    if longest and max(each.width, each.height) > longest:
        return f"takes {longest:,} pixels a side at most: save it smaller"
    return ""


def _count_fault(all_of: Sequence[Attachment], model: Model, limits: AttachmentLimits) -> str:
    small = limits is _CLAUDE and (model.context or 0) == _LARGE_WINDOW
    images = sum(each.media_type != _PDF for each in all_of)
    pages = sum(each.pages for each in all_of)
    total = sum(len(each.data) for each in all_of)
    most_images = _SMALL_CLAUDE if small else limits.images
    most_pages = _SMALL_CLAUDE if small else limits.pages
    if most_images and images > most_images:
        return f"takes {most_images} images at most, and there are {images}"
    if most_pages and pages > most_pages:
        return f"takes {most_pages} pages of PDFs at most, and there are {pages}: send a part"
    if limits.bytes_all and total > limits.bytes_all:
        return f"takes {limits.bytes_all:,} bytes of files at most, and there are {total:,}"
    return ""
