"""The reference: what a careful person writes with aiohttp and orjson, and no more."""

from time import perf_counter

import aiohttp
import orjson

from benchmarks.ways.awaited import Awaited, body_of

HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-benchmark-0123456789"}


class Reference(Awaited):
    """One session with as many connections as are needed; text and usage are read, nothing kept."""

    async def open(self) -> None:
        """Make the session."""
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(connector=connector, headers=HEADERS)

    async def one(self, number: int) -> float | None:
        """Send, decode, look."""
        body = orjson.dumps(body_of(number))
        async with self.session.post(f"{self.url}/chat/completions", data=body) as response:
            response.raise_for_status()
            answer = orjson.loads(await response.read())
        assert answer["choices"][0]["message"]["content"]
        assert answer["usage"]["completion_tokens"]
        return None

    async def shut(self) -> None:
        """Close the session."""
        await self.session.close()


class Lines(Reference):
    """A stream read line by line, as aiohttp's own documentation does it."""

    async def one(self, number: int) -> float | None:
        """Decode every event; note when the first words came."""
        first, words, tokens = None, [], 0
        body = orjson.dumps({**body_of(number), **STREAMED})
        async with self.session.post(f"{self.url}/chat/completions", data=body) as response:
            async for line in response.content:
                if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                    continue
                piece = orjson.loads(line[6:])
                if piece["usage"]:
                    tokens = piece["usage"]["completion_tokens"]
                for choice in piece["choices"]:
                    if text := choice["delta"].get("content"):
                        first = first or perf_counter()
                        words.append(text)
        assert len(words) == tokens, (len(words), tokens)
        return first


class Pieces(Reference):
    """A stream read in whatever pieces come, and split by hand: the leanest with aiohttp."""

    async def one(self, number: int) -> float | None:
        """Decode every event; note when the first words came."""
        first, words, rest, tokens = None, [], b"", 0
        body = orjson.dumps({**body_of(number), **STREAMED})
        async with self.session.post(f"{self.url}/chat/completions", data=body) as response:
            async for data in response.content.iter_any():
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    if event == b"data: [DONE]":
                        continue
                    piece = orjson.loads(event[6:])
                    if piece["usage"]:
                        tokens = piece["usage"]["completion_tokens"]
                    for choice in piece["choices"]:
                        if text := choice["delta"].get("content"):
                            first = first or perf_counter()
                            words.append(text)
        assert len(words) == tokens, (len(words), tokens)
        return first


STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
