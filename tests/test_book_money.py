"""Spending limits hold: at any concurrency, across kernels that share a book."""

import sqlite3
import subprocess
import sys
from contextlib import ExitStack, suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from llmlab.book import Attempt, Book, Limits, Settlement
from llmlab.errors import LimitError, UsageError

NOON = 1_795_348_800.0
DAY = 86_400.0


def attempt(
    worst: str | Decimal | None,
    *,
    key: str = "k",
    number: int = 1,
    at: float = NOON,
    run: str | None = None,
) -> Attempt:
    """Make an attempt that can cost `worst` dollars."""
    return Attempt(
        key=key,
        run=run,
        provider="openai",
        model="gpt-6-luna",
        started_at=at,
        worst_usd=None if worst is None else Decimal(worst),
        number=number,
    )


def cost(usd: str | None, *, billed: bool | None = True, status: str = "ok") -> Settlement:
    """Make an outcome that cost `usd` dollars."""
    return Settlement(
        status="ok" if status == "ok" else "error",
        cost_usd=None if usd is None else Decimal(usd),
        billed=billed,
    )


def test_the_worst_case_is_reserved_and_the_rest_given_back() -> None:
    """R-43: before sending the worst case counts, after the answer what it really cost."""
    limits = Limits(total=Decimal("1.00"))
    with Book.open(None) as book:
        first = book.begin(attempt("0.60"), limits).result()
        with pytest.raises(LimitError):
            book.begin(attempt("0.50"), limits).result()

        book.finish(first, cost("0.10")).result()

        assert book.begin(attempt("0.90"), limits).result() == 2
        assert book.spent() == Decimal("0.10")
        assert book.account().reserved == Decimal("0.90")


def test_a_refusal_names_the_limit_and_the_sums() -> None:
    """The one line says which limit, what is spent and reserved, and what this call could cost."""
    limits = Limits(day=Decimal(5))
    with Book.open(None) as book:
        book.finish(book.begin(attempt("4.9")).result(), cost("4.5")).result()
        book.begin(attempt("0.25")).result()

        with pytest.raises(LimitError) as caught:
            book.begin(attempt("0.2500001"), limits).result()

    said = str(caught.value)
    assert "day limit $5.00: $4.50 is spent, $0.25 reserved" in said
    assert "could cost $0.2500001; nothing was sent" in said
    assert "\n" not in said


def test_each_scope_pays_for_its_own() -> None:
    """A day's limit starts anew at midnight UTC, a run's with another run; the total goes on."""
    with Book.open(None) as book:
        for at, run in ((NOON, "a"), (NOON + DAY, "b")):
            book.finish(book.begin(attempt("1", at=at, run=run)).result(), cost("1")).result()

        assert book.spent("day:2026-11-22") == book.spent("run:b") == 1
        assert book.spent("total") == 2
        assert book.spent("run:never") == 0
        with pytest.raises(LimitError, match="run limit"):
            book.begin(attempt("0.1", run="a", at=NOON + DAY), Limits(run=Decimal(1))).result()
        with pytest.raises(LimitError, match="total limit"):
            book.begin(attempt("0.1", at=NOON + 9 * DAY), Limits(total=Decimal(2))).result()
        fresh = attempt("1", run="c", at=NOON + 2 * DAY)
        assert book.begin(fresh, Limits(run=Decimal(1), day=Decimal(1))).result() == 3


def test_retries_count_in_the_limit_of_a_call() -> None:
    """What failed attempts of a call have cost stays in its limit; the next call starts at 0."""
    limits = Limits(call=Decimal("0.03"))
    with Book.open(None) as book:
        for number in (1, 2):
            sent = book.begin(attempt("0.02", number=number), limits).result()
            book.finish(sent, cost("0.01", status="error")).result()

        with pytest.raises(LimitError, match=r"call limit \$0.03: \$0.02 is spent"):
            book.begin(attempt("0.02", number=3), limits).result()

        assert book.begin(attempt("0.03", number=1), limits).result() == 3


def test_what_was_not_billed_costs_nothing() -> None:
    """A refused or released attempt frees all of its reservation."""
    with Book.open(None) as book:
        refused = book.begin(attempt("0.5")).result()
        released = book.begin(attempt("0.5")).result()

        book.finish(refused, cost(None, billed=False, status="error")).result()
        book.release(released).result()

        account = book.account()
        assert (account.settled, account.unknown, account.reserved) == (Decimal(0),) * 3
        assert [row["cost_usd"] for row in book.spend(by=("model",))] == [0]


@pytest.mark.parametrize("billed", [True, None])
def test_an_unknown_charge_counts_at_its_worst(*, billed: bool | None) -> None:
    """When nobody knows what was charged, the worst price counts, apart from what is known."""
    with Book.open(None) as book:
        sent = book.begin(attempt("0.5")).result()

        book.finish(sent, cost(None, billed=billed, status="error")).result()

        assert book.account().unknown == Decimal("0.5")
        with pytest.raises(LimitError, match=r"\$0.50 of it at worst price"):
            book.begin(attempt("0.6"), Limits(total=Decimal(1))).result()


def test_no_price_needs_the_users_word() -> None:
    """Under a limit, what has no price is refused unless it is allowed; without one it is sent."""
    limits = Limits(day=Decimal(1))
    with Book.open(None) as book:
        with pytest.raises(LimitError, match="openai/gpt-6-luna has no price"):
            book.begin(attempt(None), limits).result()

        assert book.begin(attempt(None), limits, allow_unpriced=True).result() == 1
        assert book.begin(attempt(None)).result() == 2


@pytest.mark.parametrize("wrong", ["NaN", "-0.01", "Infinity", "1000001"])
def test_amounts_that_are_no_money_are_refused(wrong: str) -> None:
    """NaN, negative, infinite and absurd dollars never reach the ledger."""
    with Book.open(None) as book:
        with pytest.raises(UsageError, match="dollars"):
            book.begin(attempt(wrong))
        with pytest.raises(UsageError, match="dollars"):
            Limits(total=Decimal(wrong))
        sent = book.begin(attempt("1")).result()
        with pytest.raises(UsageError, match="dollars"):
            book.finish(sent, cost(wrong))


def test_a_limit_may_be_used_to_the_last_picodollar() -> None:
    """Sums are exact: ten times 0.1 fits into 1, and 10**-12 dollars more does not."""
    limits = Limits(total=Decimal(1))
    with Book.open(None) as book:
        for _ in range(10):
            book.finish(book.begin(attempt("0.1"), limits).result(), cost("0.1")).result()

        with pytest.raises(LimitError):
            book.begin(attempt("0.000000000001"), limits).result()
        assert book.begin(attempt("0"), limits).result() == 11
        assert book.spent() == Decimal(1)


def test_a_reservation_is_never_rounded_down() -> None:
    """A worst case below one picodollar still needs room under a limit."""
    with Book.open(None) as book, pytest.raises(LimitError):
        book.begin(attempt("0.0000000000001"), Limits(total=Decimal(0))).result()


PICOS = st.integers(0, 5 * 10**11).map(lambda pico: Decimal(pico).scaleb(-12))


class LedgerMachine(RuleBasedStateMachine):
    """Any order of begins, finishes and releases keeps the sums true and below the limits."""

    sent: Bundle[tuple[int, Decimal]] = Bundle("sent")
    limits = Limits(run=Decimal(1), day=Decimal("1.5"), total=Decimal(2))

    def __init__(self) -> None:
        super().__init__()
        self.book = Book.open(None)
        self.spent = Decimal(0)
        self.reserved = Decimal(0)

    @rule(target=sent, worst=PICOS, run=st.sampled_from("ab"), day=st.integers(0, 1))
    def begin(self, worst: Decimal, run: str, day: int) -> tuple[int, Decimal]:
        """Send, if the book lets us."""
        future = self.book.begin(attempt(worst, run=run, at=NOON + day * DAY), self.limits)
        if future.exception() is not None:
            return (0, worst)
        self.reserved += worst
        return (future.result(), worst)

    @rule(sent=consumes(sent), share=st.integers(0, 100), known=st.booleans())
    def finish(self, sent: tuple[int, Decimal], share: int, *, known: bool) -> None:
        """Settle at some share of the worst case, or at an unknown price."""
        attempt_id, worst = sent
        charge = (worst * share / 100).quantize(Decimal("1e-12")) if known else worst
        if attempt_id:
            self.book.finish(attempt_id, cost(str(charge) if known else None)).result()
            self.reserved -= worst
            self.spent += charge

    @rule(sent=consumes(sent))
    def release(self, sent: tuple[int, Decimal]) -> None:
        """Take back."""
        attempt_id, worst = sent
        if attempt_id:
            self.book.release(attempt_id).result()
            self.reserved -= worst

    @invariant()
    def sums_are_true(self) -> None:
        """Compare with our own sums, and with the sums of the rows."""
        total = self.book.account()
        assert (total.spent, total.reserved) == (self.spent, self.reserved)
        assert self.book.verify() == []

    @invariant()
    def no_limit_is_passed(self) -> None:
        """Look at every scope that has a limit."""
        for scope, limit in (("total", 2), ("day:2026-11-22", 1.5), ("run:a", 1), ("run:b", 1)):
            account = self.book.account(scope)
            assert account.spent + account.reserved <= limit

    def teardown(self) -> None:  # type: ignore[explicit-override, unused-ignore]
        """Close."""
        self.book.close()


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

HAMMER = """
import sys, threading, random
from decimal import Decimal
from pathlib import Path
from llmlab.book import Attempt, Book, Limits, Settled
from llmlab.errors import LimitError
seed = int(sys.argv[2])
book = Book.open(Path(sys.argv[1]), timeout=60.0)
limits = Limits(total=Decimal(1))
def work(number):
    draw = random.Random(seed * 100 + number)
    refused = 0
    while refused < 3:
        worst = Decimal(draw.randrange(1, 2_000)).scaleb(-6)
        sent = Attempt(key=str(draw.random()), provider="p", model="m",
                       started_at=1_795_348_800.0, worst_usd=worst)
        try:
            attempt = book.begin(sent, limits).result()
        except LimitError:
            refused += 1
            continue
        charge = worst * draw.randrange(20, 101) / 100
        book.finish(attempt, Settled(status="ok", answer=b"x", cost_usd=charge)).result()
print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
book.close()
"""


def hammer(path: Path, seed: int) -> subprocess.Popen[str]:
    """Start a kernel that waits for a line, then spends all it can."""
    return subprocess.Popen(
        [sys.executable, "-c", HAMMER, str(path), str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_kernels_together_never_pass_a_limit(tmp_path: Path) -> None:
    """R-43: 4 processes of 4 threads spend up to $1 of one book: never more, and most of it."""
    path = tmp_path / "lab.db"
    kernels = [hammer(path, seed) for seed in range(4)]
    peak = Decimal(0)

    with Book.open(path) as book, ExitStack() as stack:
        for kernel in kernels:
            stack.enter_context(kernel)
            assert kernel.stdout is not None
            assert kernel.stdout.readline() == "ready\n"
        for kernel in kernels:
            assert kernel.stdin is not None
            kernel.stdin.write("go\n")
            kernel.stdin.close()
        for kernel in kernels:
            while kernel.poll() is None:
                account = book.account()
                peak = max(peak, account.spent + account.reserved)
                with suppress(subprocess.TimeoutExpired):
                    kernel.wait(timeout=0.01)

        assert [kernel.returncode for kernel in kernels] == [0, 0, 0, 0]
        assert Decimal("0.99") < book.spent() <= 1
        assert 0 < peak <= 1
        assert book.account().reserved == 0
        assert book.verify() == []
    trail = sqlite3.connect(path)
    busy = trail.execute("SELECT count(*) FROM attempts GROUP BY owner").fetchall()
    trail.close()
    assert len(busy) == 4
    assert min(busy) > (20,)
