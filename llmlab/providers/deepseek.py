"""DeepSeek: chat completions with `thinking`, and Responses."""

from typing import Final

from llmlab.providers.chat import Chat
from llmlab.providers.home import Home
from llmlab.providers.responses import Responses

HOME: Final = Home(
    provider="deepseek",
    health="/user/balance",
)
CHAT: Final = Chat(home=HOME, thinking="type", schema="json-mode")
RESPONSES: Final = Responses(home=HOME, system="message", searches=("web",), switch=False)
