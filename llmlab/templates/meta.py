"""What the front matter of a template may say: the one table of its entries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, TypeGuard

SlotType: TypeAlias = Literal[
    "text", "number", "integer", "date", "list", "table", "portfolio", "market", "news", "image",
    "pdf",
]  # fmt: skip
SLOT_TYPES: Final[tuple[SlotType, ...]] = (
    "text", "number", "integer", "date", "list", "table", "portfolio", "market", "news", "image",
    "pdf",
)  # fmt: skip
ATTACHED_TYPES: Final = ("image", "pdf")
"""Slot types whose text is the path of a file that goes along."""
BLOCK_TYPES: Final = ("table", "portfolio", "market", "news")
"""Slot types that are filled by context blocks."""

ENTRIES: Final[Mapping[str, tuple[type, ...]]] = {
    "name": (str,),
    "version": (str, int, float),
    "tier": (int,),
    "description": (str,),
    "requires": (dict,),
    "slots": (dict,),
    "blocks": (dict,),
    "schema": (dict,),
    "example": (dict,),
    "default_query": (str,),
    "models": (dict,),
}
"""Every entry with the types it may have."""

NEEDED: Final = ("name", "version", "tier", "description", "requires", "slots")
REQUIRES: Final = ("role", "output", "keywords")
"""What `requires` names: words of the system part, words of the output format, keywords."""
SLOT: Final = ("type", "description", "example")
BLOCK: Final = ("priority", "minimum", "must")
MODELS: Final = ("suited", "temperature", "max_tokens", "thinking")

FIXES: Final[Mapping[str, str]] = {
    "name": "write `name: sentiment`, the file's name without .md",
    "version": 'write `version: "1.0"`',
    "tier": "write `tier: 1` for small local models, `tier: 2` for models behind an API",
    "description": "write one sentence: what it asks and what comes back",
    "requires": "write `requires:` with role, output and keywords",
    "slots": "write `slots:` with one entry for each {{ slot }}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A `{{ slot }}`: what goes in, and an example of it."""

    type: SlotType = "text"
    description: str = ""
    example: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMeta:
    """How much a context block of the template matters; see `llmlab.tokens.BlockRule`."""

    priority: int = 50
    minimum: int = 0
    must: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """The valid entries of a front matter; the others are left out."""

    tier: int | None = None
    description: str = ""
    slots: Mapping[str, Slot] = field(default_factory=dict)
    blocks: Mapping[str, BlockMeta] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    default_query: str = ""
    models: Mapping[str, Any] = field(default_factory=dict)


def typed(data: Mapping[str, Any]) -> Meta:
    """Read the valid entries of *data*; `check` reports the others."""
    slots = _mapping(data.get("slots"))
    blocks = _mapping(data.get("blocks"))
    schema = data.get("schema")
    tier = data.get("tier")
    return Meta(
        tier=tier if is_whole(tier) and tier in {1, 2} else None,
        description=str(data.get("description") or ""),
        slots={str(name): _slot(each) for name, each in slots.items()},
        blocks={str(name): _block(each) for name, each in blocks.items()},
        schema=schema if isinstance(schema, dict) else None,
        default_query=str(data.get("default_query") or ""),
        models=_mapping(data.get("models")),
    )


def _slot(each: object) -> Slot:
    entry = _mapping(each)
    kind = entry.get("type", "text")
    return Slot(
        type=kind if kind in SLOT_TYPES else "text",
        description=str(entry.get("description") or ""),
        example=entry.get("example"),
    )


def _block(each: object) -> BlockMeta:
    entry = _mapping(each)
    priority, minimum = entry.get("priority", 50), entry.get("minimum", 0)
    return BlockMeta(
        priority=priority if is_whole(priority) and 0 <= priority <= 100 else 50,  # noqa: PLR2004 - the scale of priorities
        minimum=minimum if is_whole(minimum) and minimum >= 0 else 0,
        must=entry.get("must") is True,
    )


def is_whole(value: object) -> TypeGuard[int]:
    """Say whether *value* is a whole number; YAML's yes and no are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
