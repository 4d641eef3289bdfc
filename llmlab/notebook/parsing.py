"""Parse a magic's line: unknown options get a suggestion, and every error is one line."""

import argparse
import inspect
import keyword
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Number
from typing import Any

from IPython.core import error as ipython
from IPython.utils.process import arg_split  # type: ignore[attr-defined]  # public, not re-exported

from llmlab.checks.plain import plain
from llmlab.errors import LabError, UsageError, suggest


def arguments(
    magic: Callable[..., Any], line: str, names: Mapping[str, object] | None = None
) -> Any:
    """
    Parse *line* by the options of *magic*; a word `{name}` is the value that *names* has for it.

    Raises:
        UsageError: An option is unknown (the nearest is named), or a value does not fit.
        HelpAsked: The line has `--help` or `-h`; `one_line` prints it.
    """
    if asks_help(line):
        raise HelpAsked(inspect.getdoc(magic) or "")
    parser = magic.parser  # type: ignore[attr-defined]  # magic_arguments puts it there
    name = f"%%{magic.__name__}" if magic.__name__ != "lab" else "%lab"
    try:
        # Intermixed: options may stand between the names of models.
        parsed = parser.parse_intermixed_args(_spread(arg_split(line), names))
    except ipython.UsageError as error:
        raise ipython.UsageError(f"{name}: {_better(str(error), parser, name)}") from None
    except ValueError as error:  # a quote that is never closed
        raise ipython.UsageError(f"{name}: {line.strip()!r}: {error}".lower()) from None
    out = getattr(parsed, "out", None)
    if out is not None and (not out.isidentifier() or keyword.iskeyword(out)):
        raise ipython.UsageError(
            f"{name}: -o {out}: not a name of Python; use letters, digits and _"
        )
    return parsed


class HelpAsked(Exception):
    """Raised for `--help`: holds the help text; nothing else is done."""


def asks_help(line: str) -> bool:
    """Say whether a magic's line asks how the magic is used."""
    return not {"--help", "-h"}.isdisjoint(line.split())


def help_alone(lines: list[str]) -> list[str]:
    """
    Give `%%llm --help` a body, without which IPython refuses a cell magic.

    An input transformer: lines of a cell in, lines out; other cells stay as they are.
    """
    head, *body = lines or [""]
    if head.startswith(("%%llm", "%%abtest")) and asks_help(head) and not "".join(body).strip():
        return [f"{head.rstrip()}\n", "help\n"]
    return lines


def _spread(words: list[str], names: Mapping[str, object] | None) -> list[str]:
    """Replace `{name}` by its value, so that a cell of parameters reaches every option."""
    if names is None:
        return words
    return [said for word in words for said in _said(word, names)]


def _said(word: str, names: Mapping[str, object]) -> list[str]:
    name = word[1:-1]
    if word != f"{{{name}}}" or not name.isidentifier():
        return [word]
    if name not in names:
        raise UsageError(f"{word}: nothing in this notebook is called {name}")
    held = plain(names[name])
    many = held if isinstance(held, list) else [held]
    if not many:
        raise UsageError(f"{word} is empty: give it a value, or leave it out")
    if not all(isinstance(each, str | Number) for each in many):  # Decimal and NumPy, too
        kind = type(held).__name__
        raise UsageError(f"{word}: must be words or numbers, not a {kind}; write {name}")
    return [str(each) for each in many]


def dates_or_span(text: str) -> int | str:
    """Read a horizon: a whole number is of dates, anything else a span of time such as `7D`."""
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else text


def whole(text: str) -> int:
    """Read a whole number; `50.0`, as NumPy writes one of its floats, is one."""
    try:
        return int(text.removesuffix(".0"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid int value: {text!r}") from None


def options_of(parser: Any) -> list[str]:
    """Return the options of a magic, long forms first; every magic has help."""
    options = [each for action in parser._actions for each in action.option_strings]  # noqa: SLF001
    names = ["--help", *options]
    return sorted(names, key=lambda name: (not name.startswith("--"), name))


def _better(told: str, parser: Any, name: str) -> str:
    """Name the nearest option where one is unknown."""
    _, found, words = told.partition("unrecognized arguments: ")
    if not found:
        return told
    wrong = words.split()[0].partition("=")[0]
    if not wrong.startswith("-"):
        return f"{words!r} is one word too many; see {name}?"
    hint = suggest(wrong, options_of(parser), otherwise=f"see {name}?")
    return f"no option is called {wrong}; {hint}"


@contextmanager
def one_line() -> Iterator[None]:
    """
    Show usage errors and a provider's refusals as one line; bugs keep their traceback.

    An interrupt is one line, too, and still an error, so that "run all" stops here. Help that
    was asked for is printed in the block's place.
    """
    try:
        yield
    except HelpAsked as asked:
        print(asked)  # noqa: T201 - in the cell, as help() does
    except LabError as error:
        raise ipython.UsageError(" ".join(str(error).split())) from None
    except KeyboardInterrupt:
        raise ipython.UsageError("interrupted; nothing is left running") from None
