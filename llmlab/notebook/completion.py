"""Completion in a magic's line: options, and what belongs after each of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from llmlab import default
from llmlab.notebook.parsing import options_of

LAB_WORDS: Final = ("models", "spend", "runs", "health", "count", "config", "trust")


def complete(shell: Any, event: Any) -> list[str]:
    """Return what may stand where the cursor is; IPython keeps what fits the word so far."""
    words = event.text_until_cursor.split()
    before = words[-1] if event.text_until_cursor.endswith(" ") else words[-2]
    names = _after(before, words, shell)
    if names is None:
        names = _options(words[0], shell) if event.symbol.startswith("-") else _plain(words[0])
    return sorted({name for name in names if name.startswith(event.symbol)})


def _after(before: str, words: list[str], shell: Any) -> list[str] | None:
    """Return what the option *before* takes; None when it takes nothing that is known."""
    names: Mapping[str, object] = shell.user_ns
    known: dict[str, Callable[[], list[str]]] = {
        "--on": lambda: _of_kind(names, "DataFrame"),
        "--score": lambda: [*_scores(), *_functions(names)],
        "--target": lambda: _columns(words, names),
        "--cluster": lambda: _columns(words, names),
        "--as-of": lambda: _columns(words, names),
        "--prompts": _prompts,
        "--name": _runs,
        "--system": lambda: _of_kind(names, "str"),
        "-s": lambda: _of_kind(names, "str"),
        "--schema": lambda: _of_kind(names, "dict"),
    }
    return known[before]() if before in known else None


def _plain(magic: str) -> list[str]:
    return list(LAB_WORDS) if magic == "%lab" else _models()


def _models() -> list[str]:
    catalogue = default.lab().catalogue
    return [*catalogue.lineups, *catalogue.aliases, *catalogue.listed]


def _options(magic: str, shell: Any) -> list[str]:
    kind = "line" if magic == "%lab" else "cell"
    found = shell.magics_manager.magics[kind][magic.lstrip("%")]
    return options_of(found.parser) if hasattr(found, "parser") else []


def _prompts() -> list[str]:
    return list(default.lab().prompts.names())


def _scores() -> list[str]:
    from llmlab.scores import SCORES

    return list(SCORES)


def _runs() -> list[str]:
    return [str(run.name) for run in default.lab().book.runs()]


def _columns(words: list[str], names: Mapping[str, object]) -> list[str]:
    """Return the columns of the frame that the line names after `--on`."""
    frame = names.get(words[words.index("--on") + 1]) if "--on" in words[:-1] else None
    return [str(name) for name in getattr(frame, "columns", ())]


def _of_kind(names: Mapping[str, object], kind: str) -> list[str]:
    return [name for name, value in _mine(names) if type(value).__name__ == kind]


def _functions(names: Mapping[str, object]) -> list[str]:
    return [name for name, value in _mine(names) if type(value).__name__ == "function"]


def _mine(names: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Leave out IPython's own names and its history (`_`, `_i1`, `In`)."""
    return ((name, value) for name, value in names.items() if not name.startswith("_"))
