"""
Try a user's score function on a made-up answer, before real ones are paid for.

In: the scorer, and a line of the frame. Out: nothing, or one line that says what is wrong with
the function and where.
"""

import inspect
import linecache
import traceback
from collections.abc import Mapping
from numbers import Real
from typing import Any

import msgspec

from llmlab.errors import UsageError
from llmlab.records import Answer, Usage
from llmlab.scores.documents import TARGET
from llmlab.scores.scorer import Scorer


def try_out(scorer: Scorer, sample: str, target: object, line: Mapping[str, object]) -> None:
    """
    Score *sample* as an answer; when empty, the target's own words.

    Raises:
        UsageError: The function does not take two values, raises, or returns no number.
    """
    text = sample or ("An answer." if target is None else str(target))
    function: Any = scorer.of_answer or scorer.value
    _fits(function, scorer.name)
    given = made_up(text) if scorer.of_answer is not None else text
    row = {**line, TARGET: target} if scorer.of_answer is not None else target
    try:
        value = function(given, row)
    except Exception as error:  # a user's function may raise anything
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        where = _where(error, function)
        raise UsageError(
            f"score {scorer.name} raised {what}{where}, tried on the made-up answer {text!r}; "
            f"{_WAY_OUT.format(name=scorer.name)}"
        ) from error
    _number(value, scorer.name)


_WAY_OUT = (
    "return float('nan') for what cannot be scored, or give it an answer to be tried on: "
    "score=scores.function({name}, sample='...')"
)


def made_up(text: str) -> Answer:
    """Return a made-up answer, with `parsed` where its text is JSON."""
    try:
        parsed = msgspec.json.decode(text)
    except msgspec.DecodeError:
        parsed = None
    used = Usage(input=1, output=1)
    return Answer(text=text, usage=used, finish="stop", model="made-up", parsed=parsed)


def _fits(function: Any, name: str) -> None:
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"score {name} is async: a score is a plain function")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin may have none
        return
    try:
        signature.bind("text", "target")
    except TypeError:
        raise UsageError(
            f"score {name} takes {signature}: a score is a function of (text, target), "
            "or of (answer, row)"
        ) from None


def _number(value: object, name: str) -> None:
    number = isinstance(value, Real) or (hasattr(value, "__float__") and not _is_text(value))
    if not number:
        raise UsageError(
            f"score {name} returned {value!r}: return a number, higher is better, or "
            "float('nan') for what cannot be scored"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str | bytes)


def _where(error: Exception, function: Any) -> str:
    """Name the line of the function in which it raised."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename == file] or frames[-1:]
    number = mine[-1].lineno or 0
    words = linecache.getline(mine[-1].filename, number).strip()
    return f" in line {number}" + (f" ({words})" if words else "")
