"""One JSON document a line, out of bytes that may be cut anywhere."""

from dataclasses import dataclass, field

from llmlab.providers.sse import Event, Lines


@dataclass(slots=True)
class Ndjson:
    """Make events of lines; the last may lack its line feed."""

    _lines: Lines = field(default_factory=Lines)

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the documents that *chunk* completes; empty lines are skipped."""
        return [Event("", line) for line in self._lines.feed(chunk) if line.strip()]

    def rest(self) -> list[Event]:
        """Return the document that the end of the stream completes, if any."""
        line = self._lines.rest()
        return [Event("", line)] if line.strip() else []
