"""xAI: chat completions that count reasoning apart, and Responses with two searches."""

from typing import Final

from llmlab.providers.chat.completions import Chat
from llmlab.providers.profile import ProviderProfile
from llmlab.providers.responses.responses import Responses

HOME: Final = ProviderProfile(
    provider="xai",
    health="/api-key",
    count="/tokenize-text",
)
CHAT: Final = Chat(profile=HOME, reasoning_apart=True)
RESPONSES: Final = Responses(profile=HOME, system="message", searches=("web", "x"))
