"""
Images and PDFs in a request: checked and counted, by rules written apart from llmlab's own.

Sizes come from the headers of PNG, JPEG, GIF and WEBP. Rules and limits are those of the providers'
pages of 2026: patches of 28 pixels at Anthropic, patches of 32 or tiles of 512 at OpenAI, tiles of
448 at xAI. A page of a PDF is a fixed number of tokens.
"""

import base64
import binascii
import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from llmlab.sim.authors.author import Asked, Written
from llmlab.sim.call import Call
from llmlab.sim.refusals import refuse

PAGE_TOKENS: Final = 2000
_MOST_IMAGES: Final = {"openai": 500, "anthropic": 600}
_MOST_PIXELS: Final = {"anthropic": 8000}
_MOST_BYTES: Final = {"anthropic": 10 * 2**20, "xai": 20 * 2**20}
_PLAIN: Final = ("image/png", "image/jpeg")
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_DATA: Final = re.compile(r"data:([\w/+.-]+);base64,(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFile:
    """A file of a request: its declared type, and its bytes."""

    media_type: str
    data: bytes


async def written_with_files(call: Call, asked: Asked) -> Written:
    """
    Let the author write; the files of the request count as input.

    Raises:
        Rejection: The provider takes no such file, or it is not what it says, or too large.
    """
    tokens = file_tokens(call, asked.model)
    written = await call.author.write(asked)
    return replace(written, input_tokens=written.input_tokens + tokens) if tokens else written


def file_tokens(call: Call, model: str) -> int:
    """Check the files of a request, and count their tokens for *model*."""
    files = [*_files(call)]
    if not files:
        return 0
    _check(call, files)
    return sum(_tokens(call.provider, model, each) for each in files)


def _files(call: Call) -> Iterator[SimulatedFile]:
    turns = call.body.get("messages") or call.body.get("input") or ()
    for turn in turns if isinstance(turns, list) else ():
        content = turn.get("content")
        for part in content if isinstance(content, list) else ():
            yield from _file(call, part)
        yield from (_raw(call, each) for each in turn.get("images") or ())
    yield from (_raw(call, each) for each in call.body.get("images") or ())


def _file(call: Call, part: Mapping[str, Any]) -> Iterator[SimulatedFile]:
    kind = part.get("type")
    if kind == "image_url":
        yield _from_url(call, part["image_url"]["url"])
    elif kind == "input_image":
        yield _from_url(call, part["image_url"])
    elif kind == "file":
        yield _from_url(call, part["file"]["file_data"])
    elif kind == "input_file":
        yield _from_url(call, part["file_data"])
    elif kind in ("image", "document"):
        source = part["source"]
        yield _decoded(call, source["media_type"], source["data"])


def _from_url(call: Call, url: str) -> SimulatedFile:
    found = _DATA.fullmatch(url)
    if found is None:
        raise refuse(call.provider, 400, "Invalid image: expected a base64 data URL.")
    return _decoded(call, found[1], found[2])


def _raw(call: Call, text: str) -> SimulatedFile:
    return _decoded(call, "", text)


def _decoded(call: Call, media_type: str, text: str) -> SimulatedFile:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise refuse(call.provider, 400, "Invalid base64 data.") from None
    real = _type_of(data)
    if not real or (media_type and media_type != real):
        raise refuse(call.provider, 400, f"The file is not a valid {media_type or 'image'}.")
    return SimulatedFile(media_type=real, data=data)


def _type_of(data: bytes) -> str:
    if data[:4] == b"%PDF":
        return "application/pdf"
    if data[1:4] == b"PNG":
        return "image/png"
    if data[:2] == b"\xff\xd8":
        return "image/jpeg"
    if data[:3] == b"GIF":
        return "image/gif"
    return "image/webp" if data[8:12] == b"WEBP" else ""


def _check(call: Call, files: list[SimulatedFile]) -> None:
    provider = call.provider
    if provider == "deepseek":
        raise refuse(provider, 400, "unknown variant `image_url`, expected `text`")
    if len(files) > _MOST_IMAGES.get(provider, len(files)):
        raise refuse(provider, 400, "Too many images in the request.")
    for each in files:
        if provider in ("xai", "ollama") and each.media_type == "application/pdf":
            raise refuse(provider, 400, "Files are not supported here.")
        if provider == "xai" and each.media_type not in _PLAIN:
            raise refuse(provider, 400, "Unsupported image type: use jpg/jpeg or png.")
        size = len(each.data) * 4 // 3
        if size > _MOST_BYTES.get(provider, size):
            raise refuse(provider, 400, "image exceeds the maximum size")
        if max(_size(each)) > _MOST_PIXELS.get(provider, math.inf):
            raise refuse(provider, 400, "image dimensions exceed max allowed size: 8000 pixels")


def _size(file: SimulatedFile) -> tuple[int, int]:
    """Return width and height by the header; 0 for a PDF."""
    data = file.data
    match file.media_type:
        case "image/png":
            return struct.unpack(">II", data[16:24])
        case "image/gif":
            return struct.unpack("<HH", data[6:10])
        case "image/jpeg":
            return _jpeg_size(data)
        case "image/webp":
            return _webp_size(data)
        case _:
            return 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk over the segments to the frame's, which has height and width."""
    at = 2
    while at + 9 < len(data):
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # noqa: PLR2004 - the frames
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return 1, 1


def _webp_size(data: bytes) -> tuple[int, int]:
    if data[12:16] == b"VP8X":
        return (int.from_bytes(data[24:27], "little") + 1,
                int.from_bytes(data[27:30], "little") + 1)  # fmt: skip
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _tokens(provider: str, model: str, file: SimulatedFile) -> int:
    if file.media_type == "application/pdf":
        return PAGE_TOKENS * max(1, len(_PAGE.findall(file.data)))
    width, height = _size(file)
    match provider:
        case "anthropic":
            return _claude(model, width, height)
        case "openai":
            return _gpt(model, width, height)
        case "xai":
            tiles = math.ceil(width / 448) * math.ceil(height / 448)
            return 256 + 256 * min(tiles, 6)
        case _:
            return min(4096, math.ceil(width / 28) * math.ceil(height / 28))


def _claude(model: str, width: int, height: int) -> int:
    old = re.match(r"claude-(haiku-4|sonnet-4|opus-4-[56])", model)
    edge, most = (1568, 1568) if old else (2576, 4784)
    long, short = max(width, height), min(width, height)
    for size in range(min(long, edge), 0, -1):
        across, down = math.ceil(size / 28), math.ceil(max(1, round(short * size / long)) / 28)
        if across * down <= most:
            return across * down
    return 1


def _gpt(model: str, width: int, height: int) -> int:
    if model.startswith(("gpt-4o", "gpt-4.1", "o3", "gpt-5-", "gpt-5.1")) or model == "gpt-5":
        scale = min(1, 2048 / max(width, height), 768 / min(width, height))
        tiles = math.ceil(round(width * scale) / 512) * math.ceil(round(height * scale) / 512)
        return 85 + 170 * tiles
    return math.ceil(1.2 * min(10_000, math.ceil(width / 32) * math.ceil(height / 32)))
