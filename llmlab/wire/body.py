"""Read a reply's body as it arrives, up to a size bound."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from llmlab.errors import CallError, Unreadable
from llmlab.secrets import Scrubber, Strain
from llmlab.wire.transport_errors import errors_of
from llmlab.wire.unpacking import unpacking

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True)
class Bound:
    """The most bytes of a reply that are read, and the setting that says so."""

    most: float
    setting: str

    @classmethod
    def of(cls, megabytes: float, setting: str) -> Self:
        """Return the bound of so many million bytes."""
        return cls(megabytes * 1e6, setting)

    def hold(self, size: int, provider: str) -> None:
        """
        Check the *size* of a reply so far against the bound.

        Raises:
            Unreadable: It is larger.
        """
        if size > self.most:
            raise Unreadable(
                f"{provider}: the reply is larger than {self.most / 1e6:g} MB and was not read to "
                f"its end; raise {self.setting} to read it",
                provider=provider,
            )


class PackedResponse(Protocol):
    """What aiohttp's `ClientResponse` and `DirectReply` share; the body is still compressed."""

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers; names in any case."""
        ...

    @property
    def content(self) -> "aiohttp.StreamReader":
        """Return the body."""
        ...

    def release(self) -> object:
        """Give the connection back when the body was read to its end; else close it."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


async def whole(response: PackedResponse, bound: Bound, provider: str, scrubber: Scrubber) -> bytes:
    """
    Return the body, decompressed.

    Raises:
        CutOff: The body is incomplete.
        Unreadable: It is larger than *bound*, or has a content encoding that was not asked for.
    """
    if "content-encoding" in response.headers:
        strain = Strain(scrubber)
        return b"".join([piece async for piece in pieces(response, bound, provider, strain)])
    first = await response.content.readany()
    if response.content.at_eof() and len(first) <= bound.most:
        return first  # the whole body, as in most replies
    size, strain = len(first), Strain(scrubber)
    # Redacted at once: this frame waits for the rest, and a verbose traceback would show it.
    first = strain.feed(first)
    rest = [piece async for piece in pieces(response, bound, provider, strain, read=size)]
    return b"".join([first, *rest])


async def pieces(
    response: PackedResponse,
    bound: Bound,
    provider: str,
    strain: Strain,
    *,
    read: int = 0,
) -> AsyncIterator[bytes]:
    """
    Yield the body, decompressed, in whatever pieces the network makes of it.

    Compressed and decompressed sizes are each checked against *bound*, so that neither a
    decompression bomb nor a body that decompresses to nothing goes on for ever.

    Args:
        response: A response whose headers have arrived.
        bound: The most that is read; beyond it the connection is closed.
        provider: The provider's name, for errors.
        strain: Redacts the endpoint's keys, piece by piece.
        read: Bytes of the body that were read already.

    Raises:
        CallError: As `whole`, and errors of aiohttp as the `CallError` they mean.
    """
    with errors_of(provider, strain.scrubber):
        unpack = unpacking(response.headers.get("content-encoding"), provider)
        packed = plain = read
        try:
            bound.hold(read, provider)
            async for data in response.content.iter_any():
                packed += len(data)
                for piece in (data,) if unpack is None else unpack.feed(data):
                    plain += len(piece)
                    bound.hold(plain, provider)
                    data = piece = strain.feed(piece)  # noqa: PLW2901 - no frame keeps the key
                    if piece:
                        yield piece
                bound.hold(packed, provider)
            if unpack is not None:
                unpack.end()
            if last := strain.end():
                yield last
        except CallError:
            # After such a reply it is not certain where the next one on the connection begins.
            response.close()
            raise
