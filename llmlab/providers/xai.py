"""xAI: chat completions that count reasoning apart, and Responses with two searches."""

from typing import Final

from llmlab.providers.chat import Chat
from llmlab.providers.home import Home
from llmlab.providers.responses import Responses

HOME: Final = Home(
    provider="xai",
    health="/api-key",
    count="/tokenize-text",
)
CHAT: Final = Chat(home=HOME, reasoning_apart=True)
RESPONSES: Final = Responses(home=HOME, system="message", searches=("web", "x"))
