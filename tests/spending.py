"""Four kernels, one book, one limit: what the provider bills, and what the book says."""

from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from llmlab.book import Account, Book
from tests.fleet import began, dollars, ended, kernel, provider, served

PRICE: Final = 30.0
"""Dollars per million input tokens; output is twice that."""

FAULTS: Final = ("500:0.05", "reset:0.005", "429:0.03")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a limit let through."""

    limit: Decimal
    billed: Decimal
    """Dollars by the provider's own log, everything that it wrote."""
    account: Account
    served: int
    answered: int
    errors: dict[str, int]
    first_errors: tuple[str, ...]


def spent(
    folder: Path, *, limit: float, calls: int, kernels: int = 4, at_once: int = 50, seed: int = 0
) -> Spent:
    """Run *kernels* processes of *calls* calls each, *at_once* at a time, under one limit."""
    with ExitStack() as stack:
        url = stack.enter_context(provider(folder, *FAULTS, "delay:0.05", seed=seed))
        options = {"at_once": at_once, "limit": limit, "price": PRICE}
        running = [
            stack.enter_context(kernel(folder, url, calls, first=number * calls, **options))
            for number in range(kernels)
        ]
        for process in running:
            began(process)
        said = [ended(process) for process in running]
    errors: dict[str, int] = {}
    for each in said:
        for kind, count in each["errors"].items():
            errors[kind] = errors.get(kind, 0) + count
    with Book.open(folder / "lab.db") as book:
        account = book.account()
    return Spent(
        limit=Decimal(str(limit)),
        billed=sum((dollars(each, PRICE) for each in served(folder)), Decimal(0)),
        account=account,
        served=len(served(folder)),
        answered=sum(each["ok"] for each in said),
        errors=errors,
        first_errors=tuple(each["first_error"] for each in said),
    )
