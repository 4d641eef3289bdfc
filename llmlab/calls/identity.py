"""
Cache keys of calls: a hash of who answers, the exact words and parameters, and the draw.

A draw is a repeat and, among equal calls of one run, an occurrence (`runs.twins`). It is
written `2` for repeat 2 of the first occurrence and `2+1` for repeat 2 of the second, so that
neither more repeats nor more equal inputs ever change the key of an answer.
"""

import hashlib
from dataclasses import fields
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from llmlab.book.stored import decoded
from llmlab.providers.believed import NOTHING, all_can_be, what_cannot_be
from llmlab.records import Answer, HttpCall, Parameters, Request
from llmlab.wire import Endpoint

_ENCODER = msgspec.json.Encoder()
_SORTED = msgspec.json.Encoder(order="deterministic", enc_hook=dict)
_DECODER = msgspec.json.Decoder(Answer)

_ASKED = tuple(item.name for item in fields(Parameters) if item.name not in {"context", "cache"})
_asked = attrgetter(*_ASKED)


def key_of(
    call: HttpCall, endpoint: Endpoint, *, path: str, repeat: int, occurrence: int = 0
) -> str:
    """
    Cache key of a call in the book: 64 hex digits of SHA-256.

    API keys, headers, ports and positions in a list are not part of it. Who answers is, so that
    an answer of a stand-in is never taken for one of the model.
    """
    draw = f"{repeat}+{occurrence}" if occurrence else str(repeat)
    asked = call.asked or call.body
    words = b"\0".join([endpoint.identity.encode(), path.encode(), asked, draw.encode()])
    return hashlib.sha256(words).hexdigest()


def pack(answer: Answer) -> bytes:
    """Return *answer* as the JSON that the book stores."""
    return _ENCODER.encode(answer)


def recall(stored: bytes) -> Answer:
    """
    Read what `pack` wrote, marked as one of the book; impossible counts are dropped.

    Raises:
        BookError: The stored JSON is damaged.
    """
    answer = decoded(_DECODER.decode, stored, "an answer")
    if all_can_be(answer.usage, answer.billed):
        return replace(answer, from_book=True)
    odd = what_cannot_be(answer.usage, answer.billed, answer.request_id)
    return replace(
        answer,
        usage=NOTHING,
        billed=None,
        cost=None,
        warnings=(*answer.warnings, odd),
        from_book=True,
    )


def content_of(request: Request) -> str:
    """
    Key of a question: what is asked of which model, whoever answers; 64 hex digits of SHA-256.

    A tape is searched by it, where the endpoint is not known. The provider's format is not part
    of it, so that a tape stays valid when llmlab writes requests differently; nor is the
    context window that a server was given, nor whether it was to keep the prompt's beginning.
    """
    values = zip(_ASKED, _asked(request.parameters), strict=True)
    given = {name: value for name, value in values if value is not None and value != ()}
    if given.get("tier") == "default":
        del given["tier"]  # what None asks for, too
    asked: dict[str, object] = {
        "model": request.name,
        "api": request.api,
        "system": request.prompt.system or "",
        "user": request.prompt.user,
        "parameters": given,
        "repeat": request.repeat,
    }
    if request.prompt.turns:
        asked["turns"] = request.prompt.turns
    if request.prompt.attachments:
        asked["attachments"] = [each.digest for each in request.prompt.attachments]
    if request.occurrence:
        asked["occurrence"] = request.occurrence
    return hashlib.sha256(_SORTED.encode(asked)).hexdigest()
