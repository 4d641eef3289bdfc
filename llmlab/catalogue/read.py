"""Read the shipped catalogue file and the user's own into one checked set of tables."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from llmlab.catalogue.gateway import Dialect
from llmlab.catalogue.models import Dead, Model, ModelVariant, Provider, Rules
from llmlab.catalogue.plugins import ProviderPlugin, plugins
from llmlab.checks.files import read_toml
from llmlab.errors import ConfigError, suggest
from llmlab.records import Parameters
from llmlab.secrets import Address
from llmlab.settings import address_of, shielded

T = TypeVar("T")
Table: TypeAlias = dict[str, Any]

_INNER: Final = ("dialect", "headers", "query")
"""Tables within a provider's entry."""
SECTIONS: Final = ("providers", "rules", "models", "aliases", "lineups", "dead")
_PARAMETERS: Final = tuple(item.name for item in fields(Parameters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The sections of the data file as records, by name."""

    providers: Mapping[str, Provider]
    rules: Mapping[str, Rules]
    models: Mapping[str, Model]
    aliases: Mapping[str, ModelVariant]
    """Aliases of models that are not listed are left in `pending`."""
    pending: Mapping[str, tuple[str, Mapping[str, object]]]
    lineups: Mapping[str, tuple[str, ...]]
    dead: tuple[Dead, ...]
    broken: Mapping[str, str]
    """Why the plug-in of a provider could not be loaded."""


def read(extra: Path | None = None, providers: Table | None = None) -> Tables:
    """
    Read the data files that come with llmlab, then `extra` on top of them, entry by entry.

    *providers* are more rows of providers, from the settings; they come last.

    Raises:
        ConfigError: A file cannot be read, or an entry is unknown or ill-typed.
    """
    tables = _sections(_shipped("catalogue.toml"), "catalogue.toml")
    gateways = _shipped("gateways.toml")
    tables["rules"] |= gateways["rules"]
    for name, entry in gateways["providers"].items():
        tables["providers"][name] = {"preset": True, **entry}
    broken = _plugged(tables)
    if extra is not None:
        given = shielded(read_toml(extra, "the catalogue", error=ConfigError))
        for section, entries in _sections(given, str(extra)).items():
            for name, entry in entries.items():
                tables[section][name] = _over(tables[section].get(name), entry)
    for name, entry in (providers or {}).items():
        tables["providers"][name] = _over(tables["providers"].get(name), entry)
    return _records(tables, _source(extra, providers), broken)


def _plugged(tables: Table) -> dict[str, str]:
    """Add the providers of installed packages; return why some could not be, by name."""
    found = plugins()
    broken = dict(found.broken)
    for name, plugin in found.loaded.items():
        try:
            row, models = _of_plugin(name, plugin, tables)
        except (ConfigError, TypeError, ValueError) as error:
            broken[name] = f"the plug-in cannot be used: {error}"
        else:
            tables["providers"][name] = row
            tables["models"] |= models
    return broken


def _of_plugin(name: str, plugin: ProviderPlugin, tables: Table) -> tuple[Table, Table]:
    """Return the row and the models of a plug-in, checked apart from all others."""
    if name in tables["providers"]:
        raise ConfigError("llmlab has a provider of this name")
    row = {"preset": True, **plugin.row}
    models = {f"{name}/{id_}": dict(entry) for id_, entry in plugin.models.items()}
    alone = {"providers": {name: row}, "models": models, "aliases": {}, "lineups": {}}
    _records({**tables, **alone}, "its package", {})
    return row, models


def _shipped(name: str) -> Table:
    return tomllib.loads(files("llmlab.catalogue").joinpath(name).read_text(encoding="utf-8"))


def _source(extra: Path | None, providers: Table | None) -> str:
    """Return which source to name in errors: the shipped ones have none."""
    given = [str(extra)] if extra is not None else []
    return " and ".join([*given, *(["settings"] if providers else [])]) or "catalogue.toml"


def _sections(document: Table, source: str) -> Table:
    for section, entries in document.items():
        known(section, SECTIONS, source)
        if not isinstance(entries, dict):
            raise ConfigError(f"{source}: {section}: expected a table, as in [{section}]")
    return {section: dict(document.get(section, {})) for section in SECTIONS}


def _over(old: object, new: object) -> object:
    """Merge the user's entry over the shipped one, key by key where both are tables."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    inner = {name: _over(old[name], new[name]) for name in _INNER if name in old and name in new}
    return {**old, **new, **inner}


def _records(tables: Table, source: str, broken: Mapping[str, str]) -> Tables:
    def of(section: str, make: Callable[[str, object, str], T]) -> dict[str, T]:
        where = f"{source}: {section}"
        return {
            name: make(name, entry, f'{where}."{name}"') for name, entry in tables[section].items()
        }

    rules = of("rules", lambda _name, entry, where: typed(entry, Rules, where))
    providers = of("providers", lambda name, entry, where: _provider(name, entry, rules, where))
    models = of("models", lambda name, entry, where: _model(name, entry, rules, providers, where))
    asked = of("aliases", lambda _name, entry, where: _alias(entry, where))
    listed = {name: pair for name, pair in asked.items() if pair[0] in models}
    return Tables(
        providers=providers,
        rules=rules,
        models=models,
        aliases={
            name: ModelVariant(label=name, model=models[model], parameters=parameters)
            for name, (model, parameters) in listed.items()
        },
        pending={name: pair for name, pair in asked.items() if name not in listed},
        lineups=of("lineups", lambda _name, entry, where: _lineup(entry, where)),
        dead=tuple(of("dead", _dead).values()),
        broken=broken,
    )


def _provider(name: str, entry: object, rules: Mapping[str, Rules], where: str) -> Provider:
    table = _with_rules({"title": name, **_table(entry, where)}, rules, where)
    if "dialect" in table:
        table = {**table, "dialect": typed(table["dialect"], Dialect, f"{where}: dialect")}
    provider = typed(table, Provider, where, name=name)
    try:
        re.compile(provider.key_shape)
    except (re.error, OverflowError) as error:
        raise ConfigError(f"{where}: key_shape: no regular expression: {error}") from None
    return provider


def _model(
    name: str,
    entry: object,
    rules: Mapping[str, Rules],
    providers: Mapping[str, Provider],
    where: str,
) -> Model:
    provider, slash, id_ = name.partition("/")
    if not (slash and id_):
        raise ConfigError(f"{where}: a model is named provider/model, such as openai/gpt-6-luna")
    known(provider, providers, where)
    home = providers[provider]
    entry = _table(entry, where)
    settled = _with_rules({"apis": list(home.apis), "rules": home.rules, **entry}, rules, where)
    lent = {"speaks": home.speaks, "dialect": home.dialect}
    return typed(settled, Model, where, provider=provider, id=id_, **lent)


def _alias(entry: object, where: str) -> tuple[str, Mapping[str, object]]:
    given = {"model": entry} if isinstance(entry, str) else dict(_table(entry, where))
    model = given.pop("model", None)
    if not isinstance(model, str):
        raise ConfigError(f'{where}: expected a model, as in {{ model = "provider/model" }}')
    parameters = typed(given, Parameters, where)
    return model, {name: getattr(parameters, name) for name in given}


def _lineup(entry: object, where: str) -> tuple[str, ...]:
    try:
        return msgspec.convert(entry, tuple[str, ...])
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error


def _dead(name: str, entry: object, where: str) -> Dead:
    return typed(entry, Dead, where, pattern=name)


def _with_rules(entry: Table, rules: Mapping[str, Rules], where: str) -> Table:
    """Replace the name of a rule family by the rules themselves."""
    family = entry.get("rules")
    if isinstance(family, str):
        known(family, rules, where)
        return {**entry, "rules": rules[family]}
    if family is None or isinstance(family, Rules):
        return entry
    raise ConfigError(f"{where}: rules: expected the name of a family, such as openai-6")


def _table(entry: object, where: str) -> Table:
    if isinstance(entry, dict):
        return entry
    raise ConfigError(f"{where}: expected a table, as in {{ key = value }}")


def typed(entry: object, kind: type[T], where: str, **fixed: object) -> T:
    """
    Make a record of an entry; `fixed` holds the fields that are not for the file to say.

    Raises:
        ConfigError: A key is unknown, or a value has the wrong type.
    """
    table = _table(entry, where)
    names = [item.name for item in fields(kind) if item.name not in fixed]  # type: ignore[arg-type]
    for key in table:
        known(key, names, where)
    try:  # from_attributes: the family is in the table as a record already
        return msgspec.convert({**table, **fixed}, kind, from_attributes=True, dec_hook=_address)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_said(error)}") from error


def _address(kind: type, value: object) -> object:
    if kind is Address:
        return address_of(value)
    raise NotImplementedError(f"no conversion to {kind}")


def _said(error: msgspec.ValidationError) -> str:
    what, _, path = str(error).partition(" - at `$.")
    return f"{path.rstrip('`')}: {what}" if path else what


def known(name: str, names: Mapping[str, object] | tuple[str, ...] | list[str], where: str) -> None:
    """
    Check that `name` is one of `names`.

    Raises:
        ConfigError: It is not; the line names the nearest.
    """
    if name in names:
        return
    raise ConfigError(f"{where}: unknown entry {name!r}; {suggest(name, sorted(names))}")
