"""Server-sent events out of bytes that may be cut anywhere."""

from dataclasses import dataclass, field
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its `event:` name and its `data:` lines joined by a line feed."""

    name: str
    data: bytes


@dataclass(slots=True)
class Lines:
    """
    Cut bytes into lines that end with LF, CRLF or CR, whatever the size of the pieces.

    A line is handed on when its end has come. A CR at the end of a piece ends its line at
    once; an LF that opens the next piece then belongs to it and is dropped.
    """

    _parts: list[bytes] = field(default_factory=list)
    _after_cr: bool = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that *chunk* completes, without their ends."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        # bytes.splitlines cuts at LF, CR and CRLF only, unlike str.splitlines.
        lines = chunk.splitlines()
        whole = chunk.endswith((b"\n", b"\r"))
        # Parts are joined once a line: appending to a long line piece by piece would copy it
        # again each time.
        self._parts.append(lines[0])
        if len(lines) > 1 or whole:
            lines[0] = b"".join(self._parts)
            self._parts = [] if whole else [lines.pop()]
            return lines
        return []

    def rest(self) -> bytes:
        """Return what came after the last line's end."""
        return b"".join(self._parts)


@dataclass(slots=True)
class Sse:
    """
    Make events of bytes (WHATWG HTML, "Server-sent events").

    Comments and unknown fields are skipped. Unlike a browser, an event that the end of the
    stream leaves without its empty line is kept: `rest` returns it, whole JSON or not.
    """

    _lines: Lines = field(default_factory=Lines)
    _name: str = ""
    _data: list[bytes] = field(default_factory=list)
    _started: bool = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that *chunk* completes."""
        return self._events(self._lines.feed(chunk))

    def rest(self) -> list[Event]:
        """Return the event that the end of the stream completes, if any."""
        return self._events([self._lines.rest(), b""])

    def _events(self, lines: list[bytes]) -> list[Event]:
        if not self._started and lines:
            lines[0], self._started = lines[0].removeprefix(_BOM), True
        events = []
        for line in lines:
            if line:
                self._note(line)
                continue
            name, data = self._name, self._data
            if data:
                events.append(Event(name, data[0] if len(data) == 1 else b"\n".join(data)))
                self._data = []
            self._name = ""
        return events

    def _note(self, line: bytes) -> None:
        if line.startswith(b"data: "):  # as everybody writes it
            self._data.append(line[6:])
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._name = value.decode(errors="replace")
        elif name == b"error" and value.startswith(b"{"):
            # llama.cpp's server: an error has a field of its own, and no data.
            self._data.append(b'{"error":%b}' % value)
