"""Note on a reply what its call used, for the log and the rate limit."""

from dataclasses import replace
from decimal import Decimal

from llmlab.sim.authors.author import Asked, Written
from llmlab.sim.call import Reply
from llmlab.sim.models import SimulatedModel


def settled(
    reply: Reply,
    asked: Asked,
    written: Written,
    model: SimulatedModel,
    billed: Decimal | None = None,
) -> Reply:
    """Return the reply with model, user text, tokens and charge noted."""
    tokens = written.input_tokens + written.output_tokens
    return replace(reply, model=model.id, user=asked.user, tokens=tokens, billed=billed)
