"""The embedded model: llama.cpp's own server, which speaks chat completions."""

from typing import Final

from llmlab.providers.chat import Chat
from llmlab.providers.home import Home

HOME: Final = Home(
    provider="local",
    default_base="http://127.0.0.1:8080/v1",
    base_env="LLMLAB_LOCAL_URL",
    key_hint="the embedded server makes its own key",
    count="/chat/completions/input_tokens",
)
CHAT: Final = Chat(home=HOME, thinking="template")
