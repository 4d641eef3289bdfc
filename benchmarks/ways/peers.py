"""
Other clients, each with its defaults, as its documentation shows it; only retries are off.

They are imported by name, for they live in an environment of their own: `make bench-peers`.
"""

from importlib import import_module
from typing import Any

from benchmarks.server import MODEL
from benchmarks.ways.awaited import Awaited, body_of, words_of

KEY = "sk-benchmark-0123456789"


class OpenAI(Awaited):
    """The openai SDK as installed."""

    async def open(self) -> None:
        """Make the client, without retries so that no error hides."""
        self.client: Any = import_module("openai").AsyncOpenAI(
            api_key=KEY, base_url=self.url, max_retries=0, timeout=120.0
        )

    async def one(self, number: int) -> float | None:
        """Complete a chat."""
        answer = await self.client.chat.completions.create(**body_of(number))
        assert answer.choices[0].message.content
        assert answer.usage.completion_tokens
        return None

    async def shut(self) -> None:
        """Close the client."""
        await self.client.close()


class OpenAIOnAiohttp(OpenAI):
    """The openai SDK with its aiohttp backend."""

    async def open(self) -> None:
        """Make the client over `DefaultAioHttpClient`, without retries."""
        sdk: Any = import_module("openai")
        http = sdk.DefaultAioHttpClient(timeout=120.0)
        self.client = sdk.AsyncOpenAI(
            api_key=KEY, base_url=self.url, max_retries=0, http_client=http
        )


class LiteLLM(Awaited):
    """litellm, by its function."""

    async def open(self) -> None:
        """Import it; it keeps clients of its own."""
        self.litellm: Any = import_module("litellm")

    async def one(self, number: int) -> float | None:
        """Complete a chat."""
        answer = await self.litellm.acompletion(
            **{**body_of(number), "model": f"openai/{MODEL}"},
            api_key=KEY,
            api_base=self.url,
            num_retries=0,
            timeout=120,
        )
        assert answer.choices[0].message.content
        assert answer.usage.completion_tokens
        return None

    async def shut(self) -> None:
        """Nothing is ours to close."""


class LangChain(Awaited):
    """langchain-openai's chat model."""

    async def open(self) -> None:
        """Make the model, without retries."""
        self.model: Any = import_module("langchain_openai").ChatOpenAI(
            model=MODEL, api_key=KEY, base_url=self.url, max_retries=0, max_tokens=512, timeout=120
        )

    async def one(self, number: int) -> float | None:
        """Invoke the model."""
        answer = await self.model.ainvoke(words_of(number))
        assert answer.content
        assert answer.usage_metadata["output_tokens"]
        return None

    async def shut(self) -> None:
        """Nothing is ours to close."""
