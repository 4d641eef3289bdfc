"""A comparison as Markdown, tables included."""

import re
from collections.abc import Sequence

from llmlab.views.comparison import ArmView, ComparisonView, PairView, arms, pair_note, pairs
from llmlab.views.table import columns, footnotes
from llmlab.views.tested import facts, samples
from llmlab.views.text import form

PAIR_HEADS = ("A", "B", "inputs", "B \u2212 A", "interval (pair alone)", "p", "adjusted p", "test")
_SPECIAL = str.maketrans(
    {char: "\\" + char for char in "\\`*_[]|#!~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
    | {"\n": " ", "\r": " "}
)  # fmt: skip


def markdown(shown: ComparisonView) -> str:
    """Return title, notices, verdict, the tables of arms and pairs, and what was tested."""
    parts = [f"# {_safe(shown.title)}", *(f"> **{_safe(note)}**" for note in shown.notes)]
    parts += [_safe(shown.verdict), _arms(shown)]
    parts += [f"_{_safe(note)}_" for note in footnotes(shown)]
    if compared := pairs(shown):
        parts += ["## Pairs", _table(PAIR_HEADS, [pair_cells(pair) for pair in compared])]
        parts += [f"_{_safe(note)}_" for note in (pair_note(shown),) if note]
    parts += [*_tested(shown), *_samples(shown)]
    return "\n\n".join(part for part in parts if part) + "\n"


def pair_cells(pair: PairView) -> list[str]:
    """Return what a table says of one paired comparison, in the order of `PAIR_HEADS`."""
    return [
        f"{pair.label_a} \u00b7 {pair.prompt_a}",
        f"{pair.label_b} \u00b7 {pair.prompt_b}",
        form.count(pair.inputs),
        form.difference(pair.difference),
        form.interval(pair.low, pair.high, signed=True),
        form.probability(pair.p),
        form.probability(pair.p_adjusted),
        pair.test,
    ]


def _tested(shown: ComparisonView) -> list[str]:
    parts = ["## What was tested", _table(("what", "value"), facts(shown))]
    for prompt in () if shown.tested is None else shown.tested.prompts:
        version = f", version {prompt.version}" if prompt.version else ""
        parts.append(f"### {_safe(prompt.name + version)}")
        said = [(f"{role}:\n\n" if role else "", words) for role, words in prompt.parts]
        parts += [f"{head}{_fenced(words)}" for head, words in said]
    return parts


def _samples(shown: ComparisonView) -> list[str]:
    parts = []
    for sample in samples(shown):
        target = f", should be: {sample.target}" if sample.target else ""
        parts += [f"### {_safe(f'input {sample.name}{target}')}", _safe(sample.words)]
        rows = [
            (each.arm, each.text, "" if each.score is None else form.score(each.score))
            for each in sample.replies
        ]
        parts.append(_table(("arm", "answer", "score"), rows))
    return ["## What the arms said", *parts] if parts else []


def _fenced(text: str) -> str:
    """Return *text* in a code fence longer than any fence inside it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _arms(shown: ComparisonView) -> str:
    used = columns(shown)
    rows = [[column.text(arm) + _mark(column.head, arm) for column in used] for arm in arms(shown)]
    return _table([column.head for column in used], rows)


def _mark(head: str, arm: ArmView) -> str:
    return f" ({arm.mark})" if head == "Model" and arm.mark else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[_safe(head) for head in heads], ["---"] * len(heads)]
    lines += [[_safe(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _safe(text: str) -> str:
    return text.translate(_SPECIAL)
