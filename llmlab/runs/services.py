"""The parts of a lab, made from its settings when first needed, closed together."""

import atexit
import os
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakSet
from zoneinfo import ZoneInfo

from llmlab.archive import tape_reader
from llmlab.archive.recorder import Recorder
from llmlab.archive.tape import Tape
from llmlab.backends.backends import Backends
from llmlab.backends.health import Health
from llmlab.backends.pulled import Pulled
from llmlab.backends.trust import Vetted
from llmlab.book import Book, Limits
from llmlab.calls.batch.batches import GRACE_S, POLL_S
from llmlab.calls.caller import Caller, Prepared
from llmlab.calls.context import CallContext
from llmlab.calls.groups import Groups
from llmlab.calls.settlement_waiter import SettlementWaiter
from llmlab.design.grid import reasons
from llmlab.design.options_cache import OptionsCache
from llmlab.errors import ConfigError
from llmlab.runs.configuration import book_path
from llmlab.runs.control import UnderWay
from llmlab.runs.counting import Counting
from llmlab.settings import Budget
from llmlab.wire import Engine, Gates, Session

if TYPE_CHECKING:
    from llmlab.pricing import Prices

REASONING_DEADLINE: Final = 600.0
"""Seconds for a call that reasons first: minutes pass before its first word."""

STAND_IN_PERMITS: Final = 12
"""
Calls in flight at the embedded model. Two answer; the others wait where the next one is chosen by
what a copy of the model has read already (`sim.authors.turns`).
"""


_OF_A_PROCESS: Final = ("pulled", "health", "gates", "settlements", "asker")
"""Parts made from connections, or that know which calls of this process are under way."""


class Services:
    """One engine, one session, one book, one set of gates."""

    def __init__(
        self, vetted: Vetted, env: Mapping[str, str], project: Path, *, look: bool = False
    ) -> None:
        settings = vetted.settings
        self.settings = settings
        self.project = project
        self.catalogue = vetted.catalogue
        self.batch_poll_s, self.batch_grace_s = POLL_S, GRACE_S
        self._env, self._waiting = env, vetted.waiting
        self._start()
        # Made at once, so that a missing tape is an error where the lab is made.
        if settings.mode == "replay":
            _ = self.tape
        else:
            _ = self.recorder
            if not look:
                self.backends.check(self.catalogue.providers)
        _ALL.add(self)

    def _start(self) -> None:
        """Make what belongs to one process: a loop, connections, servers; none is opened yet."""
        settings = self.settings
        proxies = any(name.lower().endswith("_proxy") for name in self._env)
        self.engine = Engine(at_exit=self.close)
        self.under_way = UnderWay()
        self._pid = os.getpid()
        self.session = Session(
            proxies=proxies,
            max_reply_mb=settings.max_reply_mb,
            max_batch_mb=settings.max_batch_mb,
        )
        self.backends = Backends(
            catalogue=self.catalogue, settings=settings, env=self._env, waiting=self._waiting
        )
        self.engine.at_close(self.session.close)
        self.engine.at_close(self.backends.close)

    def begin_anew(self) -> None:
        """
        After a fork: make the child parts of its own, and leave the parent's alone.

        Two processes that use one connection take each other's replies; and closing or
        garbage-collecting inherited parts would end them for the parent, so they are kept, unused.
        """
        own = {name: self.__dict__.pop(name, None) for name in _OF_A_PROCESS}
        _INHERITED.append((self.engine, self.session, self.backends, own))
        self._start()

    @cached_property
    def book(self) -> Book:
        """The record of every call."""
        book = Book.open(book_path(self.settings, self.project))
        # atexit calls the last registered first: the book closes after what writes in it.
        atexit.unregister(self.close)
        atexit.register(self.close)
        return book

    @cached_property
    def tape(self) -> Tape:
        """The tape that replay mode answers from."""
        if self.settings.tape is None:
            raise ConfigError("replay needs a tape: give tape=, or set LLMLAB_TAPE")
        return tape_reader.read(self.settings.tape)

    @cached_property
    def recorder(self) -> Recorder:
        """Keeps runs and questions in the book; in record mode also for the tape."""
        recording = self.settings.mode == "record"
        if recording and self.settings.tape is None:
            raise ConfigError("record needs a tape: give tape=, or set LLMLAB_TAPE")
        return Recorder(lambda: self.book, tape=self.settings.tape if recording else None)

    @cached_property
    def pulled(self) -> Pulled:
        """The models that the Ollama server has."""
        return Pulled(self.session)

    @cached_property
    def health(self) -> Health:
        """Health checks of providers, free of charge."""
        return Health(self.session, self.backends)

    @cached_property
    def prices(self) -> "Prices":
        """The price table with the user's overrides on top."""
        from llmlab.pricing import Prices
        from llmlab.pricing.stored import table_path

        return Prices(
            overrides=self.settings.prices,
            sellers=self.catalogue.sellers,
            allow_network=self.settings.mode != "replay",
            kept=table_path(),
        )

    @cached_property
    def counting(self) -> Counting:
        """Token counts before sending."""
        return Counting(lambda: self.book, self.settings)

    @cached_property
    def gates(self) -> Gates:
        """The gates of the providers: breaker, permits, rate limit."""
        return Gates(
            max_in_flight=self.settings.max_in_flight,
            per_provider=self.settings.per_provider,
            limits=self.settings.limits,
            permits={"stand-in": STAND_IN_PERMITS, "local": STAND_IN_PERMITS},
        )

    @cached_property
    def settlements(self) -> SettlementWaiter:
        """The queue of calls that wait for reservations to settle; one, as they share the book."""
        return SettlementWaiter()

    @cached_property
    def groups(self) -> Groups:
        """The idempotency keys of attempts, where an endpoint takes one."""
        return Groups()

    @cached_property
    def options_cache(self) -> OptionsCache:
        """Options of questions that were parsed already."""
        return OptionsCache()

    @cached_property
    def asker(self) -> Caller:
        """Makes single calls, under the settings' limits."""
        return self.caller()

    def caller(self, run_limit: float | None = None) -> Caller:
        """Return the caller of a run, under the settings' limits or the run's own."""
        return Caller(
            context=CallContext(
                book=self.book,
                session=self.session,
                gates=self.gates,
                prices=self.prices,
                limits=_limits(self.settings.budget, run_limit, self.zone),
                attempts=self.settings.attempts,
                drop=self.settings.drop_parameters,
                unpriced=self.settings.unpriced,
                window=self.settings.tier_local,
                settlements=self.settlements,
                groups=self.groups,
            )
        )

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone of the day limit's midnight; None is UTC."""
        name = self.settings.day_zone
        return None if name == "UTC" else ZoneInfo(name)

    def deadline(self, prepared: Prepared) -> float:
        """Return the seconds a call may take; one that reasons, or goes at flex, gets minutes."""
        asked = prepared.request.parameters
        slow = asked.tier == "flex" or reasons(asked, prepared.model)
        return max(self.settings.deadline, REASONING_DEADLINE if slow else 0.0)

    def close(self) -> None:
        """Stop runs and keep finished calls, stop the engine, write what waits, close the book."""
        atexit.unregister(self.close)
        if os.getpid() != self._pid:
            self.engine.close()  # in a forked child the rest belongs to its parent
            return
        self.under_way.stop()
        self.engine.close()
        try:
            self.recorder.close()
        finally:
            if "book" in self.__dict__:
                self.book.close()


def _limits(budget: Budget, run: float | None, zone: ZoneInfo | None) -> Limits:
    def dollars(value: float | None) -> Decimal | None:
        return None if value is None else Decimal(str(value))

    return Limits(
        call=dollars(budget.call),
        run=dollars(budget.run if run is None else run),
        day=dollars(budget.day),
        total=dollars(budget.total),
        zone=zone,
    )


_ALL: "Final[WeakSet[Services]]" = WeakSet()
_INHERITED: Final[list[object]] = []


def _after_fork() -> None:
    for services in list(_ALL):
        services.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
