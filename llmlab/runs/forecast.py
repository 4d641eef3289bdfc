"""Forecast of a run before anything is sent: cost, time, detectable difference."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import structs

from llmlab.calls.prepared import file_tokens
from llmlab.design.experiment import Experiment
from llmlab.design.inputs import stretches
from llmlab.providers.tiers import region_of, tier_said
from llmlab.records import Answer, Plan, Usage
from llmlab.runs.caching import CacheFill, expected_usage
from llmlab.runs.eta import EtaInputs, estimate
from llmlab.runs.runner import Planned

if TYPE_CHECKING:
    from llmlab.pricing import Prices

BYTES_PER_TOKEN: Final = 4
"""Of English prose, roughly; only forecasts use it, never a reported cost."""

USUAL_OUTPUT: Final = 150
"""Tokens of a usual answer, where the output limit allows them."""

_BINARY_SD: Final = 0.5
"""Standard deviation of right minus wrong, when arms disagree on a quarter of the inputs."""


_ALPHA: Final = 0.05
_POWER: Final = 0.8


def forecast(  # noqa: PLR0913 - what a plan is made of, by name
    experiment: Experiment,
    plan: Sequence[Planned],
    known: Mapping[str, Answer],
    prices: "Prices",
    *,
    limit: float | None,
    author: str,
    at: float,
    pace: EtaInputs,
    notes: tuple[str, ...] = (),
) -> Plan:
    """
    Forecast the calls of *plan* that the book does not answer; unknown prices stay unknown.

    *notes* are shown before anything is sent.
    """
    time = estimate(plan, known, pace)
    missing = [each for each in plan if each.prepared.key not in known]
    return Plan(
        name=experiment.name,
        calls=len(plan),
        from_book=len(plan) - len(missing),
        prompts=tuple(template.name for template in experiment.templates),
        models=tuple(arm.label for arm in experiment.arms),
        inputs=len(experiment.inputs),
        repeats=max((each.prepared.request.repeat for each in plan), default=0) + 1,
        expected_usd=_expected_of(missing, prices, at, batch=experiment.design.batch),
        worst_usd=_sum(_worst(each) for each in missing),
        limit_usd=limit,
        seconds=time.seconds,
        seconds_by=time.by,
        detectable=_detectable(experiment),
        live=_labels(plan, live=True),
        stand_ins=_labels(plan, live=False),
        author=author,
        notes=notes,
    )


def _expected_of(
    missing: Sequence[Planned], prices: "Prices", at: float, *, batch: bool
) -> float | None:
    # A batch has no order in which a cache could be filled, and is sent without marks.
    fill = None if batch else CacheFill()
    return _sum(_expected(each, prices, at, fill) for each in missing)


def _expected(each: Planned, prices: "Prices", at: float, fill: CacheFill | None) -> float | None:
    prepared = each.prepared
    if prepared.endpoint.backend != "live":
        return 0.0
    request = prepared.request
    words = len(request.prompt.words.encode())
    if request.parameters.tools:
        words += len(msgspec.json.encode(request.parameters.tools))
    asked = words // BYTES_PER_TOKEN + 1 + file_tokens(request)
    output = min(request.parameters.max_tokens, USUAL_OUTPUT)
    tier = tier_said(request.parameters.tier) or ""
    region = region_of(request.provider, prepared.endpoint.base_url)
    usage = Usage(input=asked, cached=0, output=output)
    if fill is not None:
        usage = expected_usage(prepared, fill, usage)
    usage = structs.replace(usage, service_tier=tier, region=region)
    cost = prices.cost(usage, request.provider, request.model, at)
    return None if cost is None else float(cost.usd)


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
    """Return the detectable difference of the strictest paired test; infinite where none is."""
    arms = len(experiment.names)
    if experiment.scorer is None or arms < 2 or len(experiment.inputs) < 2:  # noqa: PLR2004
        return None
    from llmlab.stats.against import places_of
    from llmlab.stats.reach import Reach

    share = _ALPHA / len(places_of(experiment.names, experiment.design.against))
    if experiment.design.horizon is not None:
        # Stretches of dates whose targets do not overlap are taken for independent: the best case.
        count = stretches(experiment.design.horizon, experiment.dates, experiment.clusters)
        sd = _BINARY_SD / math.sqrt(max(1.0, len(experiment.inputs) / count))
        return Reach(sd=sd, alpha=share, flips=False).detectable(count, _POWER)
    clusters = experiment.clusters
    if clusters is None:
        test = Reach(sd=_BINARY_SD, alpha=share, discordant=_BINARY_SD**2)
        return test.detectable(len(experiment.inputs), _POWER)
    # The correlation within clusters is not known yet; none is assumed, which is the best case.
    count = len(set(clusters.values()))
    test = Reach(sd=_BINARY_SD / math.sqrt(len(experiment.inputs) / count), alpha=share)
    return test.detectable(count, _POWER)


def _labels(plan: Sequence[Planned], *, live: bool) -> tuple[str, ...]:
    found = {
        each.prepared.request.label: None
        for each in plan
        if (each.prepared.endpoint.backend != "stand-in") is live
    }
    return tuple(found)
