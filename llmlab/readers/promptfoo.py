"""
Results of promptfoo, as `promptfoo eval -o results.json` writes them, to scores.

The format is that of promptfoo's `OutputFile` (https://www.promptfoo.dev/docs/configuration/outputs).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from llmlab.checks.files import require_file
from llmlab.errors import UsageError
from llmlab.readers.json_text import json_of, text_of

if TYPE_CHECKING:
    import pandas as pd

MOST: Final = 2**31
"""Bytes of a file of results."""
_LONGEST: Final = 60
_FAILED: Final = 2
"""`failureReason` of a call that failed, as against an answer that did not pass."""
_EXACT: Final = ("equals", "contains", "icontains", "starts-with")
"""Assertions whose value is what should have been said."""


class _Named(msgspec.Struct):
    id: str = ""
    label: str = ""
    raw: str = ""


class _Tokens(msgspec.Struct, gc=False):
    prompt: int | None = None
    completion: int | None = None


class _Response(msgspec.Struct):
    output: Any = None


class _Test(msgspec.Struct):
    assertions: list[dict[str, Any]] = msgspec.field(default_factory=list, name="assert")
    metadata: dict[str, Any] | None = None


class _Result(msgspec.Struct):
    provider: _Named
    prompt: _Named
    vars: dict[str, Any] = msgspec.field(default_factory=dict)
    score: float | None = None
    named: dict[str, float] = msgspec.field(default_factory=dict, name="namedScores")
    test: _Test = msgspec.field(default_factory=_Test, name="testCase")
    response: _Response | None = None
    error: str | None = None
    reason: int | None = msgspec.field(default=None, name="failureReason")
    column: int | None = msgspec.field(default=None, name="promptIdx")
    cost: float | None = None
    latency: float | None = msgspec.field(default=None, name="latencyMs")
    tokens: _Tokens | None = msgspec.field(default=None, name="tokenUsage")

    @property
    def failed(self) -> bool:
        """Whether there is no answer, as against one that did not pass."""
        if self.reason is not None:
            return self.reason == _FAILED
        return bool(self.error) and (self.response is None or self.response.output is None)

    @property
    def arm(self) -> tuple[int | None, str, str]:
        """What tells its arm from others: the column of promptfoo's table, or its labels."""
        if self.column is not None:
            return self.column, "", ""
        return None, self.prompt.label or self.prompt.raw, self.provider.label or self.provider.id


class _Results(msgspec.Struct):
    results: list[_Result]


class _File(msgspec.Struct):
    results: _Results


def read_promptfoo(path: str | Path, *, score: str | None = None) -> "pd.DataFrame":
    """
    Return the scores of a file of promptfoo's results, one row an answer.

    `prompt` and `model` are the labels of prompt and provider. Tests with the same variables
    and assertions are one input, however often they were repeated: `repeat` counts them. *score*
    names a metric of promptfoo (`namedScores`); its overall score when None. Variables and
    metadata of tests become columns `var_...` and `metadata_...`.

    Raises:
        UsageError: The file is not there or not of promptfoo, or has no score of that name.
    """
    import pandas as pd

    path = Path(path)
    require_file(path, "results of promptfoo", most=MOST)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File).results.results
    except msgspec.DecodeError as error:
        raise UsageError(f"{path.name} has no results of promptfoo (JSON): {error}") from None
    if not found:
        raise UsageError(f"{path.name} has no results")
    arms = _arms(found)
    inputs: dict[str, str] = {}
    counted: dict[tuple[tuple[str, str], str], int] = {}
    lines = []
    for each in found:
        test = json_of([each.vars, each.test.assertions])
        key = arms[each.arm], inputs.setdefault(test, str(len(inputs)))
        repeat = counted[key] = counted.get(key, -1) + 1
        place = {"prompt": key[0][0], "model": key[0][1], "input": key[1], "repeat": repeat}
        lines.append({**place, **_line(each, score, path)})
    return pd.DataFrame(lines)


def _arms(found: list[_Result]) -> dict[tuple[int | None, str, str], tuple[str, str]]:
    """Name each arm by prompt and provider; of two that are called the same, the second is #2."""
    made: dict[tuple[int | None, str, str], tuple[str, str]] = {}
    taken: dict[tuple[str, str], int] = {}
    for each in found:
        if each.arm in made:
            continue
        name = _short(each.prompt.label or each.prompt.raw), each.provider.label or each.provider.id
        taken[name] = taken.get(name, 0) + 1
        again = f" #{taken[name]}" if taken[name] > 1 else ""
        made[each.arm] = name[0] + again, name[1]
    return made


def _line(each: _Result, score: str | None, path: Path) -> dict[str, Any]:
    output = None if each.response is None else each.response.output
    text = _said(output)
    exact = len(each.test.assertions) == 1 and each.test.assertions[0].get("type") in _EXACT
    tokens = each.tokens or _Tokens()
    return {
        "score": None if each.failed else _score(each, score, path),
        "status": "error" if each.failed else "ok",
        "text": text,
        "target": _said(each.test.assertions[0].get("value")) if exact else None,
        "said": text if exact and not each.failed else None,
        "error": each.error if each.failed else None,
        "latency_s": None if each.latency is None else each.latency / 1000.0,
        "cost_usd": each.cost,
        "input_tokens": tokens.prompt,
        "output_tokens": tokens.completion,
        **{f"var_{key}": _said(value) for key, value in each.vars.items()},
        **{f"metadata_{key}": _said(value) for key, value in (each.test.metadata or {}).items()},
    }


def _score(each: _Result, score: str | None, path: Path) -> float | None:
    if score is None:
        return each.score
    if score not in each.named:
        listed = ", ".join(each.named) or "none"
        raise UsageError(f"{path.name}: no metric is called {score!r}; there are {listed}")
    return each.named[score]


def _short(label: str) -> str:
    """Return the first line of a label, which may be a whole prompt."""
    line = next((line for line in label.splitlines() if line.strip()), "prompt").strip()
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _said(value: Any) -> str | None:
    return None if value is None else text_of(value)
