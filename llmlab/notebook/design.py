"""The line and the cell of `%%abtest`, as the arguments of `Lab.abtest`."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core import error as ipython

from llmlab import default
from llmlab.checks.files import read_text
from llmlab.errors import UsageError
from llmlab.notebook.cells import lookup, prompts_of, values_for
from llmlab.records import Schema

if TYPE_CHECKING:
    from llmlab.comparison import Comparison


def design_of(
    args: Any, cell: str, names: Mapping[str, object], usual_models: str
) -> dict[str, Any]:
    """Return the keyword arguments of `Lab.abtest`."""
    import pandas as pd

    from llmlab.design.design import OPTIONS

    inline = prompts_of(cell)
    named = args.prompts.split(",") if args.prompts else []
    if inline and named:
        raise UsageError("the cell has prompts and --prompts names others: use one of the two")
    if not inline and not named:
        raise UsageError("no prompt was given: write one after a line `--- name`, or --prompts")
    system = _system(args.system, names)
    return {
        **{name: said for name, said in vars(args).items() if name in OPTIONS},
        "system": system,
        "prompts": inline or [name.strip() for name in named],
        "models": _models(args.models, names) if args.models else usual_models or None,
        "on": lookup(args.on, names, pd.DataFrame, "--on") if args.on else None,
        "score": _score(args.score, names),
        "values": values_for(inline, names, _texts(system)),
        "tools": tools_of(args.tools, names),
    }


def _system(name: str | None, names: Mapping[str, object]) -> str | Mapping[str, str | None] | None:
    """Take a system prompt, or several by name, from a variable."""
    if name is None:
        return None
    kind: type[Any] = dict if isinstance(names.get(name), dict) else str
    found: str | dict[str, str | None] = lookup(name, names, kind, "--system")
    return found


def _texts(system: str | Mapping[str, str | None] | None) -> list[str]:
    given = list(system.values()) if isinstance(system, Mapping) else [system]
    return [text for text in given if isinstance(text, str)]


def _models(words: list[str], names: Mapping[str, object]) -> list[str]:
    """Replace a notebook variable, such as a picker or a list, by the model names it holds."""
    catalogue = default.lab().catalogue
    known = {*catalogue.lineups, *catalogue.aliases, *catalogue.listed}
    found: list[str] = []
    for word in words:
        held = getattr(names.get(word), "chosen", names.get(word))
        if isinstance(held, str) and word not in known:
            held = [held]
        if isinstance(held, list | tuple) and not held:
            raise UsageError(f"{word} is empty: it names no model")
        found += map(str, held) if isinstance(held, list | tuple) else [word]
    return found


def schema_of(name: str | None, names: Mapping[str, object]) -> Schema | None:
    """
    Read a JSON schema: a dict of the notebook, or a file.

    Raises:
        UsageError: It is neither, or the file is not JSON.
    """
    if name is None:
        return None
    if not name.endswith(".json"):
        return Schema(name=name, document=lookup(name, names, dict, "--schema"))
    path = Path(name)
    try:
        document = json.loads(read_text(path, "the --schema"))
    except ValueError as error:
        raise UsageError(f"--schema {name}: not valid JSON: {error}") from None
    except RecursionError:
        raise UsageError(f"--schema {name}: its objects or lists nest too deep") from None
    if not isinstance(document, dict):
        raise UsageError(f"--schema {name}: must hold an object, such as {{'type': 'object'}}")
    return Schema(name=re.sub(r"[^A-Za-z0-9_-]", "_", path.stem), document=document)


def tools_of(said: str | None, names: Mapping[str, object]) -> list[object] | None:
    """
    Return what the notebook's names in *said*, joined by commas, hold: functions, or lists of them.

    Raises:
        UsageError: There is no such name.
    """
    if said is None:
        return None
    found: list[object] = []
    for name in (each.strip() for each in said.split(",")):
        held = lookup(name, names, object, "--tools")
        found += held if isinstance(held, list | tuple) else [held]
    return found


def stopped_short(comparison: "Comparison") -> None:
    """
    Raise if the run was interrupted; the result is bound and shown already.

    Raises:
        UsageError: It was interrupted. An error, so that "run all" does not go on behind it.
    """
    if comparison.unsent:
        raise ipython.UsageError(comparison.notes[0])


def _score(name: str | None, names: Mapping[str, object]) -> str | Callable[..., float] | None:
    """Return the notebook's function of that name, else the name of the score."""
    mine = names.get(name) if name else None
    return mine if callable(mine) else name
