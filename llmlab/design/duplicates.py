"""
Equal calls of one run, told apart: the n-th that asks the very same is a call of its own.

In: what each call asks, and its place in the design. Out: the occurrence of each that is not the
first. It goes by place and not by the order of sending, so that the same cell run again finds
what it paid for; one more equal input, at the end, is one more call.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

from llmlab.design.experiment import Experiment
from llmlab.design.grid import Cell

Place: TypeAlias = tuple[int, int, int]
"""Where a cell stands in its design: number of the prompt, of the model, of the input."""


def occurrences(
    names: Sequence[Hashable], place: Callable[[int], Any] | None = None
) -> dict[int, int]:
    """
    Return the occurrence (1, 2, ...) of each call whose name an earlier one has.

    Args:
        names: What is asked, one a call; equal names are equal questions.
        place: Orders equal ones by their number in *names*; that number itself when None.
    """
    if len(set(names)) == len(names):
        return {}
    equal: dict[Hashable, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        equal[name].append(at)
    return {
        at: number
        for group in equal.values()
        if len(group) > 1
        for number, at in enumerate(sorted(group, key=place))
        if number
    }


def places(experiment: Experiment) -> Callable[[Cell], Place]:
    """Return what says where a cell stands in *experiment*."""
    prompts = {each.name: at for at, each in enumerate(experiment.templates)}
    models = {each.label: at for at, each in enumerate(experiment.arms)}
    inputs = {each.id: at for at, each in enumerate(experiment.inputs)}

    def place(cell: Cell) -> Place:
        asked = cell.request
        return prompts[asked.prompt.name], models[asked.label], inputs[cell.input.id]

    return place
