"""
Decompress gzip and deflate piece by piece, and check that the trailer is complete.

Not left to aiohttp: how much it decompresses at once depends on its version and on how it is
read, and it accepts a truncated gzip as complete.
"""

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llmlab.errors import CutOff, Unreadable

if TYPE_CHECKING:
    from zlib import _Decompress

PIECE: Final = 262_144
"""Bytes that are decompressed at once, at most."""

_MEMBERS: Final = 1000
"""Gzip members that one reply may have; each costs a new decompressor."""

_GZIP: Final = zlib.MAX_WBITS + 16
_BARE: Final = -zlib.MAX_WBITS
_WBITS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}
_FOREIGN: Final = frozenset({"br", "zstd", "compress", "x-compress"})
_ZLIB: Final = 8
"""Low four bits of the first byte of a zlib header; many servers send deflate without one."""


def unpacking(coding: str | None, provider: str) -> "Unpacking | None":
    """
    Return the decompressor of *coding*, a `content-encoding`; None where there is nothing to do.

    Raises:
        Unreadable: The reply has a content encoding that was not asked for.
    """
    if coding is None:
        return None
    names = [name for part in coding.split(",") if (name := part.strip().lower())]
    if len(names) == 1 and names[0] in _WBITS:
        return Unpacking(names[0], provider)
    if any(name in _WBITS or name in _FOREIGN for name in names):
        packed = ", ".join(names)[:60]
        raise Unreadable(
            f"{provider}: the reply has the content-encoding {packed!r}, which was not asked for",
            provider=provider,
        )
    return None  # `identity`, or a word without effect, as some gateways send


class Unpacking:
    """The decompressor of one reply."""

    __slots__ = ("_coding", "_machine", "_members", "_provider")

    def __init__(self, coding: str, provider: str) -> None:
        self._coding = coding
        self._provider = provider
        self._machine: _Decompress | None = None
        self._members = 0

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """
        Yield what *packed* adds, in pieces of at most `PIECE` bytes.

        Raises:
            CutOff: The data do not match their `content-encoding`, or the checksum is wrong.
        """
        while packed:
            machine = self._machine
            if machine is None or machine.eof:
                machine = self._machine = self._started(packed[0])
            yield from self._drained(machine, packed)
            packed = machine.unused_data

    def end(self) -> None:
        """
        Check that the data are complete.

        Raises:
            CutOff: The compressed data are truncated.
        """
        if self._machine is not None and not self._machine.eof:
            raise CutOff(
                f"{self._provider}: the reply broke off before its end", provider=self._provider
            )

    def _started(self, first: int) -> "_Decompress":
        self._members += 1
        if self._members > _MEMBERS:
            raise self._damaged()
        bare = self._coding == "deflate" and first & 0xF != _ZLIB
        return zlib.decompressobj(_BARE if bare else _WBITS[self._coding])

    def _drained(self, machine: "_Decompress", packed: bytes) -> Iterator[bytes]:
        """Yield until *machine* has consumed all of *packed*, or has reached its end."""
        while True:
            try:
                piece = machine.decompress(packed, PIECE)
            except zlib.error:
                raise self._damaged() from None
            if piece:
                yield piece
            packed = machine.unconsumed_tail
            # After a full piece more output may be pending, although no input is left.
            if machine.eof or (not packed and len(piece) < PIECE):
                return

    def _damaged(self) -> CutOff:
        return CutOff(
            f"{self._provider}: the reply is damaged: it is not complete, valid {self._coding}",
            provider=self._provider,
        )
