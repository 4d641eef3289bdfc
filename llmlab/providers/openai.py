"""OpenAI: chat completions and Responses."""

from typing import Final

from llmlab.providers.chat.completions import Chat
from llmlab.providers.profile import ProviderProfile
from llmlab.providers.responses.responses import Responses

HOME: Final = ProviderProfile(
    provider="openai",
    count="/responses/input_tokens",
    standard=("service_tier", "default"),
    cache_field="prompt_cache_key",
)
CHAT: Final = Chat(profile=HOME, limit_name="max_completion_tokens")
RESPONSES: Final = Responses(profile=HOME)
