"""The plain functions behind every magic: call them from a script, a test, a cell."""

import asyncio
import concurrent.futures
import os
import queue
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from llmlab.comparison import Comparison
from llmlab.records import Answer, Piece
from llmlab.runs.backends import state_of
from llmlab.runs.conduct import Landed, conduct
from llmlab.runs.experiment import Experiment, experiment_of
from llmlab.runs.parts import Parts
from llmlab.runs.plan import parameters_of
from llmlab.runs.question import answer_of
from llmlab.scores import ScoreFunction, scored
from llmlab.settings import Mode, Sourced
from llmlab.templates import Library

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.book import Book
    from llmlab.catalogue import Catalogue


class Lab:
    """
    One engine, one session, one book: everything a notebook asks goes through here.

    Args:
        book: The SQLite file of every call; None is `<project>/.llmlab/lab.db`, ":memory:"
            keeps nothing.
        mode: "live" (with stand-ins where no key is), "stand-in", "record" or "replay".
        env: Where keys and `LLMLAB_*` settings come from; the process's own when None.
        config: Folder whose llmlab.toml or pyproject.toml is read; the project's when None.
        budget: Dollars, such as `{"run": 1.0, "day": 5.0}`.
        deadline: Seconds for one call, all its attempts included.
        attempts: How often one call is tried; 1 never retries.
        max_in_flight: Calls under way at once, over all providers.
        limits: Requests and tokens a minute, such as `{"openai": {"rpm": 500, "tpm": 2e5}}`.

    Raises:
        ConfigError: A setting is unknown or ill-typed.
        BadKey: A key in *env* is malformed; the variable is named.
    """

    def __init__(  # noqa: PLR0913 - the settings of a lab, all by name
        self,
        *,
        book: str | Path | None = None,
        mode: Mode | None = None,
        tape: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        config: str | Path | None = None,
        budget: Mapping[str, float | None] | None = None,
        deadline: float | None = None,
        attempts: int | None = None,
        max_in_flight: int | None = None,
        limits: Mapping[str, Mapping[str, float]] | None = None,
        **settings: object,
    ) -> None:
        self._env = dict(os.environ if env is None else env)
        self.project = Path(config) if config is not None else project_of(Path.cwd())
        given = {
            "book": book,
            "mode": mode,
            "tape": tape,
            "budget": budget,
            "deadline": deadline,
            "attempts": attempts,
            "max_in_flight": max_in_flight,
            "limits": limits,
            **settings,
        }
        read = Sourced.read(folder=self.project, env=self._env, arguments=given)
        self.settings, self.sources = read.settings, read.sources
        self.prompts = Library(self.project / self.settings.prompts)
        self._parts = Parts(self.settings, self._env, self.project)

    # ---- one question -------------------------------------------------------------------

    def ask(
        self,
        prompt: str,
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
        work = answer_of(self._parts, prompt, model, **options)
        return self._parts.engine.run(work, tick=tick, every=0.05)

    async def ask_async(self, prompt: str, model: str | None = None, **options: Any) -> Answer:
        """
        Ask one model one question, from any event loop.

        Args:
            prompt: The words.
            model: A name of the catalogue or `provider/model`; the first of the line-up when None.
            **options: `system`, `max_tokens`, `temperature`, `top_p`, `seed`, `stop`, `schema`,
                `search`, `thinking`, `effort`, `api`, `deadline`, `repeat`.
        """
        work = answer_of(self._parts, prompt, model, **options)
        return await self._parts.engine.bridge(work)

    async def stream(
        self, prompt: str, model: str | None = None, **options: Any
    ) -> AsyncIterator[Piece]:
        """
        Yield the pieces of an answer as they come; the last one's `answer` is whole.

        Raises:
            CallError: The call failed; `partial` has the text that came.
        """
        pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        work = answer_of(self._parts, prompt, model, on_piece=pieces.put, **options)
        future: concurrent.futures.Future[Answer] = self._parts.engine.submit(work)
        future.add_done_callback(lambda _: pieces.put(None))
        try:
            while (piece := await asyncio.to_thread(pieces.get)) is not None:
                yield piece
            whole: Answer = await asyncio.wrap_future(future)
            yield Piece(answer=whole)
        finally:
            future.cancel()

    # ---- many questions -----------------------------------------------------------------

    def abtest(  # noqa: PLR0913 - everything that a cell can say
        self,
        prompts: Mapping[str, str] | Sequence[str],
        models: str | Sequence[str] | None = None,
        *,
        on: "pd.DataFrame | None" = None,
        score: str | ScoreFunction | None = None,
        target: str | None = None,
        repeats: int = 1,
        cluster: str | None = None,
        budget: float | None = None,
        name: str | None = None,
        values: Mapping[str, object] | None = None,
        stream: bool = False,
        order_seed: int = 0,
        quiet: bool = False,
        **parameters: Any,
    ) -> Comparison:
        """
        Compare prompts over models on the same inputs; answers in the book are not asked again.

        Args:
            prompts: `{"A": text, "B": text}`, or names of templates in the prompts folder.
            models: A line-up, names, or a list; the settings' line-up when None.
            on: One input a row; its columns are the slots, its index names the inputs.
            score: "label", "exact", "number", "direction", or `f(text, target) -> float`.
            target: The column with what should have been answered; `target` when None.
            repeats: How often each question is asked; repeats are averaged within an input.
            cluster: The column whose equal values belong together (same day, same ticker).
            budget: Dollars that this run may spend at most.
            name: The run's name; made from its content when None.
            values: Slots beside those of the frame.
            stream: Whether answers are streamed, which measures time to first token.
            order_seed: Of the order in which calls are sent.
            quiet: Whether to show neither plan nor progress.
            **parameters: `max_tokens`, `temperature` and the like, for every arm.

        Raises:
            UsageError: The design is bad; nothing was sent.
        """
        experiment = experiment_of(
            prompts,
            models or self.settings.models,
            catalogue=self.catalogue,
            library=self.prompts,
            on=on,
            score=score,
            target=target,
            cluster=cluster,
            values=values,
            repeats=repeats,
            parameters=parameters_of(parameters),
            stream=stream,
            seed=order_seed,
            name=name,
        )
        from llmlab.views.live import watch_of

        landed = conduct(self._parts, experiment, watch_of(quiet=quiet), budget=budget)
        return _read(experiment, landed)

    async def abtest_async(self, *args: Any, **options: Any) -> Comparison:
        """Do what `abtest` does, awaited from any event loop."""
        return await asyncio.to_thread(self.abtest, *args, **options)

    # ---- looking around -----------------------------------------------------------------

    def models(self) -> "pd.DataFrame":
        """One row a model: window, prices, cut-off, retirement, whether its key is present."""
        import pandas as pd

        from llmlab.runs.inventory import inventory

        return pd.DataFrame(inventory(self.catalogue, self._parts.prices, self._env))

    def spend(self) -> "pd.DataFrame":
        """What was spent, by day, provider, model and run, in dollars."""
        import pandas as pd

        spent = pd.DataFrame(self.book.spend())
        money = [name for name in spent.columns if name.endswith("_usd")]
        return spent.astype(dict.fromkeys(money, float))

    @property
    def catalogue(self) -> "Catalogue":
        """The models, aliases and line-ups."""
        return self._parts.catalogue

    @property
    def book(self) -> "Book":
        """The record of every call."""
        return self._parts.book

    def greeting(self) -> str:
        """Say which models the line-up has and who will answer for each."""
        arms = self.catalogue.arms(self.settings.models)
        lines = [f"llmlab: line-up {self.settings.models} is {', '.join(a.label for a in arms)}"]
        providers = {arm.model.provider: None for arm in arms}
        for state in ("live", "stand-in", "live if a server answers, else stand-in"):
            names = [
                p for p in providers if state_of(self.catalogue.providers[p], self._env) == state
            ]
            if names:
                lines.append(f"  {state}: {', '.join(names)}")
        return "\n".join(lines)

    @property
    def stand_ins(self) -> str:
        """Who writes the words of arms without a key: `embedded`, `rule`, or empty so far."""
        return self._parts.backends.author

    def close(self) -> None:
        """Stop the engine, the simulator and the embedded model, and close the book."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self.close)


def _read(experiment: Experiment, landed: Landed) -> Comparison:
    """Score the rows and make them readable."""
    from llmlab.frames import to_frame

    scorer = experiment.scorer
    rows = landed.rows if scorer is None else scored(landed.rows, scorer, experiment.targets)
    return Comparison(
        experiment.name,
        to_frame(rows),
        chance=None if scorer is None else scorer.chance,
        score_name="" if scorer is None else scorer.name,
        cluster=experiment.clusters,
        notes=landed.notes,
    )


def project_of(folder: Path) -> Path:
    """Return the nearest folder upwards that is a project; *folder* itself when none is."""
    for each in (folder, *folder.parents):
        if any((each / name).exists() for name in ("llmlab.toml", "pyproject.toml", ".git")):
            return each
    return folder
