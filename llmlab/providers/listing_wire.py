"""Lists of models on the wire, as providers, gateways and servers write them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec


class ListEntry(msgspec.Struct):
    """One model; a window and a longest answer have a name at each provider."""

    id: str | None = None
    name: str | None = None
    shutdown_date: str | int | None = None
    retires_at: str | int | None = None
    max_input_tokens: Any = None
    max_tokens: Any = None
    context_length: Any = None
    context_window: Any = None
    max_context_length: Any = None
    max_model_len: Any = None
    max_output_tokens: Any = None
    max_completion_tokens: Any = None


WINDOWS: Final = (
    "max_input_tokens",
    "context_length",  # OpenRouter, Together
    "context_window",  # Groq
    "max_context_length",  # Mistral
    "max_model_len",  # vLLM
)
OUTPUTS: Final = ("max_tokens", "max_output_tokens", "max_completion_tokens")


class ModelList(msgspec.Struct):
    """A list of models, or what a check of a key says instead of one."""

    data: Any = None
    models: list[ListEntry] | None = None
    version: str | None = None
    is_available: bool | None = None
    api_key_blocked: bool | None = None
    api_key_disabled: bool | None = None
    team_blocked: bool | None = None


def first_count(entry: ListEntry, names: Sequence[str]) -> int | None:
    """Return the first of the fields that is a count of tokens."""
    counts = (getattr(entry, name) for name in names)
    return next((each for each in counts if type(each) is int and each > 0), None)
