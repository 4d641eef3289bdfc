"""
A world in which kernels die, are interrupted and lose replies while they send by batch.

A kernel is a lab; its calls to the provider and its writes to the book are its events, counted from
1. At one event something goes wrong. A death leaves what was committed at that moment: the book is
copied, and the next kernel works on the copy, whose owner is dead. What the simulator took is the
judge: whatever was handed in there is paid for, whether anybody collects it or not.
"""

import asyncio
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from unittest.mock import patch

import pandas as pd

from llmlab import Lab
from llmlab.book.writer import Writer
from llmlab.errors import CutOff, Unavailable
from llmlab.providers.batch import xai as xai_batch
from llmlab.records import HttpCall, HttpReply
from llmlab.sim import RuleAuthor, Simulator, environment
from llmlab.wire import Session
from llmlab.wire.session import Exchange

Trouble: TypeAlias = Literal[
    "none", "dies", "dies after", "interrupted", "refused", "unreachable",
    "busy", "lost reply", "busy yet taken",
]  # fmt: skip
"""
What goes wrong at an event. The last five need a call, so they wait for the next one: `refused` is
400 and `busy` 503, both without effect; with `lost reply` and `busy yet taken` the
provider did what it was asked.
"""

KEYS: Final = {
    "OPENAI_API_KEY": "sk-planted-0000000000000000000000",
    "ANTHROPIC_API_KEY": "sk-ant-api03-planted000000000000",
    "XAI_API_KEY": "xai-planted00000000000000000000",
}
WORDS: Final = ("Profit up", "Shares plunge", "Board meets", "Dividend cut", "Bid raised")
_PATIENCE: Final = 60.0
"""Seconds after which a kernel counts as stuck: nothing here waits for longer than moments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel that asks for the first *asks* questions; *trouble* comes at its event *at*."""

    asks: int = len(WORDS)
    trouble: Trouble = "none"
    at: int = 0
    stays: bool = False
    """Whether its lab stays open while the next ones run, as in a notebook that goes on."""


class Dead(BaseException):
    """Unwinds what a dead kernel was about to do; what it still writes, nobody inherits."""


@dataclass(slots=True)
class Script:
    """What a kernel has done so far, and whether it still lives."""

    kernel: Kernel
    book: Path
    heir: Path
    events: int = 0
    due: bool = False
    dead: threading.Event = field(default_factory=threading.Event)
    loop: asyncio.AbstractEventLoop | None = None

    def step(self) -> Trouble:
        """Count an event; return what goes wrong at it."""
        self.events += 1
        return self.kernel.trouble if self.events == self.kernel.at else "none"

    def die(self) -> None:
        """Leave to the heir what is committed now."""
        self.heir.touch(mode=0o600)
        here, there = sqlite3.connect(self.book), sqlite3.connect(self.heir)
        with closing(here), closing(there):
            here.backup(there)
        self.dead.set()

    def interrupt(self) -> None:
        """Cancel the run where it stands, as Ctrl-C does through the engine."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(_cancel_run, self.loop)


def _cancel_run(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        if "_announced" in repr(task.get_coro()):
            task.cancel()


class World:
    """Books in a folder, kernels on them, and a simulator that judges."""

    def __init__(self, simulator: Simulator, folder: Path, model: str) -> None:
        self.simulator = simulator
        self.model = model
        self._folder = folder
        self._generation = 0
        self._scripts: dict[int, Script] = {}
        self._open: list[Lab] = []

    @property
    def book(self) -> Path:
        """The book that the living work on."""
        return self._folder / f"{self._generation}.db"

    async def run(self, kernels: Sequence[Kernel]) -> list[pd.DataFrame | BaseException | None]:
        """Run kernels at once; one that dies must be alone. Return rows, an error, None if dead."""
        done = await asyncio.gather(*[asyncio.to_thread(self._live, each) for each in kernels])
        if any(kernel.trouble.startswith("dies") for kernel in kernels) and done[0] is None:
            self._generation += 1
        return done

    def _live(self, kernel: Kernel) -> pd.DataFrame | BaseException | None:
        heir = self._folder / f"{self._generation + 1}.db"
        lab = Lab(book=self.book, env={**KEYS, **environment(self.simulator)}, config="/")
        lab._services.batch_poll_s = 0.001
        lab._services.batch_grace_s = 0.0  # type: ignore[attr-defined,unused-ignore]
        script = Script(kernel, self.book, heir, loop=lab._services.engine.loop)
        writer = lab.book._writer
        self._scripts[id(lab._services.session)] = script
        self._scripts.setdefault(id(writer), script)
        made: list[pd.DataFrame | BaseException] = []
        thread = threading.Thread(target=lambda: made.append(self._asked(lab, kernel)), daemon=True)
        thread.start()
        waited = 0.0
        while thread.is_alive() and not script.dead.is_set() and waited < _PATIENCE:
            thread.join(0.01)
            waited += 0.01
        stuck = thread.is_alive() and not script.dead.is_set()
        if not script.dead.is_set():  # the dead send nothing more, whatever they were about to do
            self._scripts.pop(id(lab._services.session))
        if self._scripts.get(id(writer)) is script:
            self._scripts.pop(id(writer))
        with suppress(Exception):
            self._settle(lab, kernel, script)
        if script.dead.is_set():
            lab.close()
            return None
        if kernel.stays:
            self._open.append(lab)
        else:
            lab.close()
        assert not stuck, f"{kernel} is stuck after {script.events} events"
        return made[0]

    def _settle(self, lab: Lab, kernel: Kernel, script: Script) -> None:
        """Let what goes on behind an interruption end, as it does in a kernel that stays up."""
        if script.dead.is_set() or kernel.trouble != "interrupted":
            return
        deadline = 500
        while deadline and any(
            not task.done() for task in asyncio.all_tasks(lab._services.engine.loop)
        ):
            deadline -= 1
            threading.Event().wait(0.01)

    def _asked(self, lab: Lab, kernel: Kernel) -> pd.DataFrame | BaseException:
        frame = pd.DataFrame({"words": WORDS[: kernel.asks]})
        try:
            run = lab.abtest(
                {"p": "Good or bad: {{ words }}?"}, self.model, on=frame, batch=True, quiet=True,
                max_tokens=20, name=f"r{kernel.asks}",
            )  # fmt: skip
        except BaseException as error:  # noqa: BLE001 - a row may fail, a run may not: judged later
            return error
        return run.rows

    def close(self) -> None:
        """Close the labs that stayed open."""
        for lab in self._open:
            lab.close()
        self._open.clear()

    # ---- events

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Have every call and every write of a kernel count as an event."""
        send, world = Session.send, self
        submit, submit_async = Writer.submit, Writer.submit_async

        async def counted(self: Session, call: HttpCall, endpoint: Any) -> Exchange:
            return await world._send(self, send, call, endpoint)

        def about_to_write(writer: Writer) -> None:
            script = world._scripts.get(id(writer))
            if script is not None and not script.dead.is_set():
                world._wrote(script)

        def written(self: Writer, job: Any) -> Any:
            about_to_write(self)
            return submit(self, job)

        async def written_async(self: Writer, job: Any) -> Any:
            about_to_write(self)
            return await submit_async(self, job)

        with (
            patch.object(Session, "send", counted),
            patch.object(Writer, "submit", written),
            patch.object(Writer, "submit_async", written_async),
            patch.object(xai_batch, "_MANY", 2),
        ):
            yield

    def _wrote(self, script: Script) -> None:
        trouble = script.step()
        if trouble.startswith("dies"):
            script.die()
        elif trouble == "interrupted":
            script.interrupt()
        elif trouble != "none":
            script.due = True

    async def _send(self, session: Session, send: Any, call: HttpCall, endpoint: Any) -> Exchange:
        script = self._scripts.get(id(session))
        if script is None or "/models" in call.url:
            return await send(session, call, endpoint)  # type: ignore[no-any-return]
        trouble: Trouble = "dies" if script.dead.is_set() else script.step()
        if script.due:
            trouble, script.due = script.kernel.trouble, False
        await _before(script, trouble, endpoint.provider)
        if trouble in _STATUS:
            return _reply(_STATUS[trouble])
        exchange: Exchange = await send(session, call, endpoint)
        if trouble == "dies after":
            script.die()
            raise Dead
        if trouble == "lost reply":
            raise CutOff("the reply broke off before its end", provider=endpoint.provider)
        return _reply(503) if trouble == "busy yet taken" else exchange

    # ---- the judge

    def handed_in(self) -> Counter[str]:
        """Count how often each question was handed in, by its words."""
        bodies = [
            body for batch in self.simulator._memory.batches.values() for _, body in batch.requests
        ]
        return Counter(_words(json.dumps(body)) for body in bodies)

    def attempts(self) -> dict[str, list[tuple[str, int | None, int]]]:
        """Return status, cost and charge of the attempts at each question, by its key."""
        with closing(sqlite3.connect(self.book)) as book:
            rows = book.execute(
                "SELECT key, coalesce(status, 'sent'), cost_pico, coalesce(charge_pico, 0) "
                "FROM attempts LEFT JOIN outcomes ON attempt = id"
            ).fetchall()
        found: dict[str, list[tuple[str, int | None, int]]] = {}
        for key, status, cost, charge in rows:
            found.setdefault(key, []).append((status, cost, charge))
        return found


async def _before(script: Script, trouble: Trouble, provider: str) -> None:
    """Let happen what happens before a call is on its way."""
    if trouble == "dies":
        if not script.dead.is_set():
            script.die()
        raise Dead
    if trouble == "interrupted":
        script.interrupt()
        await asyncio.sleep(0.005)
    if trouble == "unreachable":
        raise Unavailable("no connection", provider=provider)


_STATUS: Final = {"refused": 400, "busy": 503}


def _reply(status: int) -> Exchange:
    body = json.dumps({"error": {"message": "no", "type": "x"}}).encode()
    reply = HttpReply(status=status, headers={}, body=body)
    return Exchange(reply=reply, ttfb=0.0, latency=0.0)


def _words(body: str) -> str:
    return next(words for words in WORDS if words in body)


def simulator() -> Simulator:
    """Make a simulator that answers by the rule."""
    return Simulator(author=RuleAuthor(seed=1))
