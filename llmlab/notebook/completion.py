"""Tab completion in the cells of llmlab's magics."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from llmlab import default
from llmlab.errors import LabError
from llmlab.notebook.parsing import options_of

LAB_WORDS: Final = ("models", "spend", "runs", "health", "count", "config", "trust")

_MAGICS: Final = ("%%llm", "%%abtest", "%abtest", "%lab")
_NAME: Final = "llmlab"
_LISTS: Final = ("--prompts",)
"""Options that take several names, separated by commas."""
_SLOT: Final = re.compile(r"\{\{\s*(\w*)$")
_MARK: Final = re.compile(r"(?m:^)\[\w*\Z")
_SYSTEMS: Final = ("str", "dict")
"""What `--system` takes: one, or in `%%abtest` several by name."""
_KINDS: Final = ("str", "int", "float", "list", "dict", "DataFrame", "Series", "ndarray")
"""Types of variables that may fill a slot."""

Offer: TypeAlias = tuple[str, list[str]]
"""The prefix that was typed, and the names that complete it."""


def register(shell: Any) -> None:
    """Register the matcher with *shell*, first in order; it replaces that of an earlier load."""

    @context_matcher(identifier=_NAME)
    def match(context: CompletionContext) -> SimpleMatcherResult:
        """Return the completions at the cursor; if there are any, other matchers are suppressed."""
        before = context.full_text.split("\n")[: context.cursor_line]
        try:
            typed, names = offered(shell, "\n".join([*before, context.text_until_cursor]))
        except LabError:  # a file of the project is wrong: the cell says so when it is run
            typed, names = "", []
        found = dict.fromkeys(name for name in names if name.startswith(typed))
        return {
            "completions": [SimpleCompletion(name, type="llmlab") for name in found],
            "matched_fragment": typed,
            "suppress": True,
            "ordered": True,
        }

    others = [
        each
        for each in shell.Completer.custom_matchers
        if getattr(each, "matcher_identifier", "") != _NAME
    ]
    shell.Completer.custom_matchers = [*others, match]


def offered(shell: Any, text: str) -> Offer:
    """Return the completions at the end of *text*, a cell up to the cursor; none in other cells."""
    head, _, _ = text.lstrip().partition("\n")
    line = text.rpartition("\n")[2]
    words = line.split()
    if words and words[0] in _MAGICS and len(words) + line.endswith((" ", "\t")) > 1:
        return _in_line(shell, line, words)
    if head.startswith(("%%llm", "%%abtest")) and "\n" in text.lstrip():
        return _in_slot(shell, head.split(), text)
    return "", []


def _in_line(shell: Any, line: str, words: list[str]) -> Offer:
    typed = "" if line.endswith((" ", "\t")) else words.pop()
    before = words[-1]
    if typed.startswith("--") and "=" in typed:
        before, _, typed = typed.partition("=")
    names = _after(before, words, shell)
    if names is None and typed.startswith("-"):
        given = set(words)
        return typed, [name for name in _options(words[0], shell) if name not in given]
    many = names is None or before in _LISTS
    if names is None:
        names = _plain(words, shell)
    if not many or "," not in typed:
        return typed, names
    taken = typed.split(",")
    return taken[-1], [name for name in names if name not in taken[:-1]]


def _in_slot(shell: Any, words: list[str], text: str) -> Offer:
    """
    Return what may fill a slot: the columns of the frame, then the notebook's variables.

    Outside of slots, after a `[` that begins a line: the marks of a prompt's parts.
    """
    slot = _SLOT.search(text)
    if slot is None:
        mark = _MARK.search(text)
        return (mark[0], ["[system]", "[user]", "[assistant]"]) if mark else ("", [])
    columns = _columns(words, shell.user_ns)
    spelt = [name if name.isidentifier() else f'row["{name}"]' for name in columns]
    return slot[1], [*spelt, *(name for kind in _KINDS for name in _of_kind(shell.user_ns, kind))]


def _after(before: str, words: list[str], shell: Any) -> list[str] | None:
    """Return the values of the option *before*; None where it is no option, or a switch."""
    names: Mapping[str, object] = shell.user_ns
    known: dict[str, Callable[[], list[str]]] = {
        "--on": lambda: _of_kind(names, "DataFrame"),
        "--score": lambda: [*_scores(), *_of_kind(names, "function")],
        "--target": lambda: _columns(words, names),
        "--cluster": lambda: _columns(words, names),
        "--as-of": lambda: _columns(words, names),
        "--missing": lambda: ["skip", "send"],
        "--prompts": _prompts,
        "--name": _runs,
        "--system": lambda: [each for kind in _SYSTEMS for each in _of_kind(names, kind)],
        "-s": lambda: [each for kind in _SYSTEMS for each in _of_kind(names, kind)],
        "--schema": lambda: _of_kind(names, "dict"),
        "--tools": lambda: [*_of_kind(names, "function"), *_of_kind(names, "list")],
        "--tool-choice": lambda: ["auto", "none", "required"],
        "--verbosity": lambda: ["low", "medium", "high"],
        "--model": _models,
    }
    if before == "-m" and words[0] == "%lab":
        return _models()
    if before in known:
        return known[before]()
    return [] if _takes_value(before, words[0], shell) else None


def _plain(words: list[str], shell: Any) -> list[str]:
    """Return the positional arguments: models, or the subcommands of `%lab`."""
    names: Mapping[str, object] = shell.user_ns
    if words[0] != "%lab":
        return [*_models(), *(name for name, held in _mine(names) if hasattr(held, "chosen"))]
    if len(words) == 1:
        return list(LAB_WORDS)
    return _of_kind(names, "str") if words[1:] == ["count"] else []


def _models() -> list[str]:
    catalogue = default.lab().catalogue
    return [*catalogue.lineups, *catalogue.aliases, *catalogue.listed]


def _parser(magic: str, shell: Any) -> Any:
    kind = "cell" if magic.startswith("%%") else "line"
    found = shell.magics_manager.magics[kind].get(magic.lstrip("%"))
    return getattr(found, "parser", None)


def _options(magic: str, shell: Any) -> list[str]:
    parser = _parser(magic, shell)
    return [] if parser is None else options_of(parser)


def _takes_value(option: str, magic: str, shell: Any) -> bool:
    parser = _parser(magic, shell)
    actions = () if parser is None else parser._actions  # noqa: SLF001
    return any(option in each.option_strings and each.nargs != 0 for each in actions)


def _prompts() -> list[str]:
    return list(default.lab().prompts.names())


def _scores() -> list[str]:
    from llmlab.scores import SCORES

    return list(SCORES)


def _runs() -> list[str]:
    return [str(run.name) for run in default.lab().book.runs()]


def _columns(words: list[str], names: Mapping[str, object]) -> list[str]:
    """Return the columns of the frame that the line names with `--on`."""
    frame = names.get(_value_of("--on", words))
    return [str(name) for name in getattr(frame, "columns", ())]


def _value_of(option: str, words: list[str]) -> str:
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else "".join(words[at + 1 : at + 2])
    return ""


def _of_kind(names: Mapping[str, object], kind: str) -> list[str]:
    return [name for name, value in _mine(names) if type(value).__name__ == kind]


def _mine(names: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Leave out IPython's own names and its history (`_`, `_i1`, `In`)."""
    own = {"In", "Out"}
    return (
        (name, value)
        for name, value in names.items()
        if not name.startswith("_") and name not in own
    )
