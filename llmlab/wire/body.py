"""A reply's body, read as it comes and never beyond a bound."""

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
    """How much of a reply is read, in bytes, and the setting that says so."""

    most: float
    setting: str

    @classmethod
    def of(cls, megabytes: float, setting: str) -> Self:
        """Return the bound of so many million bytes."""
        return cls(megabytes * 1e6, setting)

    def hold(self, size: int, provider: str) -> None:
        """
        Hold the *size* of a reply so far against the bound.

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
    """What aiohttp's `ClientResponse` and `DirectReply` share; it comes packed, as it was sent."""

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
    Return the body, unpacked.

    Raises:
        CutOff: It ends before its end.
        Unreadable: It is larger than *bound*, or packed in a way that was not asked for.
    """
    if "content-encoding" in response.headers:
        strain = Strain(scrubber)
        return b"".join([piece async for piece in pieces(response, bound, provider, strain)])
    first = await response.content.readany()
    if response.content.at_eof() and len(first) <= bound.most:
        return first  # all of it, as most often
    size, strain = len(first), Strain(scrubber)
    # Cleaned at once: this frame waits for the rest, and a verbose traceback would show it.
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
    Yield the body, unpacked, in whatever pieces the network makes of it.

    What came and what it unpacks to are held against *bound* one by one, so that neither a
    small body that unpacks to a large one nor one that unpacks to nothing goes on for ever.

    Args:
        response: Whose headers are there.
        bound: How much of it is read; beyond it the connection is closed.
        provider: Who is asked, for the errors.
        strain: Takes the endpoint's keys out, piece by piece.
        read: Bytes of it that were read already.

    Raises:
        CallError: As `whole`, and what aiohttp raises as what it means.
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
                    data = piece = strain.feed(piece)  # noqa: PLW2901 - no frame keeps it as it came
                    if piece:
                        yield piece
                bound.hold(packed, provider)
            if unpack is not None:
                unpack.end()
            if last := strain.end():
                yield last
        except CallError:
            # Who sends such a reply is not to be trusted with where the next one begins.
            response.close()
            raise
