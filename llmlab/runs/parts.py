"""What a lab is made of, from its settings: made when first needed, stopped together."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmlab.book import Book, Limits
from llmlab.catalogue import Catalogue
from llmlab.runs.backends import Backends
from llmlab.runs.caller import Caller, Prepared
from llmlab.runs.plan import reasons
from llmlab.settings import Budget, Settings
from llmlab.wire import Engine, Gates, Session

if TYPE_CHECKING:
    from llmlab.pricing import Prices

REASONING_DEADLINE: Final = 600.0
"""Seconds for a call that reasons first: minutes pass before its first word."""

_STAND_IN_PERMITS: Final = 4
"""Calls in flight at the embedded model: two answer, two are at the door."""


class Parts:
    """One engine, one session, one book, one set of doors."""

    def __init__(self, settings: Settings, env: Mapping[str, str], project: Path) -> None:
        self.settings = settings
        self.project = project
        self.catalogue = Catalogue.load(settings.catalogue)
        self.engine = Engine()
        proxies = any(name.lower().endswith("_proxy") for name in env)
        self.session = Session(proxies=proxies)
        self.backends = Backends(catalogue=self.catalogue, settings=settings, env=env)
        self.backends.check(self.catalogue.providers)
        self.engine.at_close(self.session.close)
        self.engine.at_close(self.backends.close)

    @cached_property
    def book(self) -> Book:
        """The record of every call."""
        wish = self.settings.book
        if wish is not None and str(wish) == ":memory:":
            return Book.open(None)
        return Book.open(wish or self.project / ".llmlab" / "lab.db")

    @cached_property
    def prices(self) -> "Prices":
        """The price table with the user's overrides on top."""
        from llmlab.pricing import Prices

        return Prices(overrides=self.settings.prices)

    @cached_property
    def gates(self) -> Gates:
        """The doors to the providers."""
        return Gates(
            max_in_flight=self.settings.max_in_flight,
            per_provider=self.settings.per_provider,
            limits=self.settings.limits,
            permits={"stand-in": _STAND_IN_PERMITS, "local": _STAND_IN_PERMITS},
        )

    def caller(self, run_limit: float | None = None) -> Caller:
        """Return who makes calls, under the settings' limits or a run's own."""
        return Caller(
            book=self.book,
            session=self.session,
            gates=self.gates,
            prices=self.prices,
            limits=_limits(self.settings.budget, run_limit),
            attempts=self.settings.attempts,
            drop=self.settings.drop_parameters,
            unpriced=self.settings.unpriced,
        )

    def deadline(self, prepared: Prepared) -> float:
        """Return the seconds a call may take; one that reasons gets minutes."""
        thinks = reasons(prepared.request.parameters, prepared.model)
        return max(self.settings.deadline, REASONING_DEADLINE if thinks else 0.0)

    def close(self) -> None:
        """Stop the engine with all that runs on it, then close the book."""
        self.engine.close()
        if "book" in self.__dict__:
            self.book.close()


def _limits(budget: Budget, run: float | None) -> Limits:
    def dollars(value: float | None) -> Decimal | None:
        return None if value is None else Decimal(str(value))

    return Limits(
        call=dollars(budget.call),
        run=dollars(budget.run if run is None else run),
        day=dollars(budget.day),
        total=dollars(budget.total),
    )
