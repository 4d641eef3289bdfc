"""OpenAI: chat completions and Responses."""

from typing import Final

from llmlab.providers.chat import Chat
from llmlab.providers.home import Home
from llmlab.providers.responses import Responses

HOME: Final = Home(
    provider="openai",
    count="/responses/input_tokens",
)
CHAT: Final = Chat(home=HOME, limit_name="max_completion_tokens")
RESPONSES: Final = Responses(home=HOME)
