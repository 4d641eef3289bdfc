"""
Logs of inspect_ai, `.eval` and `.json`, to scores: an arm is a task with a model.

Only what an answer's row needs is read; messages and events are passed over. The format is that
of inspect_ai's `EvalLog` (https://inspect.aisi.org.uk/reference/inspect_ai.log.html).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from llmlab.checks.files import require_file
from llmlab.errors import UsageError
from llmlab.readers.json_text import json_of, text_of
from llmlab.readers.zipped import MOST, opened
from llmlab.records import Finish

if TYPE_CHECKING:
    import pandas as pd

_WORDS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0,
                 "false": 0.0}  # fmt: skip
"""What inspect_ai takes its words for a score to be worth."""


_FINISHES: Final[Mapping[str, Finish]] = {
    "stop": "stop", "max_tokens": "length", "model_length": "length", "tool_calls": "tool",
    "content_filter": "filter",
}  # fmt: skip
"""inspect_ai's `StopReason` as llmlab says it; what is left is `other`."""


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_cache_read: int | None = None
    input_tokens_cache_write: int | None = None
    reasoning_tokens: int | None = None
    total_cost: float | None = None


class _Output(msgspec.Struct):
    completion: str = ""
    stop_reason: str | None = None


class _Score(msgspec.Struct):
    value: Any = None
    answer: str | None = None


class _Failure(msgspec.Struct):
    message: str = ""


class _Sample(msgspec.Struct):
    id: int | str
    epoch: int = 1
    input: Any = None
    target: Any = None
    output: _Output = msgspec.field(default_factory=_Output)
    scores: dict[str, _Score] | None = None
    metadata: dict[str, Any] | None = None
    model_usage: dict[str, _Usage] = msgspec.field(default_factory=dict)
    working_time: float | None = None
    total_time: float | None = None
    error: _Failure | None = None


class _Eval(msgspec.Struct):
    task: str
    model: str
    task_args_passed: dict[str, Any] = msgspec.field(default_factory=dict)
    solver: str | None = None
    solver_args_passed: dict[str, Any] | None = None
    model_generate_config: dict[str, Any] = msgspec.field(default_factory=dict)


class _Head(msgspec.Struct):
    eval: _Eval


class _Whole(msgspec.Struct):
    eval: _Eval
    samples: list[_Sample] | None = None


class _Log(msgspec.Struct):
    """One log: what was evaluated, and its samples."""

    path: Path
    about: _Eval
    samples: list[_Sample]

    @property
    def arm(self) -> tuple[str, str]:
        """What was evaluated, and with which model."""
        return self.about.task, self.about.model

    @property
    def settings(self) -> dict[str, Any]:
        """What may tell apart two evaluations of one task with one model."""
        solver = {"solver": self.about.solver} if self.about.solver else {}
        passed = self.about.solver_args_passed or {}
        return {
            **self.about.model_generate_config, **passed, **solver, **self.about.task_args_passed
        }  # fmt: skip


def read_inspect_ai(
    path: str | Path | Sequence[str | Path], *, score: str | None = None
) -> "pd.DataFrame":
    """
    Return the scores of inspect_ai logs, one row a sample and epoch.

    *path* is a log (`.eval` or `.json`), a folder of them, or several logs. *score* names the
    scorer, `scorer/key` where its value has keys; the first scorer of the log when None. `prompt`
    is the task, with the settings that differ where a task was evaluated with several; `repeat`
    the epoch, counted on where the same was evaluated again. Words are worth what inspect_ai
    says: C 1, P 0.5, I and N 0. Metadata of samples become columns named `metadata_...`.

    Raises:
        UsageError: There is no log, one is damaged, or has no score of that name.
    """
    import pandas as pd

    logs = [_read(each) for each in _paths(path)]
    prompts = _prompts(logs)
    ids = _ids(logs)
    lines: list[dict[str, Any]] = []
    asked: dict[tuple[str, str, str], int] = {}
    for log, prompt, named in zip(logs, prompts, ids, strict=True):
        before = dict(asked)
        for sample in sorted(log.samples, key=lambda each: each.epoch):
            key = (prompt, log.about.model, named[str(sample.id)])
            again = before.get(key, 0)
            asked[key] = max(asked.get(key, 0), again + sample.epoch)
            line = {"prompt": prompt, "model": log.about.model, "input": key[2],
                    "repeat": again + sample.epoch - 1}  # fmt: skip
            lines.append({**line, **_line(sample, score, log.path)})
    if not lines:
        raise UsageError("the logs hold no samples")
    return pd.DataFrame(lines)


def _paths(path: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the logs meant, in the order of their names, which begin with their dates."""
    if isinstance(path, str | Path) and Path(path).is_dir():
        found = sorted(each for each in Path(path).iterdir() if each.suffix in (".eval", ".json"))
        found = [each for each in found if not each.name.startswith((".", "logs.json"))]
        if not found:
            raise UsageError(f"{path}: there is no .eval or .json log in this folder")
        return found
    several = [path] if isinstance(path, str | Path) else list(path)
    if not several:
        raise UsageError("there is no log to read")
    return [Path(each) for each in several]


def _read(path: Path) -> _Log:
    require_file(path, "a log of inspect_ai", most=16 * MOST)
    try:
        if path.suffix == ".eval":
            return _eval(path)
        whole = msgspec.json.decode(path.read_bytes(), type=_Whole)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path.name} is no log of inspect_ai: {error}") from None
    return _Log(path=path, about=whole.eval, samples=whole.samples or [])


def _eval(path: Path) -> _Log:
    sample, head = msgspec.json.Decoder(_Sample), msgspec.json.Decoder(_Head)
    with opened(path) as file:
        names = file.names()
        # A log whose evaluation was cut short has its beginning only.
        start = "header.json" if "header.json" in names else "_journal/start.json"
        about = head.decode(file.read(start)).eval
        mine = [name for name in names if name.startswith("samples/") and name.endswith(".json")]
        return _Log(
            path=path, about=about, samples=[sample.decode(file.read(name)) for name in mine]
        )


def _prompts(logs: Sequence[_Log]) -> list[str]:
    """Name each log by its task, and by the settings in which it differs from its like."""
    made = []
    for log in logs:
        like = [each for each in logs if each.arm == log.arm]
        keys = sorted({key for each in like for key in each.settings})
        differ = [
            key for key in keys if len({json_of(each.settings.get(key)) for each in like}) > 1
        ]
        said = ", ".join(f"{key}={text_of(log.settings.get(key))}" for key in differ)
        made.append(f"{log.about.task} ({said})" if said else log.about.task)
    return made


def _ids(logs: Sequence[_Log]) -> list[dict[str, str]]:
    """
    Return the input id of each sample, log by log.

    The same id of two tasks is one input only if its words and its target are the same too: else
    the answers to two questions would be paired.
    """
    seen: dict[str, str] = {}
    alike: dict[str, bool] = {}
    for log in logs:
        for sample in log.samples:
            asked = json_of([sample.input, sample.target])
            same = seen.setdefault(str(sample.id), asked) == asked
            alike[log.about.task] = alike.get(log.about.task, True) and same
    return [
        {
            str(each.id): str(each.id) if alike[log.about.task] else f"{log.about.task}/{each.id}"
            for each in log.samples
        }
        for log in logs
    ]


def _line(sample: _Sample, score: str | None, path: Path) -> dict[str, Any]:
    failed = sample.error is not None
    value, said = (None, None) if failed else _scored(sample, score, path)
    used = list(sample.model_usage.values())
    costs = [each.total_cost for each in used]
    return {
        "score": value,
        "status": "error" if failed else "ok",
        "text": sample.output.completion,
        "said": said,
        "target": text_of(sample.target),
        "error": sample.error.message if sample.error else None,
        "finish_reason": _finish(sample.output.stop_reason),
        "latency_s": sample.working_time if sample.working_time is not None else sample.total_time,
        "input_tokens": _sum(_input(each) for each in used),
        "cached_tokens": _sum(each.input_tokens_cache_read for each in used),
        "cache_write_tokens": _sum(each.input_tokens_cache_write for each in used),
        "reasoning_tokens": _sum(each.reasoning_tokens for each in used),
        "output_tokens": _sum(each.output_tokens for each in used),
        "cost_usd": None if not costs or None in costs else sum(filter(None, costs)),
        **{f"metadata_{key}": value for key, value in (sample.metadata or {}).items()
           if isinstance(value, str | int | float | bool)},
    }  # fmt: skip


def _scored(sample: _Sample, score: str | None, path: Path) -> tuple[float | None, str | None]:
    """Return the score of a sample, and the answer that it was given for."""
    scores = sample.scores or {}
    if not scores:
        return None, None
    name, _, key = (score or next(iter(scores))).partition("/")
    if name not in scores:
        listed = ", ".join(scores)
        raise UsageError(f"{path.name}: no score is called {name!r}; there are {listed}")
    value = scores[name].value
    if isinstance(value, dict):
        if key not in value:
            keys = ", ".join(f"{name}/{each}" for each in value)
            raise UsageError(f"{path.name}: score {name!r} has parts: say one of {keys}")
        value = value[key]
    return _worth(value, path), scores[name].answer


def _worth(value: Any, path: Path) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        known = _WORDS.get(value, _WORDS.get(value.lower()))
        try:
            return float(value) if known is None else known
        except ValueError:
            raise UsageError(f"{path.name}: the score {value[:40]!r} is no number") from None
    if isinstance(value, bool | int | float):
        return float(value)
    raise UsageError(f"{path.name}: a score is a list; compare one number a sample")


def _input(usage: _Usage) -> int:
    """Return the whole prompt; inspect_ai counts what was cached apart."""
    cached = usage.input_tokens_cache_read or 0
    return usage.input_tokens + cached + (usage.input_tokens_cache_write or 0)


def _finish(reason: str | None) -> str | None:
    """Return why an answer ended, in the words of `run.rows`."""
    return None if reason is None else _FINISHES.get(reason, "other")


def _sum(values: Iterable[int | None]) -> int | None:
    known: Iterator[int] = (each for each in values if each is not None)
    listed = list(known)
    return sum(listed) if listed else None
