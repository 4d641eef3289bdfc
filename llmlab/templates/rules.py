"""The checks of front matter: each yields what is wrong with one entry, and what to do."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from llmlab.errors import suggest
from llmlab.templates.lines import Lined, Where
from llmlab.templates.meta import ENTRIES, FIXES, MODELS, NEEDED, REQUIRES, is_whole
from llmlab.templates.schema import schema_faults
from llmlab.templates.slots import block_faults, slot_faults, unknown
from llmlab.templates.source import TemplateSource

Found: TypeAlias = Iterator[tuple[Where, str, str]]
"""Place in the front matter, what is wrong, what to do."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A template file as the checks take it."""

    file: str
    source: TemplateSource
    lined: Lined
    slots: frozenset[str]

    @property
    def data(self) -> Mapping[str, Any]:
        """The entries."""
        return self.lined.data


def _entries(looked: Looked) -> Found:
    for name in NEEDED:
        if looked.data.get(name) in (None, ""):
            yield (), f"`{name}` is missing", FIXES[name]
    for name, value in looked.data.items():
        if name not in ENTRIES:
            yield (str(name),), f"no entry is called `{name}`", suggest(name, ENTRIES)
        elif value is not None and not isinstance(value, ENTRIES[name]):
            kinds = " or ".join(_WORDS[kind] for kind in ENTRIES[name])
            yield (name,), f"`{name}` must be {kinds}", FIXES.get(name, "see docs/prompts.md")


_WORDS: Final = {str: "text", int: "a whole number", float: "a number", dict: "`key: value` lines"}


def _values(looked: Looked) -> Found:
    name, tier = looked.data.get("name"), looked.data.get("tier")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield ("name",), f"{name!r} is no name", "use lower-case letters, digits, - and _"
    if isinstance(tier, int) and (tier not in {1, 2} or isinstance(tier, bool)):
        yield ("tier",), f"there is no tier {tier}", FIXES["tier"]


def _requires(looked: Looked) -> Found:
    """Check that the words that `requires` names are in the part they belong to."""
    wanted = looked.data.get("requires")
    if not isinstance(wanted, dict):
        return
    yield from unknown(wanted, ("requires",), REQUIRES)
    system = looked.source.part("system")
    whole = "\n".join(piece.words for piece in looked.source.pieces)
    for entry in ("role", "output"):
        phrase = wanted.get(entry)
        place = "the [system] part" if entry == "role" else "the prompt"
        words = system if entry == "role" else whole
        if not isinstance(phrase, str) or not phrase:
            yield ("requires",), f"`requires.{entry}` is missing", f"name words of {place}"
        elif not _says(words, phrase):
            yield ("requires", entry), f"{place} does not say {phrase!r}", "write it there"
    keywords = wanted.get("keywords")
    if not isinstance(keywords, list) or not keywords:
        yield ("requires",), "`requires.keywords` is missing", "write `keywords: [positive, ...]`"
        return
    for keyword in keywords:
        if not _says(whole, str(keyword)):
            yield (
                ("requires", "keywords"),
                f"the prompt never says {keyword!r}",
                "write it or drop it",
            )


def _slot_entries(looked: Looked) -> Found:
    yield from slot_faults(looked.data.get("slots"), looked.slots, looked.data.get("default_query"))


def _blocks(looked: Looked) -> Found:
    yield from block_faults(looked.data.get("blocks"), looked.data.get("slots"))


def _schema(looked: Looked) -> Found:
    schema = looked.data.get("schema")
    if isinstance(schema, dict):
        yield from schema_faults(schema, ("schema",))
        properties = schema.get("properties")
        example = looked.data.get("example")
        if isinstance(example, dict) and isinstance(properties, dict):
            required = schema.get("required")
            for name in required if isinstance(required, list) else ():
                if isinstance(name, str) and name not in example:
                    yield ("example",), f"the example has no {name!r}", "the schema requires it"
            for name in example:
                if name not in properties:
                    yield ("example", str(name)), f"{name!r} is not in the schema", "drop it"
        elif example is None:
            yield ("schema",), "a schema needs an `example:` of an answer", "write one below it"


def _models(looked: Looked) -> Found:
    models = looked.data.get("models")
    if not isinstance(models, dict):
        return
    yield from unknown(models, ("models",), MODELS)
    tokens, temperature = models.get("max_tokens", 1), models.get("temperature", 0)
    if not is_whole(tokens) or tokens < 1:
        yield ("models", "max_tokens"), f"max_tokens is {tokens!r}", "write a whole number"
    if not isinstance(temperature, int | float) or isinstance(temperature, bool):
        yield ("models", "temperature"), f"temperature is {temperature!r}", "write a number"


CHECKS: Final[tuple[Callable[[Looked], Found], ...]] = (
    _entries, _values, _requires, _slot_entries, _blocks, _schema, _models,
)  # fmt: skip


def _says(words: str, phrase: str) -> bool:
    return " ".join(phrase.lower().split()) in " ".join(words.lower().split())
