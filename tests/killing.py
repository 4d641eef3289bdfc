"""Kill a run at random moments until it is done; hold its book against the provider's log."""

import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tests.fleet import began, dollars, ended, handed, kernel, provider, sent_again, served

PRICE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What a run left behind that was killed again and again, and then ended."""

    kills: int
    calls: int
    answered: int
    served: int
    sent_twice: int
    sent_after_handing_on: int
    """Requests that were sent although their answer had been handed on before: must be 0."""
    undeclared: int
    """Second sends of what the book did not call unknown: must be 0."""
    unknown: int
    settled: Decimal
    unknown_usd: Decimal
    billed_known: Decimal
    """Dollars by the provider's log for one answer a call."""
    billed: Decimal
    """Dollars by the provider's log for all it wrote."""
    problems: tuple[str, ...]


def killed(
    folder: Path,
    *,
    kills: int,
    calls: int,
    seed: int,
    longest: float,
    idempotency: str = "",
    amid: bool = False,
) -> Killed:
    """
    Run *calls* calls with *kills* SIGKILLs, each up to *longest* seconds after sending began.

    With *amid* each comes once an answer was written, so that calls are under way for certain.
    """
    options = {"idempotency": idempotency} if idempotency else {}
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    with provider(folder, "delay:0.05", idempotency=idempotency) as url:
        for _ in range(kills):
            with kernel(folder, url, calls, **options) as process:
                before = len(served(folder))
                began(process)
                while amid and len(served(folder)) == before and process.poll() is None:
                    time.sleep(0.005)
                time.sleep(rng.uniform(0.0, longest))
                process.kill()
        with kernel(folder, url, calls, **options) as process:
            last = ended(process)
    return _read(folder, kills=kills, calls=calls, answered=last["ok"])


def _read(folder: Path, *, kills: int, calls: int, answered: int) -> Killed:
    wrote, given = served(folder), handed(folder)
    times = Counter(each.user for each in wrote)
    prices = {each.user: dollars(each, PRICE) for each in wrote}
    unknown = _unknown(folder / "lab.db")
    second = {user: count - 1 for user, count in times.items() if count > 1}
    settled, unknown_usd, problems = _money(folder / "lab.db")
    return Killed(
        kills=kills,
        calls=calls,
        answered=answered,
        served=len(wrote),
        sent_twice=sum(second.values()),
        sent_after_handing_on=len(sent_again(folder)),
        undeclared=sum(max(0, more - unknown[given[user].key]) for user, more in second.items()),
        unknown=unknown.total(),
        settled=settled,
        unknown_usd=unknown_usd,
        billed_known=sum(prices.values(), Decimal(0)),
        billed=sum((prices[each.user] for each in wrote), Decimal(0)),
        problems=problems,
    )


def _unknown(path: Path) -> Counter[str]:
    """Count the attempts of unknown outcome by key."""
    with closing(sqlite3.connect(path)) as book:
        rows = book.execute(
            "SELECT key, count(*) FROM attempts JOIN outcomes ON attempt = id "
            "WHERE status <> 'ok' AND cost_pico IS NULL GROUP BY key"
        )
        return Counter(dict(rows.fetchall()))


def _money(path: Path) -> tuple[Decimal, Decimal, tuple[str, ...]]:
    from llmlab.book import Book

    with Book.open(path) as book:
        account = book.account()
        return account.settled, account.unknown, tuple(book.verify())
