"""A question on the engine's thread, its pieces passed on to whatever loop asked."""

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeAlias

from llmlab.calls.caller import OnPiece
from llmlab.errors import Closed
from llmlab.records import Answer, Piece
from llmlab.wire import Channel
from llmlab.wire.engine import Engine
from llmlab.wire.loop_bridge import CLOSED

Asking: TypeAlias = Callable[[OnPiece], Coroutine[Any, Any, Answer]]
"""Asks, and calls what it is given for each piece that arrives."""


async def streamed(engine: Engine, ask: Asking) -> AsyncGenerator[Piece, None]:
    """
    Yield the pieces of an answer as they arrive; the last one has the whole `answer`.

    Raises:
        CallError: The call failed; `partial` has the text received so far.
        Closed: The lab was closed meanwhile.
    """
    pieces: Channel[Piece] = Channel()
    future: concurrent.futures.Future[Answer] = engine.submit(ask(pieces.put))
    future.add_done_callback(lambda _: pieces.end())
    try:
        async for come in pieces:
            for piece in come:
                yield piece
        if future.cancelled():
            raise Closed(CLOSED)
        whole: Answer = await asyncio.wrap_future(future)
        yield Piece(answer=whole)
    finally:
        future.cancel()
