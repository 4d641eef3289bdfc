"""The embedded model: llama.cpp's own server, which speaks chat completions."""

from typing import Final

from llmlab.providers.chat import Chat
from llmlab.providers.home import Home

HOME: Final = Home(
    provider="local",
    count="/chat/completions/input_tokens",
)
CHAT: Final = Chat(home=HOME, thinking="template")
