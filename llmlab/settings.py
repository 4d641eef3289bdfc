"""
Settings of a lab: read once from all sources, and validated when read.

Later sources win: defaults, `[tool.llmlab]` of pyproject.toml, llmlab.toml, `LLMLAB_*`
variables, arguments. A table is merged key by key, so that a limit of one source does not
remove those of another. Every value keeps its source, for `llmlab config`.
"""

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
from llmlab.errors import ConfigError, suggest
from llmlab.secrets import Address, Environment

Mode: TypeAlias = Literal["live", "record", "replay", "stand-in"]

Megabytes: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
"""Millions of bytes, above 0."""

MAX_REPLY_MB: Final = 64.0
"""More than any model's longest answer as a stream, at about 350 bytes per token."""

MAX_BATCH_MB: Final = 500.0
"""The results of a batch are read into memory; a provider accepts batches of 200 MB."""


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
    """The settings of a lab; see `docs/configuration.md` for each."""

    book: Path | None = None
    """Path of the book; None is `<project>/.llmlab/lab.db`."""
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
    """Largest reply that is read, in million bytes after decompression, or of a stream."""
    max_batch_mb: Megabytes = MAX_BATCH_MB
    """The same for a batch's file of results."""
    budget: Budget = field(default_factory=Budget)
    day_zone: str = "UTC"
    """Time zone of the days of `budget.day`, such as Europe/Zurich."""
    limits: dict[str, RateLimit] = field(default_factory=dict)
    base_urls: dict[str, Address] = field(default_factory=dict)
    plain_http: bool = False
    """Whether http:// is allowed to hosts other than this machine."""
    drop_parameters: bool = False
    """Whether a parameter that a model refuses is left out instead of being an error."""
    unpriced: bool = False
    """Whether a model without a known price may be called under a spending limit."""
    tier_local: int = 8_192
    """Context window of models on this machine (tier 1): tokens of prompt and answer together."""
    tier_api: int = 131_072
    """Context window of models behind an API (tier 2): tokens of prompt and answer together."""
    catalogue: Path | None = None
    providers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rows of gateways, as in a catalogue: see `docs/add-a-provider.md`."""
    prices: dict[str, dict[str, float | list[dict[str, float]]]] = field(default_factory=dict)
    prompts: Path = Path("prompts")
    templates: Literal["development", "production"] = "development"
    """Whether a template with faults is refused (production) or used with a warning."""
    remote_images: bool = False
    """Whether a page that shows an answer may load the images that the answer links to."""
    local_model: Path | None = None
    """Folder of the embedded model; None is the user's cache folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """Settings, and the source of each value that is not a default; tables entry by entry."""

    settings: Settings
    sources: Mapping[str, str]

    def entries(self) -> list[tuple[str, object, str]]:
        """Return every setting as `(name, value, source)`, tables entry by entry, in order."""
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
                range.
        """
        # Wrapped before anything can fail: a traceback shows the locals of this frame.
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
_PROMPT: Final = Allowed(low=0, high=1e9, unit="tokens", whole=True)
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
"""The range of each number; for a table, of every number in it."""
_TABLES: Final[Mapping[str, str]] = {
    "budget": '{"day": 5}',
    "limits": '{"openai": {"rpm": 500}}',
    "limits.": '{"rpm": 500}',
    "prices": '{"openai/gpt-6-luna": {"input": 0.1, "output": 0.5}}',
    "prices.": '{"input": 0.1, "output": 0.5}',
}
"""The entries that are tables, inner ones with a dot, and an example of each."""


def _in_bounds(name: str, value: object, source: str) -> object:
    """
    Return *value* with plain numbers, after a range check: NaN or -1 dollars would limit nothing.

    It runs for each source before merging: a later source may override an earlier wrong value.
    """
    allowed = _ALLOWED.get(name)
    return value if allowed is None else _bounded(name, name, value, allowed, source)


def _bounded(kind: str, name: str, value: object, allowed: Allowed, source: str) -> object:
    """Check one entry: *kind* is `limits.` for that of any provider, *name* is its full name."""
    shape = _TABLES.get(kind)
    if name.startswith("prices.") and name.endswith(".tiers"):
        return _tiers(name, value, allowed, source)
    if shape is not None and isinstance(value, Mapping):
        inner = f"{kind}." if f"{kind}." in _TABLES else ""
        return {
            word: _bounded(inner, f"{name}.{word}", each, allowed, source)
            for word, each in value.items()
        }
    if shape is not None:
        raise ConfigError(f"{source}: {name} is {value!r}; it must be a table, such as {shape}")
    if value is None:  # inside a table it removes a limit
        return None
    return allowed.read(value, f"{source}: {name}", error=ConfigError)


def _tiers(name: str, value: object, allowed: Allowed, source: str) -> object:
    """Check the rates of long prompts: a list of tables, each of which says above how many."""
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        shape = '[{"above": 200_000, "input": 4, "output": 12}]'
        raise ConfigError(f"{source}: {name} is {value!r}; it must be a list, such as {shape}")
    return [
        {
            word: (_PROMPT if word == "above" else allowed).read(
                number, f"{source}: {name}.{word}", error=ConfigError
            )
            for word, number in table.items()
        }
        for table in value
    ]


def _merged(before: object, value: object) -> object:
    if not isinstance(before, Mapping) or not isinstance(value, Mapping):
        return value
    more = {word: _merged(before.get(word), inner) for word, inner in value.items()}
    return {**before, **more}


def _flat(name: str, value: object) -> list[tuple[str, object]]:
    """Flatten a table into dotted names: `budget.day`, `limits.openai.rpm`."""
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
    """Return *entries* with its URLs as `Address`, which hides passwords."""
    made = dict(entries)
    urls, rows = entries.get("base_urls"), entries.get("providers")
    if isinstance(urls, Mapping):
        made["base_urls"] = {name: _without_password(url) for name, url in urls.items()}
    if isinstance(rows, Mapping):
        made["providers"] = {name: _shielded_row(row) for name, row in rows.items()}
    return made


def _shielded_row(row: object) -> object:
    if not isinstance(row, Mapping) or "base_url" not in row:
        return row
    return {**row, "base_url": _without_password(row["base_url"])}


def _without_password(url: object) -> object:
    return Address.of(url) if isinstance(url, str) else url


def _tool(path: Path) -> Mapping[str, object]:
    return _table(_table(_toml(path), "tool", path.name), "llmlab", f"{path.name}: tool")


def address_of(value: object) -> Address:
    """Parse a URL of a file; a TypeError becomes the message that names the entry."""
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
"""`LLMLAB_*` variables that are not settings: see `backends.trusted`."""


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
    raise ConfigError(f"{source}: no setting is called {name!r}; {suggest(name, names)}")


def _known_inside(name: str, value: object, source: str) -> None:
    """Check the names inside `budget` and `limits`: a misspelt limit must not be ignored."""
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
    """Convert text and TOML values to the declared types; name the one that does not fit."""
    try:
        return msgspec.convert(dict(values), Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        told, _, where = str(error).partition(" - at `$.")
        entry = where.rstrip("`")
        source = _source_of(entry, sources)
        raise ConfigError(f"{source}: {entry or 'settings'}: {told}") from error


def _check_zone(name: str, source: str) -> None:
    """Raise `ConfigError` for an unknown time zone, with the nearest known one."""
    if name == "UTC":
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = suggest(name, available_timezones(), otherwise="write one such as Europe/Zurich")
        raise ConfigError(f"{source}: day_zone: no time zone is called {name!r}; {hint}") from None


def _source_of(entry: str, sources: Mapping[str, str]) -> str:
    """Return the source of an entry that does not fit; msgspec writes a table's key as `[...]`."""
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
    """Return the nearest parent folder that is a project; *folder* itself when none is."""
    for each in (folder, *folder.parents):
        if any((each / name).exists() for name in ("llmlab.toml", "pyproject.toml", ".git")):
            return each
    return folder
