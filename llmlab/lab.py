"""The plain functions behind every magic: call them from a script, a test, a cell."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from llmlab.archive import run_store, tape_writer
from llmlab.archive.tape import Tape
from llmlab.backends.greeting import greeting
from llmlab.backends.served import merged
from llmlab.backends.trust import Vetted, vetted
from llmlab.checks.plain import plain
from llmlab.comparison import Comparison
from llmlab.comparison.marks import mark, marked, marks_of
from llmlab.design.design import Design, said_as
from llmlab.design.experiment import Experiment, experiment_of
from llmlab.errors import ConfigError
from llmlab.records import Answer, Piece
from llmlab.runs.asking import answer_of
from llmlab.runs.conduct import Landed, RunObserver, conduct
from llmlab.runs.configuration import book_path, configuration
from llmlab.runs.control import Control
from llmlab.runs.count_by_provider import asked_count
from llmlab.runs.extra_columns import read
from llmlab.runs.filling import Filling
from llmlab.runs.services import Services
from llmlab.runs.streaming import streamed
from llmlab.secrets import Environment
from llmlab.settings import Mode, Sourced, project_of, shielded
from llmlab.templates import Library

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.book import Book
    from llmlab.catalogue import Catalogue
    from llmlab.pricing import Prices
    from llmlab.runs.conversation import Conversation
    from llmlab.runs.handle import Handle
    from llmlab.templates.history import History, Version
    from llmlab.tokens import Count
    from llmlab.wire.gate import GateState


class Lab:
    """
    One engine, one session, one book: everything a notebook asks goes through here.

    Args:
        book: The SQLite file of every call, by default `<project>/.llmlab/lab.db`; None keeps
            it in memory, as ":memory:" does.
        mode: "live" (with stand-ins where no key is); "stand-in"; "record", which is live and
            appends to *tape* at the end; "replay", where only *tape* answers.
        tape: The file to record on or to replay; see `docs/replay.md`.
        env: Where keys and `LLMLAB_*` settings come from; the process's own when None.
        config: Folder whose llmlab.toml or pyproject.toml is read; the project's when None.
        budget: Dollars, such as `{"run": 1.0, "day": 5.0}`.
        deadline: Seconds for one call, all its attempts included.
        attempts: Most attempts of one call; 1 never retries.
        max_in_flight: Calls under way at once, over all providers.
        limits: Requests and tokens a minute, such as `{"openai": {"rpm": 500, "tpm": 2e5}}`.
        look: Whether the lab is to read what is kept: keys and addresses are checked when
            something is sent, and not now.

    Raises:
        ConfigError: A setting is unknown, ill-typed or out of bounds (its source is named), or
            what a file of the project says about addresses and keys was not accepted yet
            (`llmlab trust`).
        BadKey: A key in *env* is malformed; the variable is named.
        UsageError: The tape to replay cannot be read.
    """

    def __init__(  # noqa: PLR0913 - the settings of a lab, all by name
        self,
        *,
        book: str | Path | None = "",
        mode: Mode | None = None,
        tape: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        config: str | Path | None = None,
        budget: Mapping[str, float | None] | None = None,
        deadline: float | None = None,
        attempts: int | None = None,
        max_in_flight: int | None = None,
        limits: Mapping[str, Mapping[str, float]] | None = None,
        look: bool = False,
        **settings: object,
    ) -> None:
        # Before anything can fail: a traceback shows the locals of this frame.
        env, settings = Environment.of(env), shielded(settings)
        self._env = env
        self.project = Path(config) if config is not None else project_of(Path.cwd())
        given = {
            "book": ":memory:" if book is None else book or None,
            "mode": mode,
            "tape": tape,
            "budget": budget,
            "deadline": deadline,
            "attempts": attempts,
            "max_in_flight": max_in_flight,
            "limits": limits,
            **settings,
        }
        given = {name: plain(value) for name, value in given.items()}
        read = Sourced.read(folder=self.project, env=self._env, arguments=given)
        self._services = Services(self._vetted(read, look=look), env, self.project, look=look)
        self.prompts = Library(
            self.project / self.settings.prompts,
            mode=self.settings.templates,
            sent=self._sent,
        )

    def _vetted(self, read: Sourced, *, look: bool) -> Vetted:
        """Take the settings in, less what waits for the user's word."""
        known = vetted(read, self.project)
        self.settings, self.sources = known.settings, read.sources
        self.waiting = known.waiting
        """Settings of the project's files that the user has to accept; empty when there is none."""
        if self.waiting and not look:
            raise ConfigError(self.waiting)
        waits = {each.setting for each in known.claims}
        self._entries = [
            (name, value, f"{source}, waits" if name in waits else source)
            for name, value, source in read.entries()
        ]
        return known

    def __repr__(self) -> str:
        """Show the book's path, the mode and the models; never a key."""
        if "settings" not in vars(self):  # in a traceback of an error in __init__
            return "Lab(...)"
        book = book_path(self.settings, self.project) or ":memory:"
        return f"Lab(book='{book}', mode={self.settings.mode!r}, models={self.settings.models!r})"

    # ---- one question -------------------------------------------------------------------

    def ask(
        self,
        prompt: str | None = None,
        model: str | None = None,
        *,
        tick: Callable[[], None] | None = None,
        **options: Any,
    ) -> Answer:
        """
        Ask one model one question; options as `ask_async`, and *tick* is called while waiting.

        Raises:
            UsageError: The input is bad; nothing was sent.
            CallError: The call failed.
        """
        work = answer_of(self._services, prompt, model, **options)
        return self._services.engine.run(work, tick=tick, every=0.05)

    async def ask_async(
        self, prompt: str | None = None, model: str | None = None, **options: Any
    ) -> Answer:
        """
        Ask one model one question, from any event loop.

        A question that is under way at this moment, here or in another kernel that shares the
        book, is not sent a second time: this call has the same answer, marked `from_book`. For
        several samples of one question give each its own `repeat`. One after the other, a
        question is sent again each time, unless `temperature=0` or a `seed` makes it
        deterministic: then the book answers.

        Args:
            prompt: The words; None where `messages` has them.
            model: A name of the catalogue or `provider/model`; the first of the line-up when None.
            **options: `messages` (a whole conversation, such as
                `[{"role": "user", "content": "Up?"}]` or pairs of role and text; the last is the
                user's), `values` (fills the slots `{{ name }}` of the words, and packs tables),
                `system`, `max_tokens`, `temperature`, `top_p`, `seed`, `stop`, `schema`,
                `search`, `thinking`, `effort`, `tier`, `cache`, `api`, `deadline`, `repeat`;
                `tools`, `tool_choice`, `logprobs`, `top_k`, `presence_penalty`,
                `frequency_penalty`, `verbosity`; and `extra`, fields that go into the body as
                they are.

        Raises:
            UsageError: The input is bad, such as a blank prompt, a slot that nothing fills, or
                several models; nothing was sent.
            CallError: The call failed.
        """
        work = answer_of(self._services, prompt, model, **options)
        return await self._services.engine.bridge(work)

    def stream(
        self, prompt: str | None = None, model: str | None = None, **options: Any
    ) -> AsyncGenerator[Piece, None]:
        """
        Yield the pieces of an answer as they arrive; the last one has the whole `answer`.

        Raises:
            CallError: The call failed; `partial` has the text received so far.
            Closed: The lab was closed meanwhile.
        """
        ask = partial(answer_of, self._services, prompt, model, **options)
        return streamed(self._services.engine, lambda on_piece: ask(on_piece=on_piece))

    def chat(
        self, model: str | None = None, *, system: str | None = None, **options: Any
    ) -> "Conversation":
        """
        Begin a conversation with one model: `chat.say("...")` answers, and remembers what was said.

        Args:
            model: A name of the catalogue or `provider/model`; the first of the line-up when None.
            system: The system prompt.
            **options: As `ask_async`, for every message: `max_tokens`, `temperature` ...

        Raises:
            UsageError: An option or the model is unknown; nothing was sent.
        """
        from llmlab.runs.conversation import Conversation

        return Conversation(self._services, model, system=system, options=options)

    # ---- many questions -----------------------------------------------------------------

    @said_as(Design)
    def abtest(self, design: Design, *, handle: "Handle[Comparison] | None" = None) -> Comparison:
        """
        Compare prompts over models on the same inputs; only what the book lacks is sent.

        Options are the fields of `llmlab.design.design.Design`; *handle* is who watches the run
        and may hold it: see `start`.

        Raises:
            UsageError: The design is bad; nothing was sent.
            Closed: The lab was closed meanwhile; finished calls are kept.
        """
        return self._compare(design, handle)

    @said_as(Design)
    def start(self, design: Design) -> "Handle[Comparison]":
        """
        Run `abtest` in the background and return its handle once the plan is known.

        `handle.progress()` says how far it is, `.pause()`, `.resume()` and `.stop()` act on it,
        `.result()` waits for the Comparison. Options as `abtest`.

        Raises:
            UsageError: The design is bad; nothing was sent.
        """
        from llmlab.runs.handle import started

        return started(lambda handle: self._compare(design, handle))

    @said_as(Design)
    async def abtest_async(
        self, design: Design, *, handle: "Handle[Comparison] | None" = None
    ) -> Comparison:
        """
        Do what `abtest` does, awaited from any event loop.

        Cancelled (by `task.cancel()`, a timeout, a loop that closes), it stops as at Ctrl-C:
        calls under way are cancelled, no more are sent, and finished calls are in the book and
        in `lab.run(name)` before the cancellation is raised.
        """
        from llmlab.runs.handle import Handle
        from llmlab.views.live import watch_of

        handle = handle or Handle(watch_of(quiet=design.quiet))
        work = asyncio.ensure_future(asyncio.to_thread(self._compare, design, handle))
        work.add_done_callback(_looked_at)
        try:
            return await asyncio.shield(work)
        except (asyncio.CancelledError, GeneratorExit) as error:
            handle.control.brake.pull()
            if isinstance(error, asyncio.CancelledError):
                await asyncio.wait([work])
            raise

    # ---- looking around -----------------------------------------------------------------

    def models(self, *, live: bool = False) -> "pd.DataFrame":
        """
        One row a model: window, prices, cut-off, retirement, whether its key is present.

        Args:
            live: Whether to ask the providers for their own lists (free): `served` says
                whether a model is on them, and their dates of retirement win.
        """
        import pandas as pd

        from llmlab.backends.inventory import inventory

        rows = inventory(self.catalogue, self._services.prices, self._env)
        if live:
            work = self._services.health.listed(self._services.backends.named())
            rows = merged(rows, self._services.engine.run(work))
        return pd.DataFrame(rows)

    def behind(self) -> tuple[str, ...]:
        """
        Say where the catalogue is behind the providers' own lists and the price table.

        The lists are asked for where there is a key, free of charge; nothing is changed.
        """
        from llmlab.backends.behind import behind

        work = self._services.health.listed(self._services.backends.named())
        listed = self._services.engine.run(work)
        return behind(self.catalogue, listed, self._services.prices, at=time.time())

    def count(self, text: str, model: str | None = None, *, ask: bool = False) -> "Count":
        """
        Count the tokens of *text*: how many, how that is known ("exact" or "estimate"), the band.

        Args:
            text: The words.
            model: A name of the catalogue or `provider/model`; the first of the line-up when None.
            ask: Whether to ask the provider's own counter, which is free and has the text go
                there; its message frame is in the count.

        Raises:
            UsageError: *ask*, and the provider has no counter or no key.
            CallError: *ask*, and the provider did not answer.
        """
        arm = self.catalogue.arms(self.settings.models if model is None else model)[0]
        if ask:
            return self._services.engine.run(asked_count(self._services, text, arm))
        return self._services.counting.count(text, arm.model)

    def history(self, name: str) -> "History":
        """
        Return the versions of a prompt that were ever sent, oldest first, with their diffs.

        `print(lab.history("terse").diff())` shows what changed between the last two;
        `lab.prompts["terse"].history()` is the same.
        """
        from llmlab.templates.history import History

        return History(name=name, versions=self._sent(name))

    def health(self, provider: str | None = None) -> "pd.DataFrame":
        """
        One row a provider: state, what was checked, seconds it took, when; kept for 60 s.

        Only free endpoints are asked: no completion is bought. A provider without key or
        server is not asked at all, and no stand-in is started.

        Raises:
            UsageError: No provider has this name, or this is a replay, which sends nothing.
        """
        import pandas as pd

        work = self._services.health.look(self._services.backends.named(provider))
        return pd.DataFrame([asdict(each) for each in self._services.engine.run(work)])

    # ---- what is kept -------------------------------------------------------------------

    def runs(self) -> "pd.DataFrame":
        """One row a run in the book, oldest first; single questions are the run `ask`."""
        import pandas as pd

        self._services.recorder.flush()
        return pd.DataFrame(run_store.table(self.book), columns=list(run_store.COLUMNS))

    def run(self, name: str) -> Comparison:
        """
        Read a run of the book as it was conducted last; it needs no key and no network.

        Raises:
            UsageError: There is none of this name; the nearest are given.
        """
        from llmlab.frames import to_frame

        self._services.recorder.flush()
        kept = run_store.load(self.book, name)
        return Comparison(
            kept.name,
            to_frame(kept.rows, kept.extra_columns),
            notes=kept.head.notes,
            resolver=self.resolve,
            **kept.head.about,
        )

    def resolve(
        self,
        run: "str | Comparison",
        outcomes: "pd.DataFrame | pd.Series[Any]",
        target: str = "target",
        *,
        replace: bool = False,
        score: Any = None,
    ) -> Comparison:
        """
        Add targets that came later to a kept run, score it again and return it.

        As `run.resolve`: *outcomes* by input id, a frame with a column *target* or a Series.

        Raises:
            UsageError: There is no such run, an input is unknown or lies in the future, or a
                target is there already and is another one (unless *replace*).
        """
        from llmlab.archive.resolved import resolve
        from llmlab.comparison.resolutions import check_kept, outcomes_by_input

        name = run if isinstance(run, str) else run.name
        targets = outcomes_by_input(outcomes, target)
        self._services.recorder.flush()
        if not isinstance(run, str):
            kept = run_store.load(self.book, name).rows
            check_kept(run, {row.request_hash for row in kept})
        resolve(self.book, name, targets, score=score, replacing=replace, at=time.time())
        return self.run(name)

    def compare_runs(
        self, old: "str | Comparison", new: "str | Comparison", **options: Any
    ) -> "pd.DataFrame":
        """
        Return how each arm that both runs have changed on the inputs they share, worst first.

        Runs are given by name or as Comparison; `alpha` is the error over all arms.

        Raises:
            UsageError: There is no such run, or the two share no arm or no input.
        """
        from llmlab.comparison import compare_runs

        then, now = (self.run(each) if isinstance(each, str) else each for each in (old, new))
        return compare_runs(then, now, **options)

    def reality_check(
        self,
        baseline: "str | tuple[str, str] | float | None" = None,
        runs: "Sequence[str | Comparison] | None" = None,
    ) -> "pd.DataFrame":
        """
        Say which of all arms of all runs beats *baseline*, the luck of so many tries allowed for.

        *baseline* is an arm that each run has, or a score (each run's chance when None); *runs*
        are all scored runs of the book when None. One row an arm of a run: `p_adjusted` holds for
        all of them together, `p_any_look` also where one looks after every session.

        Raises:
            UsageError: A run lacks the baseline, or there is nothing to compare.
        """
        from llmlab.comparison.sessions import reality_check, scored

        found = self.runs().sort_values("when")["name"] if runs is None else runs
        read = [self.run(each) if isinstance(each, str) else each for each in found]
        return reality_check(read if runs is not None else scored(read), baseline)

    def mark(
        self, row: "str | Mapping[Any, Any] | pd.Series[Any]", *, right: bool | None = True
    ) -> None:
        """
        Mark an answer right or wrong, as in the widget `Answers`; None removes the mark.

        Args:
            row: A row of a run, such as `run.rows.iloc[0]`, or its `request_hash`.
            right: What a person says of it.

        Raises:
            UsageError: It is no row of a run, or the book has no answer of it.
        """
        mark(self.book, row, right=right)

    def marked(self, run: Comparison) -> Comparison:
        """Return *run* scored by the marks of the book: 1 right, 0 wrong, the rest unscored."""
        return marked(run, marks_of(self.book, run))

    def save_tape(self, path: str | Path, run: str | None = None) -> Path:
        """
        Write a tape: the recorded answers as a text file without keys, for `mode="replay"`.

        Args:
            path: The file; an existing one is overwritten.
            run: The run to keep; every run and single question of the book when None.

        Raises:
            UsageError: There is no such run, or the file cannot be written.
        """
        self._services.recorder.flush()
        path = Path(path)
        tape_writer.write(path, Tape(run_store.lines(self.book, run)).lines)
        return path

    def gates(self) -> "tuple[GateState, ...]":
        """Return breaker, permits and rate limit of each provider that was called so far."""
        return self._services.gates.states()

    # ---- money and the rest -------------------------------------------------------------

    def spend(self) -> "pd.DataFrame":
        """What was spent, by day, provider, model and run, in dollars."""
        import pandas as pd

        spent = pd.DataFrame(self.book.spend(zone=self._services.zone))
        money = [name for name in spent.columns if name.endswith("_usd")]
        return spent.astype(dict.fromkeys(money, float))

    def batches(self) -> "pd.DataFrame":
        """
        One row a batch that has no results yet, oldest first.

        `state` is `handed_in` (submitted), `intended` (being submitted) or `unsure` (the next run
        looks for it at the provider); `waiting` counts its calls that have no answer yet.
        """
        import pandas as pd

        from llmlab.calls.batch.listing import COLUMNS, listed

        return pd.DataFrame(listed(self.book), columns=list(COLUMNS))

    def forget_batch(self, batch: str) -> str:
        """
        Give a batch up: its calls count at their worst case and may be sent again.

        Raises:
            UsageError: No open batch has this name; the error lists those that are open.
        """
        from llmlab.calls.batch.listing import forgotten

        return forgotten(self.book, batch)

    @property
    def prices(self) -> "Prices":
        """The price table: `lab.prices` says how old, `lab.prices.refresh()` fetches today's."""
        return self._services.prices

    def spent_today(self) -> float:
        """Return the dollars that count against the day's limit, in the zone of `day_zone`."""
        return float(self.book.day(self._services.zone).spent)

    @property
    def catalogue(self) -> "Catalogue":
        """The models, aliases and line-ups."""
        return self._services.catalogue

    def lineup(self, name: str, models: Sequence[str]) -> None:
        """
        Let *name* stand for *models* in this lab from now on; `ModelPicker.save` keeps it, too.

        Raises:
            ConfigError: An alias has this name, or a model is unknown or named twice.
        """
        self._services.catalogue = self.catalogue.with_lineup(name, models)

    @property
    def book(self) -> "Book":
        """The record of every call."""
        return self._services.book

    def greeting(self) -> str:
        """Say which models the line-up has and who will answer for each."""
        return greeting(self.catalogue, self.settings, self._env)

    def configuration(self) -> str:
        """Every setting with where it came from, which variables hold a key, and the paths."""
        return configuration(
            self._entries, self.settings, self.catalogue, self._env, project=self.project
        )

    @property
    def stand_ins(self) -> str:
        """What writes the answers of stand-ins: `embedded`, `rule`, or empty before the first."""
        return self._services.backends.author

    def close(self) -> None:
        """Stop the engine, the simulator and the embedded model, and close the book."""
        self._services.close()

    def _sent(self, prompt: str) -> "Sequence[Version]":
        # Not the book's own method: the book is opened when it is first asked, not with the lab.
        return self.book.templates(prompt)

    def _compare(self, design: Design, handle: "Handle[Comparison] | None") -> Comparison:
        """Check the design, send what the book does not answer, and read what landed."""
        from llmlab.views.live import watch_of

        if design.models is None:
            design = replace(design, models=self.settings.models)
        filling = Filling(self._services.counting)
        experiment = experiment_of(
            design, catalogue=self.catalogue, library=self.prompts, filled=filling
        )
        experiment = replace(experiment, notes=(*experiment.notes, *filling.notes()))
        watch = handle or watch_of(quiet=design.quiet)
        control = Control() if handle is None else handle.control
        with self._services.under_way.run(experiment.name, control.brake):
            landed = conduct(self._services, experiment, watch, control=control)
            return self._read(experiment, landed, watch, control)

    def _read(
        self, experiment: Experiment, landed: Landed, watch: RunObserver, control: Control
    ) -> Comparison:
        """Score the rows, keep them as a run, and return their Comparison."""
        from llmlab.frames import to_frame

        reading = read(
            self._services,
            experiment,
            landed.rows,
            watch=watch,
            control=control,
            notes=landed.notes,
        )
        about = {**reading.about, "unsent": landed.unsent}
        if self.settings.mode != "replay":
            self._services.recorder.run(
                experiment,
                reading.rows,
                by=landed.by,
                notes=reading.notes,
                extra_columns=reading.extra_columns,
                about=about,
            )
        return Comparison(
            experiment.name,
            to_frame(reading.rows, reading.extra_columns),
            notes=reading.notes,
            resolver=None if self.settings.mode == "replay" else self.resolve,
            **about,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self.close)


def _looked_at(work: "asyncio.Future[Any]") -> None:
    """Retrieve the exception of *work*, so that asyncio does not log it where nobody waits."""
    if not work.cancelled():
        work.exception()
