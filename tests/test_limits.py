"""Spending limits hold across kernels, and are used to the end. # R-43."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from llmlab.book import Attempt, Book, Limits, Settlement
from llmlab.calls.prepared import Prepared, most_input
from llmlab.calls.settlement_waiter import may_fit_later
from llmlab.catalogue import Catalogue
from llmlab.errors import LimitError
from llmlab.records import Parameters, Prompt, Request, Schema, Search
from llmlab.secrets import Secret
from llmlab.wire import Endpoint, Session
from tests.chaos import FakeTime, caller_on
from tests.spending import spent

NOW = 1_763_820_000.0


def test_four_kernels_share_a_limit_and_use_it_up(tmp_path: Path) -> None:
    """200 workers in 4 processes, random failures: billed at most $1.00, at least $0.95 used."""
    done = spent(tmp_path, limit=1.0, calls=120)

    assert done.billed <= done.limit
    assert done.account.spent <= done.limit
    assert done.account.spent >= Decimal("0.95")
    assert done.account.reserved == 0
    assert done.errors.get("LimitError", 0) > 0, "the limit was never reached"
    assert set(done.errors) <= {"LimitError", "Unavailable", "Throttled", "BreakerOpen"}


def _attempt(key: str, worst: str) -> Attempt:
    return Attempt(
        key=key, provider="openai", model="m", started_at=NOW, worst_usd=Decimal(worst), run="r"
    )


@pytest.mark.parametrize(
    ("limits", "earlier", "fits"),
    [
        (Limits(total=Decimal("1.0")), "0", True),
        (Limits(day=Decimal("1.0"), run=Decimal("1.0")), "0", True),
        (Limits(total=Decimal("0.6")), "0", False),
        (Limits(run=Decimal("0.6")), "0", False),
        (Limits(call=Decimal("0.5")), "0", True),
        (Limits(call=Decimal("0.5")), "0.2", False),
    ],
    ids=["total", "day-and-run", "never-total", "never-run", "call", "call-after-retries"],
)
async def test_waiting_helps_only_while_others_hold_the_money(
    limits: Limits, earlier: str, *, fits: bool
) -> None:
    """$0.30 is spent and $0.50 reserved: $0.40 more may fit once the reservation is released."""
    with Book.open(None, clock=lambda: NOW) as book:
        paid = await book.begin_async(_attempt("a", "0.3"))
        done = Settlement(status="ok", answer=b"x", cost_usd=Decimal("0.3"), billed=True)
        await book.finish_async(paid, done)
        await book.begin_async(_attempt("b", "0.5"))

        may = may_fit_later(book, limits, _attempt("c", "0.4"), earlier=Decimal(earlier))

    assert may == fits


async def test_without_a_price_there_is_nothing_to_wait_for() -> None:
    """A model without a price never fits a limit."""
    attempt = Attempt(key="a", provider="openai", model="m", started_at=NOW)
    limits = Limits(total=Decimal(1))
    with Book.open(None, clock=lambda: NOW) as book:
        with pytest.raises(LimitError):
            await book.begin_async(attempt, limits)

        assert not may_fit_later(book, limits, attempt, earlier=Decimal(0))


def _prepared(**parameters: object) -> Prepared:
    with Book.open(None) as book:
        caller = caller_on(book, Session(), FakeTime())
        request = Request(
            provider="anthropic",
            model="claude-sonnet-5",
            prompt=Prompt(name="p", user="Wie geht es? " * 20),
            parameters=Parameters(max_tokens=50, **parameters),  # type: ignore[arg-type]  # a test's own
            api="messages",
        )
        model = Catalogue.load(None).arms("claude")[0].model
        endpoint = Endpoint(provider="anthropic", base_url="https://x/v1", key=Secret("k"))
        return caller.prepare(replace(request, model=model.id), model, endpoint)


def test_a_reservation_covers_the_schema_too() -> None:
    """What travels with the words is charged like words: a schema makes the worst case dearer."""
    document = {
        "type": "object",
        "properties": {"label": {"type": "string", "description": "x" * 2000}},
        "required": ["label"],
        "additionalProperties": False,
    }

    plain, shaped = _prepared(), _prepared(schema=Schema(name="s", document=document))

    assert plain.worst is not None
    assert shaped.worst is not None
    assert shaped.worst > 2 * plain.worst


def test_a_search_has_no_worst_price() -> None:
    """How much a server-side search reads is the provider's choice: no limit can hold it."""
    assert _prepared(search=Search()).worst is None


def test_a_token_is_at_least_one_byte() -> None:
    """Without a published vocabulary the bytes of the body bound the tokens, frame included."""
    prepared = _prepared()

    most = most_input(prepared.request, prepared.call, prepared.model, counted=True) or 0

    assert most >= len(prepared.request.prompt.user.encode())
