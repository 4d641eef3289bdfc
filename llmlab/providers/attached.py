"""
The attachments of a prompt in each API's words: the files first, then the text.

A prompt without any is its text alone, as it always was.
"""

from base64 import b64encode
from typing import Any, Final

from llmlab.records import Attachment, Prompt

_PDF: Final = "application/pdf"


def base64_of(attachment: Attachment) -> str:
    """Return the bytes as base64."""
    return b64encode(attachment.data).decode("ascii")


def chat_content(prompt: Prompt) -> str | list[dict[str, Any]]:
    """Return the content of a user's message in chat completions."""
    if not prompt.attachments:
        return prompt.user
    parts = [_chat_part(at, each) for at, each in enumerate(prompt.attachments, start=1)]
    return [*parts, {"type": "text", "text": prompt.user}]


def responses_content(prompt: Prompt) -> str | list[dict[str, Any]]:
    """Return the content of a user's message in Responses."""
    if not prompt.attachments:
        return prompt.user
    parts = [_responses_part(at, each) for at, each in enumerate(prompt.attachments, start=1)]
    return [*parts, {"type": "input_text", "text": prompt.user}]


def messages_content(prompt: Prompt) -> str | list[dict[str, Any]]:
    """Return the content of a user's message in Anthropic's Messages API."""
    if not prompt.attachments:
        return prompt.user
    return [*map(_messages_block, prompt.attachments), {"type": "text", "text": prompt.user}]


def images_of(prompt: Prompt) -> dict[str, list[str]]:
    """Return the field that Ollama reads images from, empty where there are none."""
    return {"images": [*map(base64_of, prompt.attachments)]} if prompt.attachments else {}


def _chat_part(number: int, each: Attachment) -> dict[str, Any]:
    if each.media_type == _PDF:
        return {"type": "file", "file": _file(number, each)}
    return {"type": "image_url", "image_url": {"url": _data_url(each)}}


def _responses_part(number: int, each: Attachment) -> dict[str, Any]:
    if each.media_type == _PDF:
        return {"type": "input_file", **_file(number, each)}
    return {"type": "input_image", "image_url": _data_url(each)}


def _messages_block(each: Attachment) -> dict[str, Any]:
    source = {"type": "base64", "media_type": each.media_type, "data": base64_of(each)}
    return {"type": "document" if each.media_type == _PDF else "image", "source": source}


def _file(number: int, each: Attachment) -> dict[str, str]:
    # The name is by place, not the slot's: what a slot is called is no part of the question.
    return {"filename": f"file-{number}.pdf", "file_data": _data_url(each)}


def _data_url(each: Attachment) -> str:
    return f"data:{each.media_type};base64,{base64_of(each)}"
