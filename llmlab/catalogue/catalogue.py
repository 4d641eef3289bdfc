"""Resolve the names that a person types into models and arms."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Self

from llmlab.catalogue.models import Dead, Model, ModelVariant, Provider, Rules
from llmlab.catalogue.read import read
from llmlab.errors import ConfigError, UnknownModel, UsageError, nearest, suggest

_SNAPSHOT: Final = re.compile(r"(?P<base>.+)-(?:\d{8}|\d{4}-\d\d-\d\d|\d{4})")
"""Ids with a date at the end, as OpenAI, Anthropic and xAI write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All models llmlab knows, and the names by which a person may ask for them."""

    providers: Mapping[str, Provider]
    rules: Mapping[str, Rules]
    listed: Mapping[str, Model]
    """The models by `provider/id`."""
    aliases: Mapping[str, ModelVariant]
    lineups: Mapping[str, tuple[str, ...]]
    """Each line-up with the names in it."""
    dead: tuple[Dead, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    """Why the plug-in of a provider could not be loaded, by its name."""

    @classmethod
    def load(
        cls, extra: Path | None = None, providers: dict[str, dict[str, Any]] | None = None
    ) -> Self:
        """
        Read the catalogue that comes with llmlab, and `extra`, the user's file, on top.

        *providers* are rows of the user's settings, by name; they come last.

        Nothing is kept between calls: whoever asks holds the result.

        Raises:
            ConfigError: An entry is unknown or ill-typed; the line names it and the nearest key.
        """
        tables = read(extra, providers)
        bare = cls(
            providers=tables.providers,
            rules=tables.rules,
            listed=tables.models,
            aliases=tables.aliases,
            lineups=tables.lineups,
            dead=tables.dead,
            broken=tables.broken,
        )
        late = {name: bare._late(name, *asked) for name, asked in tables.pending.items()}
        whole = replace(bare, aliases={**tables.aliases, **late})
        _check_lineups(whole)
        return whole

    @property
    def sellers(self) -> dict[str, str]:
        """By provider, its name in the price table; see `pricing.Prices`."""
        return {name: home.priced_as for name, home in self.providers.items()}

    def models(self) -> tuple[Model, ...]:
        """Return every listed model, in the order of the file."""
        return tuple(self.listed.values())

    def find(self, name: str) -> Model:
        """
        Return the model of an alias, a `provider/model`, or an id that only one provider has.

        A dated snapshot has its family's entry; an id that a known provider may have, but the
        catalogue has not, comes back with `listed=False` and all that the provider's wire can
        carry.

        Raises:
            UnknownModel: No such name, several such ids, or a model that is no longer served.
        """
        name = name.strip()
        if name in self.aliases:
            return self.aliases[name].model
        found = self._named(name) if "/" in name else self._bare(name)
        if found is not None:
            return found
        self._refuse_dead(name)
        provider, slash, id_ = name.partition("/")
        if slash and id_ and provider in self.providers:
            home = self.providers[provider]
            return Model(
                provider=provider,
                id=id_,
                apis=home.apis,
                rules=home.rules,
                speaks=home.speaks,
                dialect=home.dialect,
                listed=False,
            )
        if provider in self.broken:
            raise UnknownModel(f"{name}: {self.broken[provider]}")
        raise UnknownModel(self._unknown(name))

    def arm(self, name: str) -> ModelVariant:
        """Return one arm: an alias brings its parameters, any other name has none."""
        name = name.strip()
        return self.aliases.get(name) or ModelVariant(label=name, model=self.find(name))

    def arms(self, names: str | Sequence[str]) -> tuple[ModelVariant, ...]:
        """
        Return the arms of line-ups, aliases and models, in order.

        Args:
            names: One string, with commas or without, or a list of such strings.

        Raises:
            UnknownModel: A name is unknown, or its model is no longer served.
            UsageError: No name at all, or two that ask the same model in the same way.
        """
        arms: dict[str, ModelVariant] = {}
        for name in self._spread((names,) if isinstance(names, str) else names):
            arm = self.arm(name)
            key = f"{arm.model.name} {sorted(arm.parameters.items())!r}"
            if key in arms:
                raise UsageError(_twice(arms[key].label, arm))
            arms[key] = arm
        if not arms:
            raise UsageError(f"no model was named; try {', '.join(self.lineups)} or gpt, claude")
        return tuple(arms.values())

    def with_lineup(self, name: str, names: Sequence[str]) -> "Catalogue":
        """
        Return this catalogue with the line-up *name*, in place of one of that name.

        Raises:
            ConfigError: An alias has this name, or a model is unknown or named twice.
        """
        whole = replace(self, lineups={**self.lineups, name: tuple(names)})
        _check_lineups(whole)
        return whole

    def dying(self, on: date, within_days: int = 60) -> tuple[tuple[Model, date], ...]:
        """Return models that retire by `on` plus `within_days`, or have retired, soonest first."""
        last = on + timedelta(days=within_days)
        going = [(m, m.retires) for m in self.listed.values() if m.retires and m.retires <= last]
        return tuple(sorted(going, key=lambda pair: (pair[1], pair[0].name)))

    def _named(self, name: str) -> Model | None:
        if name in self.listed:
            return self.listed[name]
        base = _base(name)
        if base not in self.listed:
            return None
        return replace(self.listed[base], id=name.partition("/")[2])

    def _bare(self, name: str) -> Model | None:
        full = [f"{provider}/{name}" for provider in self.providers]
        found = [model for model in map(self._named, full) if model is not None]
        if len(found) > 1:
            either = " or ".join(model.name for model in found)
            raise UnknownModel(f"{name!r} is served by several providers: say {either}")
        return found[0] if found else None

    def _refuse_dead(self, name: str) -> None:
        full = [name] if "/" in name else [f"{provider}/{name}" for provider in self.providers]
        for candidate in (form for each in full for form in (each, _base(each))):
            for entry in self.dead:
                if fnmatchcase(candidate, entry.pattern):
                    when = f" since {entry.since}" if entry.since else ""
                    raise UnknownModel(f"{name} is no longer served{when}; use {entry.use}")

    def _unknown(self, name: str) -> str:
        if name in self.lineups:
            return f"{name!r} is a line-up, not a model: one of {', '.join(self.lineups[name])}"
        provider, slash, _ = name.partition("/")
        gateways = [each for each, home in self.providers.items() if home.speaks]
        if slash and provider not in self.providers and nearest(provider, gateways):
            return f"no provider is called {provider!r}; {suggest(provider, gateways)}"
        ids = [model.id for model in self.listed.values()]
        names = [*self.aliases, *self.lineups, *self.listed, *ids]
        short = f"short names: {', '.join(self.aliases)}"
        hint = suggest(name, names, most=3, otherwise=short)
        return f"no model is called {name!r}; {hint} (provider/model names any model)"

    def _spread(self, names: Iterable[str]) -> Iterator[str]:
        for text in names:
            for name in filter(None, (part.strip() for part in text.split(","))):
                yield from self.lineups.get(name, (name,))

    def _late(self, label: str, model: str, parameters: Mapping[str, object]) -> ModelVariant:
        """Return the arm of an alias whose model is a snapshot, or not in the catalogue."""
        try:
            return ModelVariant(label=label, model=self.find(model), parameters=parameters)
        except UnknownModel as error:
            raise ConfigError(f"aliases.{label}: {error}") from error


def _check_lineups(catalogue: Catalogue) -> None:
    for name in catalogue.lineups:
        if name in catalogue.aliases:
            raise ConfigError(f"lineups.{name}: an alias has this name already; rename one")
        try:
            catalogue.arms(name)
        except UsageError as error:
            raise ConfigError(f"lineups.{name}: {error}") from error


def _base(name: str) -> str:
    snapshot = _SNAPSHOT.fullmatch(name)
    return snapshot["base"] if snapshot else name


def _twice(first: str, arm: ModelVariant) -> str:
    if first == arm.label:
        return f"{first} is named twice; name each model once (repeats= asks it again)"
    return f"{first} and {arm.label} are the same model, asked the same way; name one of them"
