"""
Prompt caching on purpose: where the part ends that inputs share, and what it is called.

Anthropic keeps what comes before a mark (`cache_control`) for five minutes, OpenAI sends requests
of one `prompt_cache_key` to the same machines. Neither changes what is asked: an answer keeps its
name in the book. The others keep beginnings by themselves, and are sent nothing.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from llmlab.records import Prompt, Request

MARK: Final = {"cache_control": {"type": "ephemeral"}}

_MINIMUM: Final = (
    (re.compile(r"claude-(opus-4-[567]|haiku-4-5)"), 4096),
    (re.compile(r"claude-sonnet-4-6"), 2048),
    (re.compile(r""), 1024),
)
"""
Tokens from which a beginning is kept, by model: Anthropic and OpenAI, Prompt caching (2026).

Of claude-sonnet-4-6 the page says 1,024 and a report to its SDK (issue 1194) measured 2,048; for
models after claude-opus-4-8 nothing was found, and 1,024 is taken.
"""


def cache_minimum(model: str) -> int:
    """Return the tokens from which a model's provider keeps the beginning of a prompt."""
    return next(tokens for pattern, tokens in _MINIMUM if pattern.match(model))


def shared_words(prompt: Prompt) -> str:
    """Return the words at the start of *prompt* that all inputs of its template share."""
    if prompt.shared < 0:
        return ""
    # Images come before the text of the last message, and differ by input.
    last = "" if prompt.attachments else prompt.user[: prompt.shared]
    return "".join([*prompt.texts[:-1], last])


def cache_key_of(request: Request) -> str:
    """
    Return a name for what is shared, the same for all calls of an arm; empty for nothing.

    All messages of a conversation have one name, though each shares more than the one before:
    requests of another name may go to a machine that has none of it.
    """
    words = _first_words(request.prompt)
    if not words.strip():
        return ""
    return "llmlab-" + hashlib.sha256(f"{request.model}\0{words}".encode()).hexdigest()[:32]


def _first_words(prompt: Prompt) -> str:
    if prompt.shared < 0 or not prompt.turns:
        return shared_words(prompt)
    return f"{prompt.system or ''}{prompt.turns[0].text}"


def marked(body: Mapping[str, Any], prompt: Prompt) -> dict[str, Any] | None:
    """Return a body of Anthropic's with the mark where the shared part ends; None without one."""
    if prompt.shared < 0:
        return None
    messages = list(body["messages"])
    if prompt.user[: prompt.shared].strip() and not prompt.attachments:
        messages[-1] = {**messages[-1], "content": _split(prompt)}
    elif len(messages) > 1 and isinstance(messages[-2]["content"], str):
        messages[-2] = {**messages[-2], "content": [_block(messages[-2]["content"], MARK)]}
    elif isinstance(body.get("system"), str):
        return {**body, "system": [_block(body["system"], MARK)]}
    else:
        return None
    return {**body, "messages": messages}


def _split(prompt: Prompt) -> list[dict[str, Any]]:
    head, tail = prompt.user[: prompt.shared], prompt.user[prompt.shared :]
    if not tail.strip():  # a block of spaces is refused
        return [_block(prompt.user, MARK)]
    return [_block(head, MARK), _block(tail, {})]


def _block(text: str, mark: Mapping[str, object]) -> dict[str, Any]:
    return {"type": "text", "text": text, **mark}
