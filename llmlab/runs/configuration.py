"""The text of `llmlab config`: settings with their sources, variables that hold a key, paths."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from llmlab.catalogue import Catalogue
from llmlab.secrets import Secret
from llmlab.settings import Settings

_UNSET: Final = "-"


def configuration(
    entries: Sequence[tuple[str, object, str]],
    settings: Settings,
    catalogue: Catalogue,
    env: Mapping[str, str],
    *,
    project: Path,
) -> str:
    """Return three tables: settings with their sources, keys as dots, and paths."""
    told = [(name, _shown(value), source) for name, value, source in entries]
    return "\n\n".join(
        [
            _table("settings", told),
            _table("keys", _keys(catalogue, env)),
            _table("paths", _paths(settings, project)),
        ]
    )


def book_path(settings: Settings, project: Path) -> Path | None:
    """Return the path of the book; None for a book in memory."""
    if settings.book is not None and str(settings.book) == ":memory:":
        return None
    return settings.book or project / ".llmlab" / "lab.db"


def _shown(value: object) -> str:
    if value is None or value in ({}, ""):
        return _UNSET
    return str(value).lower() if isinstance(value, bool) else str(value)


def _keys(catalogue: Catalogue, env: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Show each key as dots; the first variable that is set is used."""
    rows = []
    for home in catalogue.providers.values():
        used = next((name for name in home.keys if env.get(name, "").strip()), None)
        for name in home.keys:
            held = bool(env.get(name, "").strip())
            if home.preset and not held:
                continue  # a gateway that is not used
            note = home.name if name == used or not held else f"{home.name}, {used} comes first"
            rows.append((name, repr(Secret(name)) if held else "not set", note))
    return rows


def _paths(settings: Settings, project: Path) -> list[tuple[str, str, str]]:
    from llmlab.local import model_path

    book = book_path(settings, project)
    paths = {
        "project": project,
        "book": book,
        "prompts": project / settings.prompts,
        "tape": settings.tape,
        "local_model": model_path(settings.local_model),
    }
    return [
        (name, "in memory" if path is None and name == "book" else _shown(path), _state(path))
        for name, path in paths.items()
    ]


def _state(path: Path | None) -> str:
    if path is None:
        return ""
    return "there" if path.exists() else "not there"


def _table(title: str, rows: Sequence[tuple[str, str, str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    return "\n".join([f"{title}:", *lines])
