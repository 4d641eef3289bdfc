"""Each fault: what is seen, how often it was tried, what was waited, what it cost. # R-12, R-25."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from llmlab.records import Answer, Failure
from tests.chaos import FAULTS, Fault, measure, table
from tests.conftest import ROOT

DOC = ROOT / "docs" / "reliability.md"
BACKOFF = (0.25, 0.5, 1.0)

EXPECTED: dict[str, tuple[str, int, tuple[float, ...], bool]] = {
    # fault: kind, attempts, waits, whether money may be lost
    "connection refused": ("Unavailable", 4, BACKOFF, False),
    "connection reset": ("Unavailable", 4, BACKOFF, True),
    "no answer at all": ("TimedOut", 1, (), True),
    "429, retry-after: 7": ("Throttled", 4, (7.0, 7.0, 7.0), False),
    "429, retry-after-ms: 1500": ("Throttled", 4, (1.5, 1.5, 1.5), False),
    "429, retry-after: an HTTP date 7 s ahead": ("Throttled", 4, (7.0, 7.0, 7.0), False),
    "429 without a wait": ("Throttled", 4, BACKOFF, False),
    "429, retry-after: 50": ("Throttled", 1, (), False),
    "429, retry-after: 200": ("Throttled", 1, (), False),
    "429, quota used up": ("OutOfCredit", 1, (), False),
    "500": ("Unavailable", 4, BACKOFF, False),
    "502": ("Unavailable", 4, BACKOFF, False),
    "503": ("Unavailable", 4, BACKOFF, False),
    "504": ("Unavailable", 4, BACKOFF, True),
    "529": ("Unavailable", 4, BACKOFF, False),
    "HTML page of a gateway (520)": ("Unavailable", 4, BACKOFF, False),
    "HTML page with status 200": ("Unreadable", 1, (), True),
    "reply cut in the middle": ("CutOff", 4, BACKOFF, True),
    "stream cut in the middle": ("CutOff", 4, BACKOFF, True),
    "error inside a stream": ("Unavailable", 4, BACKOFF, True),
    "stream that stops coming": ("TimedOut", 1, (), True),
    "garbage body": ("Unreadable", 1, (), True),
    "empty body": ("Unreadable", 1, (), True),
    "unknown host": ("Unavailable", 4, BACKOFF, False),
    "TLS failure": ("Unavailable", 1, (), False),
    "400": ("Refused", 1, (), False),
    "401": ("AuthFailed", 1, (), False),
    "402": ("OutOfCredit", 1, (), False),
    "404, unknown model": ("ModelNotFound", 1, (), False),
}


def _named(fault: Fault) -> str:
    return re.sub(r"\W+", "-", fault.name)


@pytest.mark.parametrize("fault", FAULTS, ids=_named)
async def test_a_fault_that_stays(fault: Fault) -> None:
    """The kind, the attempts, the waits and the money of each fault are as promised. # R-25."""
    kind, attempts, waits, doubtful = EXPECTED[fault.name]

    seen = await measure(fault, once=False)

    assert isinstance(seen.outcome, Failure)
    assert (seen.outcome.kind, seen.outcome.attempts) == (kind, attempts)
    assert seen.waits == waits
    assert seen.account.settled == seen.account.reserved == 0
    assert (seen.account.unknown > 0) == doubtful
    assert "\n" not in seen.outcome.message


RETRIED = [f for f in FAULTS if EXPECTED[f.name][1] > 1 and "{port}" in f.url]


@pytest.mark.parametrize("fault", RETRIED, ids=_named)
async def test_a_fault_that_passes(fault: Fault) -> None:
    """After one failure comes the answer; what the failure may have cost is kept apart."""
    doubtful = EXPECTED[fault.name][3]

    seen = await measure(fault, once=True)

    assert isinstance(seen.outcome, Answer)
    assert seen.outcome.text == "Spring is late."
    assert (seen.outcome.attempts, seen.requests) == (2, 2)
    assert seen.account.settled == seen.outcome.cost
    assert (seen.account.unknown > 0) == doubtful


@pytest.mark.parametrize(
    "name", ["stream cut in the middle", "error inside a stream", "stream that stops coming"]
)
async def test_a_broken_stream_keeps_its_text_and_its_cost(name: str) -> None:
    """What came before the break is in the row, with what those tokens cost. # R-10."""
    fault = next(fault for fault in FAULTS if fault.name == name)

    seen = await measure(fault, once=False)

    assert isinstance(seen.outcome, Failure)
    assert seen.outcome.partial == "Spring is"
    assert Decimal(0) < (seen.outcome.cost or Decimal(0)) <= seen.account.unknown


async def test_the_table_in_the_docs_is_what_is_measured() -> None:
    """docs/reliability.md shows today's behaviour: run benchmarks/reliability.py to renew it."""
    measured = await table()

    assert measured in _text(DOC)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
