"""
Tokens of images and PDFs, by each provider's published rule; all are estimates for a plan.

OpenAI (Images and vision, read November 2026): older models count tiles of 512 pixels, newer ones
patches of 32 pixels times a factor, after the image is made smaller to a number of patches. The
factor 1.2 and the numbers 2,500 and 10,000 of gpt-5.4 and later agree with counts that a third
party measured in October 2026 (image-token-cost, Hugging Face); gpt-6 read images whole there.
Anthropic (Vision, 2026): a patch is 28 pixels; an image is first made smaller to 1568 pixels and
1,568 patches, from claude-opus-4-7 on to 2576 pixels and 4,784 patches. xAI (Image understanding):
at most six tiles of 448 pixels and one more, 256 tokens each. Elsewhere no rule is known: 28 pixels
a patch is what open vision models use.

Of a PDF, OpenAI and Anthropic read the text of each page and an image of it.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from llmlab.records import Attachment

Vendor: TypeAlias = Literal["openai", "anthropic", "xai", "other"]
"""Whose rule counts: it goes by the model, which a gateway only passes on."""

_PDF: Final = "application/pdf"
_BYTES_PER_TOKEN: Final = 4
_NOTE: Final = 64
"""Tokens of the frame around a file, rounded up."""


@dataclass(frozen=True, slots=True)
class _Patches:
    """Patches of 32 pixels, at most so many, each worth *factor* tokens."""

    factor: float
    most: int


@dataclass(frozen=True, slots=True)
class _Tiles:
    """A base, and so much a tile of 512 pixels."""

    base: int
    tile: int


_OPENAI: Final = (
    (r"gpt-(4\.1|5|5\.4)-mini", _Patches(1.62, 1536)),
    (r"gpt-(4\.1|5|5\.4)-nano", _Patches(2.46, 1536)),
    (r"o4-mini", _Patches(1.72, 1536)),
    (r"gpt-4o-mini", _Tiles(2833, 5667)),
    (r"gpt-4", _Tiles(85, 170)),
    (r"o[13]", _Tiles(75, 150)),
    (r"gpt-5(\.1)?(-|$)", _Tiles(70, 140)),
    (r"gpt-5\.[23]", _Patches(1.2, 1536)),
    (r"gpt-5\.4", _Patches(1.2, 2500)),
    (r"gpt-5\.", _Patches(1.2, 10_000)),
    (r"", _Patches(1.2, 1_000_000)),
)
_DEAREST_TILES: Final = _Tiles(2833, 5667)
_OPEN: Final = re.compile(
    r"gem(ini|ma)|llama|llava|qwen|qvq|mi(ni)?stral|pixtral|glm|kimi|minimax|nemotron|nova|phi-|"
    r"internvl|molmo|deepseek|command|sonar|ernie|seed|smol"
)
"""What the names of other vendors' models have; any other name may hide one of OpenAI's."""
_DEAREST_FACTOR: Final = 2.46
_DEAREST_PAGE: Final = 12_000
"""Tokens of a page as an image, at the most patches that a model is known to read."""

_SMALL_CLAUDE: Final = re.compile(r"claude-(3|haiku-4|sonnet-4|opus-4-[0156](-|$)|opus-4$)")
_CLAUDE_NATIVE: Final = {True: (1568, 1568), False: (2576, 4784)}
_MOST_CLAUDE: Final = 4784
_MOST_GROK: Final = 7 * 256
_PAGE: Final = (1240, 1754)
"""Pixels of a page of A4 at 150 dots an inch."""
_CLAUDE_PAGE: Final = 1568
_PAGE_TEXT: Final = 500
"""Tokens of the text on a page, where it was not read."""
_PAGE_BYTES: Final = 50_000
"""Bytes of a page, where pages were not counted."""
_MOST_PAGE_MARKS: Final = 1000
"""Tokens of what a provider puts around the text of a page, rounded up."""


def vendor_of(name: str) -> Vendor:
    """Return whose rule counts for a model, by its `provider/model` or bare id."""
    provider, rest = name.rpartition("/")[0], _own(name)
    if rest.startswith(("gpt", "o1", "o3", "o4", "chatgpt")):
        return "openai"
    if rest.startswith("claude"):
        return "anthropic"
    if rest.startswith("grok"):
        return "xai"
    known: dict[str, Vendor] = {"openai": "openai", "anthropic": "anthropic", "xai": "xai"}
    return known.get(provider, "other")


def tokens_of(attachments: Iterable[Attachment], name: str) -> int:
    """Estimate the tokens of *attachments* for the model called *name*."""
    return sum(_pdf(each, name) if each.media_type == _PDF else
               image_tokens(each.width, each.height, name) for each in attachments)  # fmt: skip


def most_tokens_of(
    attachments: Iterable[Attachment], name: str, *, window: int | None
) -> int | None:
    """
    Return an upper bound of their tokens; None where there is none.

    An image's bound comes from its pixels and the dearest published rule. A PDF's is the dearest
    image of each page and twice the bytes of its text, which is some eight times as many tokens as
    text has; where the pages are unknown, only the model's *window* bounds it.
    """
    total = 0
    for each in attachments:
        if each.media_type != _PDF:
            total += most_image_tokens(each.width, each.height, name) + _NOTE
            continue
        most = _most_pdf(each, name) if each.pages else None
        bounds = [bound for bound in (most, window) if bound is not None]
        if not bounds:
            return None
        total += min(bounds) + _NOTE
    return total


@lru_cache(maxsize=4096)
def image_tokens(width: int, height: int, name: str) -> int:
    """Return the tokens of an image of so many pixels, by the rule of the model's vendor."""
    vendor, model = vendor_of(name), _own(name)
    if vendor == "openai":
        return _openai(width, height, model)
    if vendor == "anthropic":
        edge, most = _CLAUDE_NATIVE[bool(_SMALL_CLAUDE.match(model))]
        return _claude(width, height, edge, most)
    if vendor == "xai":
        return 256 * (min(6, _cells(width, height, 448)) + 1)
    return min(4096, _cells(width, height, 28))


def most_image_tokens(width: int, height: int, name: str) -> int:
    """Return the most tokens that an image can be charged at, whichever rule a model follows."""
    vendor = vendor_of(name)
    if vendor == "anthropic":
        return _MOST_CLAUDE
    if vendor == "xai":
        return _MOST_GROK
    patches = math.ceil(_cells(width, height, 32) * _DEAREST_FACTOR)
    long, short = max(width, height, 1), max(1, min(width, height))
    # The short side becomes 768 pixels, two tiles; the long one grows with it.
    tiles = max(8, 2 * math.ceil(768 * long / short / 512))
    rule = _most_tiles(_own(name), vendor)
    most = max(patches, rule.base + rule.tile * tiles)
    return most if vendor == "openai" else max(most, _MOST_CLAUDE, _cells(width, height, 14))


def _own(name: str) -> str:
    """Return a model's own name: a fine-tuned one is `ft:` and the model that it was made from."""
    return name.rpartition("/")[2].removeprefix("ft:")


def _most_tiles(model: str, vendor: Vendor) -> _Tiles:
    """Return the dearest tiles: a deployment whose name says nothing may be of any model."""
    if vendor == "other" and not _OPEN.search(model.lower()):
        return _DEAREST_TILES
    rule = _rule(model)
    return rule if isinstance(rule, _Tiles) else _Tiles(85, 170)


def _cells(width: int, height: int, side: int) -> int:
    return -(-width // side) * -(-height // side)


def _rule(model: str) -> _Patches | _Tiles:
    return next(rule for pattern, rule in _OPENAI if re.match(pattern, model))


def _openai(width: int, height: int, model: str) -> int:
    rule = _rule(model)
    if isinstance(rule, _Patches):
        return math.ceil(_patches(width, height, rule.most) * rule.factor)
    scale = min(1.0, 2048 / max(width, height))
    scale = min(scale, 768 / min(width, height))
    return rule.base + rule.tile * _cells(round(width * scale), round(height * scale), 512)


def _patches(width: int, height: int, most: int) -> int:
    """Return the patches of 32 pixels, of an image made smaller to *most* of them."""
    if _cells(width, height, 32) <= most:
        return _cells(width, height, 32)
    scale = math.sqrt(most * 32**2 / (width * height))
    across, down = width * scale / 32, height * scale / 32
    # Whole patches in both directions: the scale is lowered until one of them is.
    scale *= min(max(1, math.floor(across)) / across, max(1, math.floor(down)) / down)
    found = math.ceil(round(width * scale / 32, 6)) * math.ceil(round(height * scale / 32, 6))
    return min(most, found)


def _claude(width: int, height: int, edge: int, most: int) -> int:
    """Return the patches of 28 pixels of the largest size that fits both limits."""
    long, short = max(width, height), min(width, height)

    def patches(size: int) -> int:
        return _cells(size, max(1, round(short * size / long)), 28)

    sizes = range(1, min(long, edge) + 1)
    return patches(max(1, bisect_right(sizes, most, key=patches)))


def _pdf(each: Attachment, name: str) -> int:
    pages = each.pages or max(1, len(each.data) // _PAGE_BYTES)
    text = each.text_bytes // _BYTES_PER_TOKEN if each.pages else pages * _PAGE_TEXT
    anthropic = vendor_of(name) == "anthropic"
    return text + pages * (_CLAUDE_PAGE if anthropic else image_tokens(*_PAGE, name))


def _most_pdf(each: Attachment, name: str) -> int:
    vendor = vendor_of(name)
    page = _MOST_CLAUDE if vendor == "anthropic" else max(
        _DEAREST_PAGE, most_image_tokens(2048, 2048, name)
    )  # fmt: skip
    return each.pages * (page + _MOST_PAGE_MARKS) + 2 * each.text_bytes
