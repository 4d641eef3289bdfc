"""What a run will cost and what it can find, before anything is sent."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Final

from llmlab.records import Answer, Plan
from llmlab.runs.experiment import Experiment
from llmlab.runs.run import Planned

if TYPE_CHECKING:
    from llmlab.pricing import Prices

BYTES_PER_TOKEN: Final = 4
"""Of English prose, roughly; only the forecast uses it, never a bill."""

USUAL_OUTPUT: Final = 150
"""Tokens that an answer usually has when its limit leaves it free."""

_BINARY_SD: Final = 0.5
"""Of differences of right and wrong, when the arms disagree on a quarter of the inputs."""


def forecast(
    experiment: Experiment,
    plan: Sequence[Planned],
    known: Mapping[str, Answer],
    prices: "Prices",
    *,
    limit: float | None,
    author: str,
    at: float,
    at_once: int = 64,
) -> Plan:
    """Value the calls of *plan* that the book does not answer; unknown prices stay unknown."""
    missing = [each for each in plan if each.prepared.key not in known]
    return Plan(
        name=experiment.name,
        calls=len(plan),
        from_book=len(plan) - len(missing),
        prompts=tuple(template.name for template in experiment.templates),
        models=tuple(arm.label for arm in experiment.arms),
        inputs=len(experiment.inputs),
        repeats=max((each.prepared.request.repeat for each in plan), default=0) + 1,
        expected_usd=_sum(_expected(each, prices, at) for each in missing),
        worst_usd=_sum(_worst(each) for each in missing),
        limit_usd=limit,
        seconds=_seconds(missing, known, at_once),
        detectable=_detectable(experiment),
        live=_labels(plan, live=True),
        stand_ins=_labels(plan, live=False),
        author=author,
    )


def _seconds(missing: Sequence[Planned], known: Mapping[str, Answer], at_once: int) -> float | None:
    """
    Estimate the time by the answers to this run that the book has; None without any.

    A model that none of them is of takes as long as the median of the others.
    """
    times: dict[str, list[float]] = {}
    for answer in known.values():
        if answer.latency is not None:
            times.setdefault(answer.requested, []).append(answer.latency)
    if not times:
        return None
    usual = median(each for found in times.values() for each in found)
    busy = sum(median(times.get(each.prepared.request.name, [usual])) for each in missing)
    return busy / max(1, min(at_once, len(missing)))


def _expected(each: Planned, prices: "Prices", at: float) -> float | None:
    prepared = each.prepared
    if prepared.endpoint.backend != "live":
        return 0.0
    request = prepared.request
    words = len(request.prompt.words.encode())
    output = min(request.parameters.max_tokens, USUAL_OUTPUT)
    dollars = prices.worst(
        request.provider, request.model, words // BYTES_PER_TOKEN + 1, output, at
    )
    return None if dollars is None else float(dollars)


def _worst(each: Planned) -> float | None:
    return None if each.prepared.worst is None else float(each.prepared.worst)


def _sum(parts: Iterable[float | None]) -> float | None:
    """Add; one unknown makes the sum unknown."""
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def _detectable(experiment: Experiment) -> float | None:
    if experiment.scorer is None or len(experiment.inputs) < 2:  # noqa: PLR2004
        return None
    from llmlab.stats import detectable

    return detectable(_BINARY_SD, len(experiment.inputs))


def _labels(plan: Sequence[Planned], *, live: bool) -> tuple[str, ...]:
    found = {
        each.prepared.request.label: None
        for each in plan
        if (each.prepared.endpoint.backend != "stand-in") is live
    }
    return tuple(found)
