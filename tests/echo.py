"""Servers that say back the key that they were sent, in every place where a reply has room."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote

HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c"
DOTTED = "a1b2.c3d4e5.f6a7b8.c9d0e1f2"
SHAPES = {
    "openai": "sk-proj-T3BlbkFJqQ8xV2mZ0aRk7LwYc5Hd1Ue9",
    "xai": "xai-Zx81QmPw44LkRvT0bNcYh72sDgJe5uAo",
    "hex": HEX,
    "dotted": DOTTED,
    "base64": "q8+Zk3/x0PT4yL7v+Wm2Jd9c/RbAe1fG==",
    "words": "correct-horse-battery-staple",
}


def traces(key: str) -> list[str]:
    """Return what must not be found of a key: itself, ways to write it, and most of its half."""
    coded = [base64.b64encode((" " * n + key).encode()).decode()[4:-4] for n in range(3)]
    half = len(key) // 2
    return [key, key[half:], key[: max(half, 12)], quote(key, safe=""), *coded]


@asynccontextmanager
async def echoing(reply: Callable[[str], bytes]) -> AsyncIterator[str]:
    """Serve what *reply* makes of a request's head; yield the address."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
        await reader.readexactly(length)
        writer.write(reply(head))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


def key_in(head: str) -> str:
    """Return the key that a request brought."""
    return head[head.lower().index("bearer ") + 7 :].split(maxsplit=1)[0]


def whole(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """Write a reply that ends its connection."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "connection: close", "", ""]).encode() + body


def answer(text: str) -> bytes:
    """Write an answer of chat completions."""
    return json.dumps(
        {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1",
            "choices": [{"index": 0, "finish_reason": "stop",
                         "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }
    ).encode()  # fmt: skip


def events(*texts: str) -> bytes:
    """Write an answer as a stream of chat completions."""
    lines = [
        json.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [
            {"index": 0, "delta": {"content": text}, "finish_reason": None}]})
        for text in texts
    ]  # fmt: skip
    end = json.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [
        {"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})  # fmt: skip
    return "".join(f"data: {line}\n\n" for line in [*lines, end, "[DONE]"]).encode()


def unicode_escapes(key: str) -> bytes:
    """Write a key as JSON that no search of bytes finds."""
    escaped = "".join(f"\\u{ord(each):04x}" for each in key)
    return answer("KEY").replace(b"KEY", escaped.encode())


def utf16(key: str) -> bytes:
    """Write a refusal in a charset of two bytes a letter."""
    return json.dumps({"error": {"message": f"no: {key}"}}).encode("utf-16")


ECHOES: dict[str, Callable[[str], bytes]] = {
    "answer": lambda key: whole(200, answer(f"Your key is {key}.")),
    "answer in base64": lambda key: whole(
        200, answer(base64.b64encode(f"Bearer {key}".encode()).decode())
    ),
    "answer in escapes": lambda key: whole(200, unicode_escapes(key)),
    "request id": lambda key: whole(200, answer("Yes."), f"x-request-id: req-{key}"),
    "refusal": lambda key: whole(401, json.dumps({"error": {"message": f"no: {key}"}}).encode()),
    "refusal with its id": lambda key: whole(400, b"{}", f"x-request-id: {key}"),
    "refusal as text": lambda key: whole(403, f"no: {key}".encode(), kind="text/plain"),
    "refusal as page": lambda key: whole(
        502, f"<title>{key}</title>".encode(), kind="text/html"
    ),
    "refusal in utf-16": lambda key: whole(400, utf16(key), kind="text/plain; charset=utf-16"),
    "no http": lambda key: f"Bearer {key}\r\n\r\n".encode(),
    "bad header": lambda key: f"HTTP/1.1 200 OK\r\nBearer {key}\r\n\r\n".encode(),
    "bad length": lambda key: f"HTTP/1.1 200 OK\r\ncontent-length: {key}\r\n\r\n".encode(),
    "cut in its headers": lambda key: f"HTTP/1.1 200 OK\r\nx-key: {key}\r\n".encode(),
    "cut in its body": lambda key: whole(200, answer(key))[:-40],
    "redirect": lambda key: whole(307, b"", f"location: http://127.0.0.1:9/{key}"),
}  # fmt: skip
