"""xAI: chat completions that count reasoning apart, and Responses with two searches."""

from typing import Final

from llmlab.providers.chat import Chat
from llmlab.providers.home import Home
from llmlab.providers.responses import Responses

HOME: Final = Home(
    provider="xai",
    default_base="https://api.x.ai/v1",
    base_env="XAI_BASE_URL",
    key_env=("XAI_API_KEY", "XAI_BEARER_API_KEY"),
    key_shape=r"xai-[A-Za-z0-9_-]{16,}",
    key_hint="xai-..., from console.x.ai",
    health="/api-key",
    count="/tokenize-text",
)
CHAT: Final = Chat(home=HOME, reasoning_apart=True)
RESPONSES: Final = Responses(home=HOME, system="message", searches=("web", "x"))
