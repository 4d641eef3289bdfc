"""OpenAI: chat completions and Responses."""

from typing import Final

from llmlab.providers.chat import Chat
from llmlab.providers.home import Home
from llmlab.providers.responses import Responses

HOME: Final = Home(
    provider="openai",
    default_base="https://api.openai.com/v1",
    base_env="OPENAI_BASE_URL",
    key_env=("OPENAI_API_KEY",),
    key_shape=r"sk-(?!ant-)[A-Za-z0-9_-]{16,}",
    key_hint="sk-proj-..., from platform.openai.com/api-keys",
    count="/responses/input_tokens",
)
CHAT: Final = Chat(home=HOME, limit_name="max_completion_tokens")
RESPONSES: Final = Responses(home=HOME)
