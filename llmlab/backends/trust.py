"""
Trust: settings of a project that need the user's approval, such as where keys are sent.

A project may come from a colleague or from the network. What its `llmlab.toml`, its
`pyproject.toml` and the catalogue they name say about addresses, keys, and paths out of the
project has no effect until the user has accepted it (`llmlab trust`). Everything else in them,
and prompts, is data.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from llmlab.backends.trusted import accept, is_accepted
from llmlab.catalogue import Catalogue, Provider
from llmlab.settings import Settings, Sourced

_FILES: Final = frozenset({"pyproject.toml", "llmlab.toml"})
"""The sources of settings that belong to a project, not to the user."""

_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)

_PATHS: Final = {
    "book": "keep prompts and answers",
    "tape": "read or write a tape",
    "prompts": "read prompts",
    "local_model": "load a model",
}
"""Settings that are paths, and what is done at the path."""

_SWITCHES: Final = {
    "plain_http": ("allow unencrypted http", True),
    "remote_images": ("let answers load pictures from any host", False),
}
"""Settings that allow something, what it is, and whether it matters only when sending."""


_ROW: Final = "providers."
_TABLES: Final = ("base_urls.", _ROW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One permission that a project's file asks for."""

    file: str
    setting: str
    """Such as `base_urls.openai`, or `catalogue` for entries of the catalogue."""
    does: str
    """Continues "would": `send OPENAI_API_KEY to gateway.example`."""
    content: tuple[object, ...]
    """What is accepted: any change of it asks again."""
    sends: bool = True
    """Whether it matters only where something is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetted:
    """Settings and catalogue without what needs the user's approval."""

    settings: Settings
    catalogue: Catalogue
    claims: tuple[Claim, ...]
    """What needs approval; empty when nothing does."""
    waiting: str
    """The line that says so, for the user."""


def vetted(read: Sourced, project: Path) -> Vetted:
    """
    Leave out of the settings what a project's file sets without the user's approval.

    In replay and stand-in mode nothing is sent, so only paths out of the project need it.

    Raises:
        ConfigError: The catalogue or the file of approvals cannot be read.
    """
    settings = read.settings
    catalogue = _catalogue(settings)
    claims = tuple(claims_of(read, catalogue, project))
    if claims and is_accepted(project, digest(claims)):
        claims = ()
    if settings.mode in {"replay", "stand-in"}:
        claims = tuple(each for each in claims if not each.sends)
    if not claims:
        return Vetted(settings=settings, catalogue=catalogue, claims=(), waiting="")
    settings = _without(settings, {each.setting for each in claims})
    catalogue = _catalogue(settings)
    line = _line(claims, project)
    return Vetted(settings=settings, catalogue=catalogue, claims=claims, waiting=line)


def trust(read: Sourced, project: Path) -> tuple[Claim, ...]:
    """Accept what the project's files ask for now, and return it."""
    claims = tuple(claims_of(read, _catalogue(read.settings), project))
    if claims:
        accept(project, digest(claims), [f"{each.file}: {each.does}" for each in claims])
    return claims


def _catalogue(settings: Settings) -> Catalogue:
    return Catalogue.load(settings.catalogue, settings.providers)


def digest(claims: Sequence[Claim]) -> str:
    """Return a hash of the claims: 64 hex digits of SHA-256."""
    content = sorted(_ENCODER.encode((each.setting, *each.content)) for each in claims)
    return hashlib.sha256(b"\n".join(content)).hexdigest()


def claims_of(read: Sourced, catalogue: Catalogue, project: Path) -> Iterator[Claim]:
    """Yield what the project's files ask for, accepted or not."""
    settings = read.settings
    told = {name: source for name, source in read.sources.items() if source in _FILES}
    for provider, url in settings.base_urls.items():
        name = f"base_urls.{provider}"
        if name in told:
            home = catalogue.providers.get(provider)
            does = f"send {_keys(home)} to {_host(url)}"
            yield Claim(file=told[name], setting=name, does=does, content=(url,))
    for name, (does, sends) in _SWITCHES.items():
        if getattr(settings, name) and name in told:
            yield Claim(file=told[name], setting=name, does=does, content=(True,), sends=sends)
    yield from _of_rows(settings, catalogue, told)
    yield from _of_catalogue(settings.catalogue, catalogue, project, named="catalogue" in told)
    for name, doing in _PATHS.items():
        path: Path | None = getattr(settings, name)
        if name in told and path is not None and _leaves(project, path, name):
            does = f"{doing} at {_plain(str(path))}"
            yield Claim(file=told[name], setting=name, does=does, content=(str(path),), sends=False)


def _of_rows(settings: Settings, catalogue: Catalogue, told: Mapping[str, str]) -> Iterator[Claim]:
    """Yield the claims of providers that a project's settings add or move."""
    shipped = Catalogue.load().providers if settings.providers else {}
    for name in settings.providers:
        setting, home = _ROW + name, catalogue.providers[name]
        files = [source for entry, source in told.items() if entry.startswith(f"{setting}.")]
        if files and _reached(home) != _reached(shipped.get(name)):
            yield _of_row(files[-1], setting, name, home)


def _of_catalogue(
    path: Path | None, catalogue: Catalogue, project: Path, *, named: bool
) -> Iterator[Claim]:
    """
    Yield the claims of providers that a project's catalogue adds or moves.

    A catalogue in a project that the user named is approved by that, except for key variables
    that belong to no known provider: its content is still the project's and may change.
    """
    if path is None or not (named or _is_in(project, path)):
        return
    shipped = Catalogue.load().providers
    usual = {key for home in shipped.values() for key in home.sends}
    for name, home in catalogue.providers.items():
        new = _reached(home) != _reached(shipped.get(name))
        if new and (named or set(home.sends) - usual):
            yield _of_row(_plain(path.name), "catalogue", name, home)


def _of_row(file: str, setting: str, name: str, home: Provider) -> Claim:
    does = f"send {_keys(home)} to {_where(home)}"
    return Claim(file=file, setting=setting, does=does, content=(name, *_reached(home)))


def _reached(home: Provider | None) -> tuple[object, ...]:
    """Return what decides which key a provider gets and where it is sent."""
    if home is None:
        return ()
    own = (home.base_url, home.base_url_env, home.keys, home.key_needed)
    more = (home.key_header, sorted(home.headers.items()), sorted(home.query.items()))
    # A row without any of these is worded as it always was: what was accepted stays accepted.
    return (*own, *more) if any(more) else own


def _is_in(project: Path, path: Path) -> bool:
    """Return whether a file lies in a project: below a folder with a project file."""
    marks = (*_FILES, ".git")
    is_project = any((project / mark).exists() for mark in marks)
    return is_project and path.resolve().is_relative_to(project.resolve())


def _leaves(project: Path, path: Path, name: str) -> bool:
    """Return whether a path leads out of the project; always True for a model: foreign code."""
    if name == "local_model":
        return True
    inside = (project / path).resolve().is_relative_to(project.resolve())
    return not inside and str(path) != ":memory:"


def _without(settings: Settings, names: set[str]) -> Settings:
    usual = Settings()
    urls = {
        provider: url
        for provider, url in settings.base_urls.items()
        if f"base_urls.{provider}" not in names
    }
    rows = {name: row for name, row in settings.providers.items() if _ROW + name not in names}
    plain = {name: getattr(usual, name) for name in names if not name.startswith(_TABLES)}
    return replace(settings, base_urls=urls, providers=rows, **plain)


def _line(claims: Sequence[Claim], project: Path) -> str:
    files = dict.fromkeys(each.file for each in claims)
    told = "; ".join(
        f"{file} would {', '.join(each.does for each in claims if each.file == file)}"
        for file in files
    )
    return (
        f"{told}: if you want that, run `llmlab trust` in {_plain(str(project.resolve()))} "
        "(in a notebook `%lab trust`); until then nothing is sent"
    )


def _keys(home: Provider | None) -> str:
    keys = " or ".join(map(_plain, home.keys)) if home is not None else ""
    more = [_plain(name) for name in home.sends if name not in home.keys] if home else []
    return f"{', '.join([keys or 'no key', *more])} and prompts"


def _where(home: Provider) -> str:
    return _host(home.base_url) if home.base_url else f"${_plain(home.base_url_env)}"


def _host(url: str) -> str:
    scheme, found, rest = url.partition("://")
    place = rest.partition("/")[0] if found else url
    return _plain(f"http://{place}" if scheme.lower() == "http" else place)


def _plain(text: str) -> str:
    """Escape control characters of a file's text, which could change a terminal's display."""
    return ascii(text)[1:-1]
