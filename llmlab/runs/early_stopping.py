"""
Look after every input and stop sending when one arm is clear of every other.

Inputs are taken in the order in which they were planned, never in that of the answers: a slow
answer may be a hard one. Scores are made in a thread of their own, not on the engine's loop.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from llmlab.design.score_range import bound_of
from llmlab.errors import UsageError
from llmlab.records import Answer, Row
from llmlab.scores.apply import score_row
from llmlab.scores.scorer import Scorer

if TYPE_CHECKING:
    from llmlab.design.experiment import Experiment

Name = tuple[str, str]

_NOTHING: Final = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What is looked at in one go: an input, or all inputs of a cluster."""

    inputs: tuple[str, ...]
    calls: int


class Early:
    """Watches a run for its end; `over` says that nothing more needs to be sent."""

    def __init__(self, experiment: "Experiment") -> None:
        from llmlab.stats import PairedRace

        scorer = experiment.scorer
        if scorer is None:
            raise UsageError("stop_when_clear needs a score: what should be clear is its mean")
        self._scorer: Scorer = scorer
        self._experiment = experiment
        self._values = {each.id: (each.target, each.values) for each in experiment.inputs}
        self._units = units_of(experiment)
        largest = max(len(unit.inputs) for unit in self._units)
        race = PairedRace(experiment.names, bound=bound_of(scorer), largest=largest)
        self._race: PairedRace | None = race
        self._unit_of = {name: at for at, unit in enumerate(self._units) for name in unit.inputs}
        self._waiting: dict[int, list[Row]] = defaultdict(list)
        self._looking = asyncio.Lock()
        self.looked = 0
        """Units that were looked at, in their order."""
        self.over = False
        self.trouble = ""

    async def landed(self, row: Row) -> None:
        """Take a row; when it completes the next unit, look."""
        self._waiting[self._unit_of[row.input_id]].append(row)
        async with self._looking:
            while not self.over and self._ready():
                unit = self._units[self.looked]
                rows = self._waiting.pop(self.looked)
                self._feed(*await asyncio.to_thread(self._means, unit, rows))
                self.looked += 1

    def notes(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Say where it stopped and what that saved, in inputs and in dollars."""
        if self.trouble:
            return (self.trouble,)
        total = len(self._units)
        kind = "inputs" if self._experiment.clusters is None else "clusters"
        if not self.over:
            said = f"Looked after each of {self.looked:,} {kind}: no arm is clear of every other."
            return (said,)
        asked = len({row.input_id for row in rows})
        left = len(self._experiment.inputs) - asked
        where = f"Stopped when clear, after {self.looked:,} of {total:,} {kind}"
        return (f"{where}: {left:,} inputs and {self._saved(rows)} were not spent.",)

    def _saved(self, rows: Sequence[Row]) -> str:
        """Value the calls that were not made by what each arm's calls cost so far."""
        costs: dict[Name, list[float]] = defaultdict(list)
        for row in rows:
            name = (row.request.prompt.name, row.request.label)
            cost = row.outcome.cost
            costs[name].append(math.nan if cost is None else float(cost))
        planned: dict[Name, int] = defaultdict(int)
        for cell in self._experiment.cells:
            planned[cell.request.prompt.name, cell.request.label] += 1
        calls = len(self._experiment.cells) - len(rows)
        dollars = sum(
            (planned[name] - len(spent)) * float(np.mean(spent)) for name, spent in costs.items()
        )
        simulated = any(row.outcome.backend == "stand-in" for row in rows)
        money = "an unknown sum" if math.isnan(dollars) else f"about ${dollars:.4g}"
        return f"{calls:,} calls ({money}{', simulated' if simulated else ''})"

    def _ready(self) -> bool:
        at = self.looked
        return at < len(self._units) and len(self._waiting[at]) == self._units[at].calls

    def _means(self, unit: Unit, rows: Sequence[Row]) -> tuple[dict[Name, float], int]:
        """Score the rows of a unit; return each arm's mean over its inputs, and their number."""
        scores: dict[Name, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            if not isinstance(row.outcome, Answer):
                continue
            target, values = self._values[row.input_id]
            value = score_row(row, self._scorer, target, values).score
            if value is not None and not math.isnan(value):
                name = (row.request.prompt.name, row.request.label)
                scores[name][row.input_id].append(value)
        if len(unit.inputs) == 1:
            return {name: _mean(by, unit.inputs) for name, by in scores.items()}, 1
        # A pair is compared on the same inputs: of a cluster those that every arm has.
        shared = [each for each in unit.inputs if all(each in by for by in scores.values())]
        if not shared or len(scores) < len(self._experiment.names):
            return {}, 0
        return {name: _mean(by, shared) for name, by in scores.items()}, len(shared)

    def _feed(self, means: dict[Name, float], size: int) -> None:
        if self._race is None:
            return
        try:
            self._race.feed(means, size)
        except UsageError as error:
            # A user's function left the range that it was taken to have: the guarantee is
            # gone, so the run goes on to its planned end.
            self._race, self.trouble = None, f"Nothing was stopped early: {error}."
            return
        self.over = self._race.clear


def _mean(by_input: Mapping[str, Sequence[float]], inputs: Sequence[str]) -> float:
    values = [float(np.mean(by_input[each])) for each in inputs]
    return float(np.mean(values)) if values else _NOTHING


def units_of(experiment: "Experiment") -> tuple[Unit, ...]:
    """Return the units in the order in which they are sent."""
    calls: dict[str, int] = defaultdict(int)
    for cell in experiment.cells:
        calls[cell.input.id] += 1
    clusters = experiment.clusters
    members: dict[object, list[str]] = defaultdict(list)
    for name in experiment.order:
        members[name if clusters is None else clusters[name]].append(name)
    return tuple(
        Unit(inputs=tuple(names), calls=sum(calls[name] for name in names))
        for names in members.values()
    )
