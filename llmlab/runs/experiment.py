"""What a user asked to compare, checked in full before anything is sent."""

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmlab.catalogue import Arm, Catalogue
from llmlab.errors import TemplateError, UsageError
from llmlab.records import Parameters
from llmlab.runs.plan import Cell, Input, grid
from llmlab.scores import ScoreFunction, Scorer, scorer_of
from llmlab.templates import Library, Template, parse

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Prompts × models × inputs × repeats, and how answers are scored."""

    name: str
    templates: tuple[Template, ...]
    arms: tuple[Arm, ...]
    inputs: tuple[Input, ...]
    scorer: Scorer | None
    cells: tuple[Cell, ...]
    clusters: Mapping[str, object] | None = None

    @property
    def targets(self) -> dict[str, object]:
        """What each input should have been answered with, by input id."""
        return {each.id: each.target for each in self.inputs}


def experiment_of(  # noqa: PLR0913 - everything that a cell can say
    prompts: Mapping[str, str] | Sequence[str],
    models: str | Sequence[str],
    *,
    catalogue: Catalogue,
    library: Library,
    on: "pd.DataFrame | None" = None,
    score: str | ScoreFunction | None = None,
    target: str | None = None,
    cluster: str | None = None,
    values: Mapping[str, object] | None = None,
    repeats: int = 1,
    parameters: Parameters | None = None,
    stream: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> Experiment:
    """
    Check the whole design; the first fault is one line with its fix.

    Raises:
        UsageError: An empty frame, a missing column, a slot without a value, an unknown
            prompt, model or score.
    """
    templates = templates_of(prompts, library)
    arms = catalogue.arms(models)
    scorer, inputs = _scored_inputs(on, score, target, values or {})
    cells = grid(
        templates,
        arms,
        inputs,
        repeats=repeats,
        parameters=parameters,
        stream=stream,
        seed=seed,
    )
    return Experiment(
        name=name or _name(templates, cells),
        templates=templates,
        arms=arms,
        inputs=inputs,
        scorer=scorer,
        cells=cells,
        clusters=_clusters(on, cluster, inputs),
    )


def templates_of(
    prompts: Mapping[str, str] | Sequence[str], library: Library
) -> tuple[Template, ...]:
    """Make templates of `{"A": text}`, or fetch them by name from the library."""
    if isinstance(prompts, str):
        prompts = [prompts]
    if isinstance(prompts, Mapping):
        made = [parse(text, name=name) for name, text in prompts.items()]
    else:
        made = [library[name] for name in prompts]
    if not made:
        raise TemplateError("no prompt was given: write one after a line `--- name`")
    return tuple(made)


def _scored_inputs(
    on: "pd.DataFrame | None",
    score: str | ScoreFunction | None,
    target: str | None,
    values: Mapping[str, object],
) -> tuple[Scorer | None, tuple[Input, ...]]:
    if on is None:
        if score is not None and target is None:
            raise UsageError("a score needs inputs with a target: give a frame with on=")
        return None, (Input(id="0", values=values),)
    if not len(on):
        raise UsageError("the frame of inputs is empty: there is nothing to ask about")
    target = target or (score if isinstance(score, str) and score in on.columns else None)
    if score is not None and target is None:
        target = _default_target(on, score)
    if target is not None:
        _require(on, target, "the target")
    inputs = _inputs(on, target, values)
    if score is None:
        return None, inputs
    return scorer_of(score, [each.target for each in inputs]), inputs


def _default_target(on: "pd.DataFrame", score: str | ScoreFunction) -> str | None:
    """Take a column called `target`; a function may do without one."""
    if "target" in on.columns:
        return "target"
    if callable(score):
        return None
    raise UsageError(
        f"score {score!r} needs a target: name its column with target= (--target); "
        f"the frame has {', '.join(map(str, on.columns))}"
    )


def _inputs(
    on: "pd.DataFrame", target: str | None, values: Mapping[str, object]
) -> tuple[Input, ...]:
    ids = [str(each) for each in on.index]
    if len(set(ids)) < len(ids):
        raise UsageError("the frame's index has duplicates, and the index names the inputs: "
                         "use frame.reset_index(drop=True)")  # fmt: skip
    records: list[dict[str, Any]] = [
        {str(key): value for key, value in record.items()} for record in on.to_dict("records")
    ]
    return tuple(
        Input(id=each, values={**values, **record}, target=record.get(target) if target else None)
        for each, record in zip(ids, records, strict=True)
    )


def _clusters(
    on: "pd.DataFrame | None", cluster: str | None, inputs: Sequence[Input]
) -> Mapping[str, object] | None:
    if on is None or cluster is None:
        return None
    _require(on, cluster, "the cluster")
    return dict(zip((each.id for each in inputs), on[cluster], strict=True))


def _require(on: "pd.DataFrame", column: str, role: str) -> None:
    if column in on.columns:
        return
    names = [str(each) for each in on.columns]
    near = difflib.get_close_matches(column, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"
    raise UsageError(f"no column is called {column!r} ({role}){hint}")


def _name(templates: Sequence[Template], cells: Sequence[Cell]) -> str:
    """Name a run by what it asks, so that the same cell run again is the same run."""
    digest = hashlib.sha256()
    for line in sorted({f"{c.request.label}\0{c.request.prompt.user}" for c in cells}):
        digest.update(line.encode())
    words = "-".join(template.name for template in templates[:2])
    return f"{words}-{digest.hexdigest()[:8]}"
