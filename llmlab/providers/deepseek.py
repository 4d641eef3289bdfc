"""DeepSeek: chat completions with `thinking`, and Responses."""

from typing import Final

from llmlab.providers.chat import Chat
from llmlab.providers.home import Home
from llmlab.providers.responses import Responses

HOME: Final = Home(
    provider="deepseek",
    default_base="https://api.deepseek.com",
    base_env="DEEPSEEK_BASE_URL",
    key_env=("DEEPSEEK_API_KEY",),
    key_shape=r"sk-[0-9a-f]{32}",
    key_hint="sk- and 32 hexadecimal digits, from platform.deepseek.com/api_keys",
    health="/user/balance",
)
CHAT: Final = Chat(home=HOME, thinking="type", schema="json-mode")
RESPONSES: Final = Responses(home=HOME, system="message", searches=("web",), switch=False)
