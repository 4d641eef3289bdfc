"""Stream formats: server-sent events with or without `event:` lines, and NDJSON."""

import re
from collections.abc import Iterable, Iterator

from llmlab.sim.call import NDJSON, SSE, Json, Reply, dump

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"


def words(text: str) -> Iterator[str]:
    """Split text into pieces of one word each; joined they give the text again."""
    yield from re.findall(r"\s*\S+|\s+$", text)


def data(body: object) -> bytes:
    """Return one event as chat completions write it: only a `data:` line."""
    return b"data: " + dump(body) + b"\n\n"


def event(body: Json) -> bytes:
    """Return one event as Anthropic and Responses write it: with its type as `event:` too."""
    return f"event: {body['type']}\n".encode() + data(body)


def numbered(bodies: Iterable[Json]) -> Iterator[bytes]:
    """Yield Responses events with a rising `sequence_number`."""
    for number, body in enumerate(bodies):
        yield event({**body, "sequence_number": number})


def sse(chunks: Iterable[bytes]) -> Reply:
    """Return a reply of server-sent events."""
    return Reply(chunks=tuple(chunks), content_type=SSE)


def ndjson(lines: Iterable[Json]) -> Reply:
    """Return a reply of one JSON document per line."""
    return Reply(chunks=tuple(dump(line) + b"\n" for line in lines), content_type=NDJSON)
