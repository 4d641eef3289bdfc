"""Stream decoder, the part that all wire formats share: events, end and failure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from llmlab.errors import CallError, CutOff, Unreadable
from llmlab.providers.believed import believed
from llmlab.providers.failures import request_id_of
from llmlab.providers.response_builder import ResponseBuilder
from llmlab.providers.sse import Event
from llmlab.records import Answer, Piece, Usage


class Events(Protocol):
    """Cuts bytes into events: `Sse` or `Ndjson`."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that *chunk* completes."""
        ...

    def rest(self) -> list[Event]:
        """Return the event that only the end of the stream completes."""
        ...


class StreamReading(Protocol):
    """Reads the events of one wire format."""

    builder: ResponseBuilder
    ended: bool

    def take(self, event: Event) -> Piece | None:
        """Take one event; raise the `CallError` it carries."""
        ...

    def whole(self) -> bool:
        """Return whether the end of the answer was seen."""
        ...

    def answer(self, request_id: str | None) -> Answer:
        """Return the answer of a whole stream, or raise the error it ended in."""
        ...


@dataclass(slots=True, kw_only=True)
class Stream:
    """A `Decoder` made of a way to cut bytes and a way to read events."""

    provider: str
    reading: StreamReading
    events: Events
    headers: Mapping[str, str] = field(default_factory=dict)
    failed: CallError | None = None
    """The error that the stream carried, with the text that came before it."""

    @property
    def text(self) -> str:
        """Return what the model has said so far."""
        return self.reading.builder.text

    @property
    def usage(self) -> Usage:
        """Return the tokens known so far."""
        return believed(self.reading.builder.usage)

    @property
    def ended(self) -> bool:
        """Return whether the terminal marker has come."""
        return self.reading.ended

    def feed(self, chunk: bytes) -> list[Piece]:
        """Take the next bytes; never raise, `failed` tells."""
        return self._take(self.events.feed(chunk))

    def close(self) -> Answer:
        """Return the answer; raise the stream's own error, or `CutOff` if it has no end."""
        if not self.ended and self.failed is None:
            self._take(self.events.rest(), last=True)
        if self.failed is None and not self.reading.whole():
            self.failed = self._placed(CutOff(self._cut_off()))
        if self.failed is not None:
            raise self.failed
        try:
            return self.reading.answer(request_id_of(self.headers))
        except CallError as error:
            self.failed = self._placed(error)
            raise

    def _take(self, events: list[Event], *, last: bool = False) -> list[Piece]:
        pieces: list[Piece] = []
        reading = self.reading
        for event in events:
            if reading.ended or self.failed is not None:
                break
            try:
                piece = reading.take(event)
            except CallError as error:
                # The last event may have broken off inside: that is a cut, not a bad reply.
                if not (last and isinstance(error, Unreadable)):
                    self.failed = self._placed(error)
                break
            if piece is not None:
                pieces.append(piece)
        return pieces

    def _placed(self, error: CallError) -> CallError:
        error.provider = self.provider
        error.partial = error.partial or self.text
        error.status = error.status or 200
        error.request_id = (
            request_id_of(self.headers) or error.request_id or self.reading.builder.id
        )
        return error

    def _cut_off(self) -> str:
        said = f"after {len(self.text)} characters" if self.text else "before any text"
        return f"{self.provider}: the stream broke off {said}"
