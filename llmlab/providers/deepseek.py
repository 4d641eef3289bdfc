"""DeepSeek: chat completions with `thinking`, and Responses."""

from typing import Final

from llmlab.providers.chat.completions import Chat
from llmlab.providers.profile import ProviderProfile
from llmlab.providers.responses.responses import Responses

HOME: Final = ProviderProfile(
    provider="deepseek",
    health="/user/balance",
)
CHAT: Final = Chat(profile=HOME, thinking="type", schema="json-mode")
RESPONSES: Final = Responses(profile=HOME, system="message", searches=("web",), switch=False)
