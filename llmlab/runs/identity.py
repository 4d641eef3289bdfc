"""Identity is content: who answers, the exact words and parameters, the number of the repeat."""

import hashlib
from dataclasses import replace

import msgspec

from llmlab.records import Answer, HttpCall
from llmlab.wire import Endpoint

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Answer)


def key_of(call: HttpCall, endpoint: Endpoint, *, path: str, repeat: int) -> str:
    """
    Name a call for the book: 64 hex digits of SHA-256.

    Keys, headers, ports and positions in a list stay out. Who answers is in, so that the
    words of a stand-in are never taken for those of the model.
    """
    words = b"\0".join([endpoint.identity.encode(), path.encode(), call.body, str(repeat).encode()])
    return hashlib.sha256(words).hexdigest()


def pack(answer: Answer) -> bytes:
    """Write *answer* as the JSON that the book keeps."""
    return _ENCODER.encode(answer)


def recall(stored: bytes) -> Answer:
    """Read what `pack` wrote, marked as the book's."""
    return replace(_DECODER.decode(stored), from_book=True)
