"""In: an `HttpCall`. Out: an `HttpReply`, or its bytes as they come. The only socket of a lab."""

from llmlab.wire.brake import Brake, RunStopped
from llmlab.wire.channel import Channel
from llmlab.wire.endpoint import Endpoint
from llmlab.wire.engine import Engine
from llmlab.wire.gate import Gate, Gates
from llmlab.wire.session import Exchange, Flow, Session

__all__ = [
    "Brake",
    "Channel",
    "Endpoint",
    "Engine",
    "Exchange",
    "Flow",
    "Gate",
    "Gates",
    "RunStopped",
    "Session",
]  # fmt: skip
