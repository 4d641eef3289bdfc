"""Which tokenizer a model has, and what is known where it publishes none: `families.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources

import msgspec

from llmlab.catalogue import Model
from llmlab.tokens.kinds import KINDS, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that share a tokenizer."""

    name: str
    match: tuple[str, ...]
    """Patterns of `provider/model`, in which `*` is anything."""
    frame: tuple[int, int, int]
    """Tokens that the chat template adds to a prompt: middle, low, high."""
    message: int
    """Tokens for a system message, or an earlier one of a conversation, on top of its words."""
    source: str
    encoding: str = ""
    published: bool = False
    """Whether the vendor states that these models use `encoding`."""
    ratios: Mapping[Kind, tuple[float, float, float]] = field(default_factory=dict)
    """Tokens per o200k token by kind of text: middle, 5th and 95th percentile."""


def family_of(model: Model | str) -> Family:
    """
    Return the family of a model; of a name without a provider, the first whose ids match.

    There always is one: `other`, of which nothing is known, has the widest band.
    """
    name = model if isinstance(model, str) else model.name
    return _family_named(name.strip().lower())


@cache
def _family_named(name: str) -> Family:
    known = families()
    if "/" in name:
        return next(each for each in known if _fits(name, each.match))
    bare = ((each, [pattern.partition("/")[2] for pattern in each.match]) for each in known)
    found = (each for each, ids in bare if _fits(name, [id_ for id_ in ids if id_ != "*"]))
    return next(found, known[-1])


def _fits(name: str, patterns: tuple[str, ...] | list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns if pattern)


@cache
def families() -> tuple[Family, ...]:
    """Read the families, in the order in which they are tried."""
    text = resources.files("llmlab.tokens").joinpath("families.toml").read_text(encoding="utf-8")
    read = msgspec.convert(tomllib.loads(text)["family"], tuple[Family, ...])
    for each in read:
        if not each.published and set(each.ratios) != set(KINDS):
            raise ValueError(f"families.toml: {each.name} needs a ratio for {', '.join(KINDS)}")
    return read
