"""
How long a run will take, by how long the same models took before; nothing is invented.

In: calls to be sent, answers that the book has. Out: seconds, and by what they are estimated.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Final, TypeAlias

from llmlab.calls.batch.batches import can_batch
from llmlab.records import Answer
from llmlab.runs.runner import Planned
from llmlab.runs.services import STAND_IN_PERMITS

if TYPE_CHECKING:
    from llmlab.book import Book

Times: TypeAlias = Mapping[tuple[str, ...], Sequence[float]]

LATEST: Final = 5_000
"""Attempts of the book that are looked at: how fast a model was a year ago tells little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EtaInputs:
    """What is known of how fast models answer, and how many calls pass at once."""

    at_once: int = 64
    per_provider: int = 32
    earlier: Times = field(default_factory=dict)
    """Seconds of earlier answers by (provider, model, backend) and by (provider, backend)."""
    batch: bool = False
    """Whether what a provider takes in batches is handed in so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Seconds for a run; None where they cannot be told, and `by` then says why."""

    seconds: float | None
    by: str


def earlier(book: "Book") -> Times:
    """Return the seconds of the latest answers, by model and by provider."""
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for provider, model, backend, seconds in book.latencies(latest=LATEST):
        found[provider, model, backend].append(seconds)
        found[provider, backend].append(seconds)
    return found


def estimate(plan: Sequence[Planned], known: Mapping[str, Answer], pace: EtaInputs) -> Estimate:
    """
    Estimate the time for the calls of *plan* that *known* does not answer.

    Each takes the median of this run's answers by its arm; without any, that of earlier
    answers by its model, then by its provider. Arms of which nothing is known are left out and
    named. Limits on requests a minute are not looked at.
    """
    missing = [each for each in plan if each.prepared.key not in known]
    if not missing:
        return Estimate(seconds=0.0, by="")
    if pace.batch and any(can_batch(each.prepared) for each in missing):
        return Estimate(seconds=None, by="batches are answered within a day, often sooner")
    times, sources, blind = _times(missing, _own(plan, known), pace.earlier)
    if not times:
        return Estimate(seconds=None, by="not known before the first answers")
    by = f"estimated by {' and '.join(dict.fromkeys(sources))}"
    if blind:
        by += f"; not known yet of {', '.join(dict.fromkeys(blind))}, which may take longer"
    return Estimate(seconds=_through_doors(times, pace), by=by)


def _times(
    missing: Sequence[Planned], own: Times, before: Times
) -> tuple[list[tuple[tuple[str, str], float]], list[str], list[str]]:
    """Return door and seconds of each call, where those are from, and labels without any."""
    found: dict[tuple[str, str, str], tuple[float, str] | None] = {}
    times, sources, blind = [], [], []
    for each in missing:
        request, backend = each.prepared.request, each.prepared.endpoint.backend
        arm = (request.label, request.name, backend)
        if arm not in found:
            found[arm] = _usual(each, own, before)
        usual = found[arm]
        if usual is None:
            blind.append(request.label)
            continue
        times.append((_door(each), usual[0]))
        sources.append(usual[1])
    return times, sources, blind


def _usual(each: Planned, own: Times, before: Times) -> tuple[float, str] | None:
    """Return the median that tells most of a call, and in words what it is of."""
    request, backend = each.prepared.request, each.prepared.endpoint.backend
    for times, key, words in (
        (own, (request.label, backend), "this run's answers in the book"),
        (before, (request.provider, request.model, backend), "earlier answers of the same models"),
        (before, (request.provider, backend), "earlier answers of the same providers"),
    ):
        if key in times:
            return median(times[key]), words
    return None


def _own(plan: Sequence[Planned], known: Mapping[str, Answer]) -> Times:
    """Return the seconds of the answers to this very run, by label and who answered."""
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for each in plan:
        answer = known.get(each.prepared.key)
        if answer is not None and answer.latency is not None:
            found[each.prepared.request.label, answer.backend].append(answer.latency)
    return found


def _door(each: Planned) -> tuple[str, str]:
    """Return what a call shares its permits with: its provider, or this machine."""
    backend = each.prepared.endpoint.backend
    return (each.prepared.request.provider if backend == "live" else "", backend)


def _through_doors(times: Sequence[tuple[tuple[str, str], float]], pace: EtaInputs) -> float:
    """Return the seconds until the slowest door has let all its calls through."""
    gates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for gate, seconds in times:
        gates[gate].append(seconds)
    slowest = max(sum(each) / _permits(gate, pace) for gate, each in gates.items())
    longest = max(seconds for _, seconds in times)
    return max(slowest, longest, sum(seconds for _, seconds in times) / max(1, pace.at_once))


def _permits(gate: tuple[str, str], pace: EtaInputs) -> int:
    return max(1, pace.per_provider if gate[1] == "live" else STAND_IN_PERMITS)
