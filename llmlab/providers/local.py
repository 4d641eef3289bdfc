"""The embedded model: llama.cpp's own server, which speaks chat completions."""

from typing import Final

from llmlab.providers.chat.completions import Chat
from llmlab.providers.profile import ProviderProfile

HOME: Final = ProviderProfile(
    provider="local",
    count="/chat/completions/input_tokens",
)
CHAT: Final = Chat(profile=HOME, thinking="template")
