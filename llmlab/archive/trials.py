"""
Count the arms that were ever tried on the same inputs, so that the best of many can be deflated.

The book keeps one mark for each arm (words of the prompt, model, parameters) and frame. Frames
that share inputs are one: a pilot on the first twenty counts for the two hundred, too. They are
recognised by a sketch, the smallest hashes of what the inputs put into the slots. Revisions of one
task (a prompt of the same name, slots and score) are trials whatever the inputs: who tries five a
session, on the inputs of that day, has tried a hundred after twenty sessions.

Source: Bar-Yossef et al. (2002), "Counting Distinct Elements in a Data Stream" (the k smallest
hashes as a sample of a set).
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from llmlab.design.grid import Cell, Input
from llmlab.records import Request

if TYPE_CHECKING:
    from llmlab.book import Book
    from llmlab.design.experiment import Experiment

SKETCH: Final = 256
"""Hashes kept of a frame: frames of up to so many texts are compared exactly."""
_FRAMES: Final = "llmlab frames"
_TRIALS: Final = "llmlab trials"
_REVISIONS: Final = "llmlab revisions"
_TELLING: Final = 0.5
"""Share of distinct values from which a column tells inputs apart (a headline, not a ticker)."""


def count_trials(book: "Book", experiment: "Experiment", *, keep: bool = True) -> int:
    """
    Return how many arms were tried on these inputs, or for this task, this run's included.

    With *keep* this run's arms are marked in the book, once each.
    """
    mine, arms = sketch_of(experiment), arms_of(experiment.cells)
    frame = hashlib.sha256("".join(mine).encode()).hexdigest()[:16]
    frames, trials = book.labels(_FRAMES), book.labels(_TRIALS)
    revisions = _revisions(book, experiment, keep=keep)
    if keep and mine:
        if frame not in frames:
            book.mark(frame, _FRAMES, ",".join(mine))
        for arm in arms:
            if f"{frame} {arm}" not in trials:
                book.mark(f"{frame} {arm}", _TRIALS, experiment.name)
    kin = {name for name, words in frames.items() if not set(mine).isdisjoint(words.split(","))}
    tried = {key.partition(" ")[2] for key in trials if key.partition(" ")[0] in kin}
    return len(tried | set(arms) | revisions)


def _revisions(book: "Book", experiment: "Experiment", *, keep: bool) -> set[str]:
    """Return the arms that were ever tried for the tasks of this run, and mark this run's."""
    kept = book.labels(_REVISIONS)
    slots = {template.name: sorted(template.slots) for template in experiment.templates}
    tasks = set()
    for cell in {_arm(each.request): each for each in experiment.cells}.values():
        name = cell.request.prompt.name
        about = repr((name, slots.get(name), experiment.score_name))
        task = hashlib.sha256(about.encode()).hexdigest()[:16]
        tasks.add(task)
        key = f"{task} {arms_of([cell])[0]}"
        if keep and key not in kept:
            book.mark(key, _REVISIONS, experiment.name)
    return {key.partition(" ")[2] for key in kept if key.partition(" ")[0] in tasks}


def arms_of(cells: Sequence[Cell]) -> list[str]:
    """Return a hash of each arm: words of the prompt, model, and the parameters that matter."""
    found = {_arm(cell.request): None for cell in cells}
    return [hashlib.sha256(name.encode()).hexdigest()[:16] for name in found]


def _arm(request: Request) -> str:
    # A longer limit or another seed is the same variant; another temperature is not.
    asked = request.parameters
    tuned = (asked.temperature, asked.top_p, asked.thinking, asked.effort, asked.schema,
             asked.search)  # fmt: skip
    # An arm without these is named as it was before there were any.
    own = (asked.extra,) if asked.extra else ()
    named = tuple((name, value) for name in _LATER if (value := getattr(asked, name)))
    return repr((request.prompt.version, request.name, (*tuned, *own, *named)))


_LATER: Final = (
    "tools", "tool_choice", "top_k", "presence_penalty", "frequency_penalty", "verbosity",
)  # fmt: skip


def sketch_of(experiment: "Experiment") -> tuple[str, ...]:
    """Return the smallest hashes of the inputs' texts, or files; empty without a frame."""
    files = {each.digest for cell in experiment.cells for each in cell.request.prompt.attachments}
    if files:
        return _smallest(files)
    slots = sorted({slot for template in experiment.templates for slot in template.slots})
    telling = [slot for slot in slots if _tells(experiment.inputs, slot)]
    if not telling and len(experiment.inputs) > 1:
        lines = ("\0".join(str(each.values.get(slot)) for slot in slots)
                 for each in experiment.inputs)  # fmt: skip
        return _smallest(lines)
    return _smallest(
        f"{slot}\0{each.values.get(slot)}" for each in experiment.inputs for slot in telling
    )


def _tells(inputs: Sequence[Input], slot: str) -> bool:
    values = [str(each.values[slot]) for each in inputs if slot in each.values]
    return len(values) > 1 and len(set(values)) > _TELLING * len(values)


def _smallest(texts: Iterable[str]) -> tuple[str, ...]:
    hashes = {hashlib.sha256(text.encode()).hexdigest()[:10] for text in texts}
    return tuple(sorted(hashes)[:SKETCH])
