"""Batch endpoints by provider and API: OpenAI, Anthropic and xAI."""

from collections.abc import Mapping
from typing import Final

from llmlab.providers import openai, xai
from llmlab.providers.anthropic import messages as anthropic
from llmlab.providers.batch import anthropic as anthropic_batch
from llmlab.providers.batch import openai as openai_batch
from llmlab.providers.batch import xai as xai_batch
from llmlab.providers.batch.shapes import (
    UNREAD,
    BatchPart,
    BatchRequest,
    BatchState,
    BatchWay,
    ListedBatch,
    Result,
)
from llmlab.records import Api

__all__ = [
    "UNREAD",
    "BatchPart",
    "BatchRequest",
    "BatchState",
    "BatchWay",
    "ListedBatch",
    "Result",
    "way_of",
]

_OPENAI: Final = openai_batch.OpenAIBatch(profile=openai.HOME)
_WAYS: Final[Mapping[tuple[str, Api], tuple[BatchWay, str]]] = {
    ("openai", "chat"): (_OPENAI, "/chat/completions"),
    ("openai", "responses"): (_OPENAI, "/responses"),
    ("anthropic", "messages"): (
        anthropic_batch.AnthropicBatch(profile=anthropic.HOME),
        "/v1/messages",
    ),
    ("xai", "chat"): (xai_batch.XaiBatch(profile=xai.HOME), "/chat/completions"),
}


def way_of(provider: str, api: Api) -> tuple[BatchWay, str] | None:
    """Return how *provider* takes batches of *api*, and the path of one call; None: it does not."""
    return _WAYS.get((provider, api))
