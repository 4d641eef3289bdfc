"""
Everything a lab can be told from outside, read once and checked when read.

Later sources win: defaults, `[tool.llmlab]` of pyproject.toml, llmlab.toml, `LLMLAB_*`
variables, arguments. A table is merged word by word, so that a limit of one source does not
lift those of another. Every value remembers where it came from, for `llmlab config`.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from llmlab.checks.amounts import DOLLARS, SECONDS, Allowed
from llmlab.checks.files import read_toml
from llmlab.errors import ConfigError
from llmlab.secrets import Address, Environment

Mode: TypeAlias = Literal["live", "record", "replay", "stand-in"]

Megabytes: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
"""Millions of bytes: more than none, and a number."""

MAX_REPLY_MB: Final = 64.0
"""More than any model's longest answer takes as a stream, which is some 350 bytes a token."""

MAX_BATCH_MB: Final = 500.0
"""The results of a batch lie in memory as they are read; a provider takes one of 200 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Requests and tokens a minute that a provider allows; None is no limit."""

    rpm: float | None = None
    tpm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Spending limits in dollars; None is no limit."""

    call: float | None = None
    run: float | None = None
    day: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a lab is told; see `docs/configuration.md` for each entry."""

    book: Path | None = None
    """Where the book lies; None keeps it at `<project>/.llmlab/lab.db`."""
    mode: Mode = "live"
    tape: Path | None = None
    models: str = "six"
    deadline: float = 30.0
    """Seconds for one call, all its attempts and waits included."""
    attempts: int = 4
    max_in_flight: int = 64
    per_provider: int = 32
    """Calls in flight at one provider."""
    max_reply_mb: Megabytes = MAX_REPLY_MB
    """Million bytes of one reply that are read, unpacked or as a stream."""
    max_batch_mb: Megabytes = MAX_BATCH_MB
    """The same for a file of a batch's results."""
    budget: Budget = field(default_factory=Budget)
    day_zone: str = "UTC"
    """Where the days of `budget.day` begin at midnight, such as Europe/Zurich."""
    limits: dict[str, RateLimit] = field(default_factory=dict)
    base_urls: dict[str, Address] = field(default_factory=dict)
    plain_http: bool = False
    """Whether http:// is allowed to hosts other than this machine."""
    drop_parameters: bool = False
    """Whether a parameter that a model refuses is left out instead of being an error."""
    unpriced: bool = False
    """Whether a model without a known price may be called under a spending limit."""
    tier_local: int = 8_192
    """Tokens of prompt and answer together for models on this machine (tier 1)."""
    tier_api: int = 131_072
    """Tokens of prompt and answer together for models behind an API (tier 2)."""
    catalogue: Path | None = None
    prices: dict[str, dict[str, float]] = field(default_factory=dict)
    prompts: Path = Path("prompts")
    templates: Literal["development", "production"] = "development"
    """Whether a template with faults is refused (production) or used with a warning."""
    remote_images: bool = False
    """Whether a page that shows an answer may fetch the pictures that its words name."""
    local_model: Path | None = None
    """Folder of the embedded model; None is the user's cache folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """Settings, and where each value that is not a default came from: `budget.day` by its own."""

    settings: Settings
    sources: Mapping[str, str]

    def entries(self) -> list[tuple[str, object, str]]:
        """Return every setting as `(name, value, source)`, tables word by word, in order."""
        plain: dict[str, object] = msgspec.to_builtins(self.settings, enc_hook=str)
        flat = [pair for name, value in plain.items() for pair in _flat(name, value)]
        return [(name, value, self.sources.get(name, "default")) for name, value in flat]

    @classmethod
    def read(
        cls,
        *,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        arguments: Mapping[str, object] | None = None,
    ) -> Self:
        """
        Merge the sources and check every entry.

        Raises:
            ConfigError: An entry is unknown (the nearest name is given), ill-typed or out of
                bounds.
        """
        # Before anything can fail: a traceback shows the locals of this frame.
        env, arguments = Environment.of(env or {}), shielded(arguments or {})
        values: dict[str, object] = {}
        sources: dict[str, str] = {}
        for source, entries in _sources(folder, env, arguments):
            for name, value in entries.items():
                _known(name, _NAMES, source)
                _known_inside(name, value, source)
                checked = _in_bounds(name, value, source)
                values[name] = _merged(values.get(name), checked)
                sources.update({inner: source for inner, _ in _flat(name, value)})
        settings = _typed(values, sources)
        _check_zone(settings.day_zone, sources.get("day_zone", "settings"))
        return cls(settings=settings, sources=sources)


_NAMES: Final = tuple(item.name for item in fields(Settings))
_BUDGETS: Final = tuple(item.name for item in fields(Budget))
_RATES: Final = tuple(item.name for item in fields(RateLimit))

_CALLS: Final = Allowed(low=1, high=100_000, unit="calls", whole=True)
_TOKENS: Final = Allowed(low=1, high=1e9, unit="tokens", whole=True)
_ALLOWED: Final[Mapping[str, Allowed]] = {
    "deadline": SECONDS,
    "attempts": Allowed(low=1, high=1_000, whole=True),
    "max_in_flight": _CALLS,
    "per_provider": _CALLS,
    "tier_local": _TOKENS,
    "tier_api": _TOKENS,
    "budget": DOLLARS,
    "limits": Allowed(low=1, high=1e15),
    "prices": Allowed(low=0, high=1e6),
}
"""What each number may be; in a table, every number of it."""
_TABLES: Final[Mapping[str, str]] = {
    "budget": '{"day": 5}',
    "limits": '{"openai": {"rpm": 500}}',
    "limits.": '{"rpm": 500}',
    "prices": '{"openai/gpt-6-luna": {"input": 0.1, "output": 0.5}}',
    "prices.": '{"input": 0.1, "output": 0.5}',
}
"""Which entries are tables, the inner ones with a dot, and how one looks."""


def _in_bounds(name: str, value: object, source: str) -> object:
    """
    Return *value* with its numbers as plain ones; NaN or -1 dollars would limit nothing.

    Here, where each source still stands apart: a later one may hide what an earlier one says.
    """
    allowed = _ALLOWED.get(name)
    return value if allowed is None else _bounded(name, name, value, allowed, source)


def _bounded(kind: str, name: str, value: object, allowed: Allowed, source: str) -> object:
    """Check one entry: *kind* is `limits.` for any provider's, *name* is its own."""
    shape = _TABLES.get(kind)
    if shape is not None and isinstance(value, Mapping):
        inner = f"{kind}." if f"{kind}." in _TABLES else ""
        return {
            word: _bounded(inner, f"{name}.{word}", each, allowed, source)
            for word, each in value.items()
        }
    if shape is not None:
        raise ConfigError(f"{source}: {name} is {value!r}; it must be a table, such as {shape}")
    if value is None:  # inside a table it lifts a limit
        return None
    return allowed.read(value, f"{source}: {name}", error=ConfigError)


def _merged(before: object, value: object) -> object:
    if not isinstance(before, Mapping) or not isinstance(value, Mapping):
        return value
    more = {word: _merged(before.get(word), inner) for word, inner in value.items()}
    return {**before, **more}


def _flat(name: str, value: object) -> list[tuple[str, object]]:
    """Spread a table over its words: `budget.day`, `limits.openai.rpm`."""
    if not isinstance(value, Mapping) or not value:
        return [(name, value)]
    return [pair for word, inner in value.items() for pair in _flat(f"{name}.{word}", inner)]


def _sources(
    folder: Path | None, env: Mapping[str, str], arguments: Mapping[str, object]
) -> list[tuple[str, Mapping[str, object]]]:
    found: list[tuple[str, Mapping[str, object]]] = []
    if folder is not None:
        found.append(("pyproject.toml", shielded(_tool(folder / "pyproject.toml"))))
        found.append(("llmlab.toml", shielded(_toml(folder / "llmlab.toml"))))
    found.append(("environment", _from_env(env)))
    given = {name: value for name, value in arguments.items() if value is not None}
    found.append(("argument", given))
    return found


def shielded(entries: Mapping[str, object]) -> dict[str, object]:
    """Return *entries* with the addresses in `base_urls` taken apart from their passwords."""
    urls = entries.get("base_urls")
    if not isinstance(urls, Mapping):
        return dict(entries)
    apart = {name: Address.of(url) if isinstance(url, str) else url for name, url in urls.items()}
    return {**entries, "base_urls": apart}


def _tool(path: Path) -> Mapping[str, object]:
    return _table(_table(_toml(path), "tool", path.name), "llmlab", f"{path.name}: tool")


def address_of(value: object) -> Address:
    """Take an address of a file apart; a TypeError becomes the line that names the entry."""
    if isinstance(value, str):
        return Address.of(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")


def _toml(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        return {}
    return read_toml(path, "the settings", error=ConfigError)


def _table(outer: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
    inner = outer.get(name, {})
    if not isinstance(inner, Mapping):
        raise ConfigError(f"{source}: {name} is {inner!r}; it must be a table")
    return inner


_NO_SETTINGS: Final = frozenset({"LLMLAB_TRUST_FILE"})
"""Variables that are no lab's setting: see `backends.trusted`."""


def _from_env(env: Mapping[str, str]) -> dict[str, object]:
    """Read LLMLAB_DEADLINE=60, LLMLAB_BUDGET_DAY=5 and the like."""
    values: dict[str, object] = {}
    for name, text in env.items():
        if not name.startswith("LLMLAB_"):
            continue
        entry = name.removeprefix("LLMLAB_").lower()
        limit = re.fullmatch(r"budget_(call|run|day|total)", entry)
        if limit:
            budget = values.setdefault("budget", {})
            budget[limit[1]] = str(text)  # type: ignore[index]  # made a dict on the line above
        elif name not in _NO_SETTINGS:
            values[entry] = str(text)
    return values


def _known(name: str, names: tuple[str, ...], source: str) -> None:
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else f"; entries are {', '.join(names)}"
    raise ConfigError(f"{source}: no setting is called {name!r}{hint}")


def _known_inside(name: str, value: object, source: str) -> None:
    """Check the words inside `budget` and `limits`: a misspelt limit must not be no limit."""
    if not isinstance(value, Mapping):
        return
    if name == "budget":
        for word in value:
            _known(str(word), _BUDGETS, f"{source}: budget")
    elif name == "limits":
        for provider, limit in value.items():
            for word in limit if isinstance(limit, Mapping) else ():
                _known(str(word), _RATES, f"{source}: limits.{provider}")


def _typed(values: Mapping[str, object], sources: Mapping[str, str]) -> Settings:
    """Convert text and TOML values to the declared types; say which one does not fit."""
    try:
        return msgspec.convert(dict(values), Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        told, _, where = str(error).partition(" - at `$.")
        entry = where.rstrip("`")
        source = _source_of(entry, sources)
        raise ConfigError(f"{source}: {entry or 'settings'}: {told}") from error


def _check_zone(name: str, source: str) -> None:
    """Raise `ConfigError` where nobody calls a zone by this name, with the nearest that is one."""
    if name == "UTC":
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, available_timezones(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else "; such as Europe/Zurich"
        raise ConfigError(f"{source}: day_zone: no time zone is called {name!r}{hint}") from None


def _source_of(entry: str, sources: Mapping[str, str]) -> str:
    """Find who set an entry that does not fit; msgspec writes a word of a table as `[...]`."""
    if entry in sources:
        return sources[entry]
    name = entry.partition(".")[0].partition("[")[0]
    near = (source for word, source in sources.items() if word.partition(".")[0] == name)
    return next(near, "settings")


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value)).expanduser()
    if kind is Address:
        return address_of(value)
    raise NotImplementedError(f"no conversion to {kind}")


def project_of(folder: Path) -> Path:
    """Return the nearest folder upwards that is a project; *folder* itself when none is."""
    for each in (folder, *folder.parents):
        if any((each / name).exists() for name in ("llmlab.toml", "pyproject.toml", ".git")):
            return each
    return folder
