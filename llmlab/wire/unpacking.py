"""
gzip and deflate undone piece by piece, and whole to the last byte of their trailer.

It is not left to aiohttp: how much it unpacks at once depends on its version and on how it is
read, and a gzip without its end passes there for whole.
"""

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from llmlab.errors import CutOff, Unreadable

if TYPE_CHECKING:
    from zlib import _Decompress

PIECE: Final = 262_144
"""Bytes that are unpacked at once, at most."""

_MEMBERS: Final = 1000
"""Streams that may follow each other in one reply; each costs a fresh start."""

_GZIP: Final = zlib.MAX_WBITS + 16
_BARE: Final = -zlib.MAX_WBITS
_WBITS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}
_FOREIGN: Final = frozenset({"br", "zstd", "compress", "x-compress"})
_ZLIB: Final = 8
"""The low half of the first byte of zlib's frame; many servers send deflate without it."""


def unpacking(coding: str | None, provider: str) -> "Unpacking | None":
    """
    Return what undoes *coding*, a reply's `content-encoding`; None where nothing is to be undone.

    Raises:
        Unreadable: The reply is packed in a way that was not asked for.
    """
    if coding is None:
        return None
    names = [name for part in coding.split(",") if (name := part.strip().lower())]
    if len(names) == 1 and names[0] in _WBITS:
        return Unpacking(names[0], provider)
    if any(name in _WBITS or name in _FOREIGN for name in names):
        packed = ", ".join(names)[:60]
        raise Unreadable(
            f"{provider}: the reply is packed as {packed!r}, which was not asked for",
            provider=provider,
        )
    return None  # `identity`, or a word that packs nothing, as some gateways send


class Unpacking:
    """One reply on its way back to plain bytes."""

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
            CutOff: It is not what its `content-encoding` says, or its checksum does not fit.
        """
        while packed:
            machine = self._machine
            if machine is None or machine.eof:
                machine = self._machine = self._started(packed[0])
            yield from self._drained(machine, packed)
            packed = machine.unused_data

    def end(self) -> None:
        """
        Say that nothing more comes.

        Raises:
            CutOff: The end of what was packed is not there.
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
        """Yield until *machine* has taken in all of *packed*, or has come to its end."""
        while True:
            try:
                piece = machine.decompress(packed, PIECE)
            except zlib.error:
                raise self._damaged() from None
            if piece:
                yield piece
            packed = machine.unconsumed_tail
            # A full piece may leave more behind inside, although nothing is left to take in.
            if machine.eof or (not packed and len(piece) < PIECE):
                return

    def _damaged(self) -> CutOff:
        return CutOff(
            f"{self._provider}: the reply is damaged: it is no whole {self._coding}",
            provider=self._provider,
        )
