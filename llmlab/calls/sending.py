"""Send one attempt and read what comes back, whole or in pieces."""

from typing import Final, TypeAlias

from llmlab.calls.context import CallContext
from llmlab.calls.echoes import clean, cleaned, echoes
from llmlab.calls.prepared import OnPiece, Prepared
from llmlab.errors import CallError
from llmlab.providers.adapter import Decoder
from llmlab.records import Answer
from llmlab.wire import Flow, Gate
from llmlab.wire.limiter import Start

Timed: TypeAlias = tuple[Answer, float, float, float | None]
"""An answer with its latency, and the seconds to its first byte and first piece of text."""

_OK: Final = 200


class Sending:
    """One attempt on the wire; `decoder` has what a stream brought, also when it broke."""

    __slots__ = ("_call", "_context", "_gate", "_on_piece", "_prepared", "decoder")

    def __init__(
        self, context: CallContext, prepared: Prepared, gate: Gate, *, on_piece: OnPiece | None
    ) -> None:
        self._context = context
        self._call = context.groups.marked(prepared, context.book)
        self._prepared = prepared
        self._gate = gate
        self._on_piece = on_piece
        self.decoder: Decoder | None = None

    async def answer(self, start: Start) -> Timed:
        """
        Send, read, decode; the reply's headers slow the gate if they say so.

        Raises:
            CallError: What the reply means, or why there was none.
        """
        scrubber = self._prepared.endpoint.scrubber
        try:
            timed = await (self._stream if self._prepared.request.stream else self._whole)(start)
        except CallError as error:
            cleaned(error, scrubber)
            raise
        return timed if not echoes(timed[0], scrubber) else (clean(timed[0], scrubber), *timed[1:])

    async def _whole(self, start: Start) -> Timed:
        prepared, context = self._prepared, self._context
        exchange = await context.session.send(self._call, prepared.endpoint)
        self._gate.heard(start, exchange.reply.headers, context.now())
        answer = prepared.adapter.read(exchange.reply, prepared.request)
        return answer, exchange.latency, exchange.ttfb, None

    async def _stream(self, start: Start) -> Timed:
        prepared, clock = self._prepared, self._context.clock
        began = clock()
        async with self._context.session.open(self._call, prepared.endpoint) as flow:
            self._gate.heard(start, flow.headers, self._context.now())
            if flow.status != _OK or _is_json(flow):
                reply = await flow.whole()
                answer = prepared.adapter.read(reply, prepared.request)
                return answer, clock() - began, flow.ttfb, None
            decoder = prepared.adapter.stream(prepared.request, flow.headers)
            self.decoder = decoder
            first = await self._drain(decoder, flow, began)
        return decoder.close(), clock() - began, flow.ttfb, first

    async def _drain(self, decoder: Decoder, flow: Flow, began: float) -> float | None:
        """Feed the decoder to the end of *flow*; return the seconds to the first content."""
        first = None
        try:
            async for chunk in flow.chunks():
                for piece in decoder.feed(chunk):
                    if first is None and piece.text:
                        first = self._context.clock() - began
                    if self._on_piece is not None:
                        self._on_piece(piece)
                if decoder.failed is not None:
                    break
        except CallError as error:
            if not decoder.ended:
                # The connection broke in mid-stream: what came is kept with the error.
                error.partial = decoder.text
                raise
        return first


def _is_json(flow: Flow) -> bool:
    """Say whether a reply to a streamed request is one document: the reply's type decides."""
    return flow.headers.get("content-type", "").startswith("application/json")
