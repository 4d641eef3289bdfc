"""An Ollama server's models: those pulled, their details, and those loaded now."""

from dataclasses import dataclass
from typing import Any

import msgspec

from llmlab.providers.decoding import decode
from llmlab.providers.ollama.api import HOME
from llmlab.records import HttpCall, HttpReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One pulled model."""

    name: str
    digest: str = ""
    size: int | None = None
    """Bytes on disk."""
    parameter_size: str = ""
    quantization: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDetails:
    """What `/api/show` tells of a model."""

    context: int | None
    """Tokens it was trained for; what is allocated is another number, see `Loaded`."""
    capabilities: tuple[str, ...] = ()
    parameter_size: str = ""
    quantization: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model in memory."""

    name: str
    context: int | None
    """Tokens of context really allocated."""
    size: int | None = None
    size_vram: int | None = None


class _Details(msgspec.Struct):
    parameter_size: str | None = None
    quantization_level: str | None = None


class _Model(msgspec.Struct):
    name: str
    digest: str | None = None
    size: int | None = None
    size_vram: int | None = None
    context_length: int | None = None
    details: _Details | None = None


class _Models(msgspec.Struct):
    models: list[_Model]


class _Show(msgspec.Struct):
    model_info: dict[str, Any]
    details: _Details | None = None
    capabilities: list[str] | None = None


def tags_call(base_url: str = "") -> HttpCall:
    """Return the call for the pulled models."""
    return HOME.call(base_url, "/api/tags")


def read_tags(reply: HttpReply) -> tuple[Tag, ...]:
    """Return the pulled models; raise the `CallError` that the reply means."""
    return tuple(
        Tag(
            name=model.name,
            digest=model.digest or "",
            size=model.size,
            parameter_size=_details(model.details).parameter_size or "",
            quantization=_details(model.details).quantization_level or "",
        )
        for model in decode(reply, _Models, HOME.provider).models
    )


def show_call(model: str, base_url: str = "") -> HttpCall:
    """Return the call for what is known of *model*."""
    return HOME.call(base_url, "/api/show", {"model": model})


def read_show(reply: HttpReply) -> ModelDetails:
    """Return what is known of a model; raise the `CallError` that the reply means."""
    shown = decode(reply, _Show, HOME.provider)
    family = shown.model_info.get("general.architecture")
    context = shown.model_info.get(f"{family}.context_length")
    return ModelDetails(
        context=context if isinstance(context, int) else None,
        capabilities=tuple(shown.capabilities or ()),
        parameter_size=_details(shown.details).parameter_size or "",
        quantization=_details(shown.details).quantization_level or "",
    )


def ps_call(base_url: str = "") -> HttpCall:
    """Return the call for the models in memory."""
    return HOME.call(base_url, "/api/ps")


def read_ps(reply: HttpReply) -> tuple[Loaded, ...]:
    """Return the models in memory; raise the `CallError` that the reply means."""
    return tuple(
        Loaded(
            name=model.name,
            context=model.context_length,
            size=model.size,
            size_vram=model.size_vram,
        )
        for model in decode(reply, _Models, HOME.provider).models
    )


def _details(details: _Details | None) -> _Details:
    return details or _Details()
