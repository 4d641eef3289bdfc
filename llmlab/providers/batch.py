"""Who takes batches, of which API: OpenAI, Anthropic and xAI, each in its own way."""

from collections.abc import Mapping
from typing import Final

from llmlab.providers import anthropic, anthropic_batch, openai, openai_batch, xai, xai_batch
from llmlab.providers.batching import UNREAD, BatchState, BatchWay, Item, Listed, Part, Result
from llmlab.records import Api

__all__ = ["UNREAD", "BatchState", "BatchWay", "Item", "Listed", "Part", "Result", "way_of"]

_OPENAI: Final = openai_batch.OpenAIBatch(home=openai.HOME)
_WAYS: Final[Mapping[tuple[str, Api], tuple[BatchWay, str]]] = {
    ("openai", "chat"): (_OPENAI, "/chat/completions"),
    ("openai", "responses"): (_OPENAI, "/responses"),
    ("anthropic", "messages"): (
        anthropic_batch.AnthropicBatch(home=anthropic.HOME),
        "/v1/messages",
    ),
    ("xai", "chat"): (xai_batch.XaiBatch(home=xai.HOME), "/chat/completions"),
}


def way_of(provider: str, api: Api) -> tuple[BatchWay, str] | None:
    """Return how *provider* takes batches of *api*, and the path of one call; None: it does not."""
    return _WAYS.get((provider, api))
