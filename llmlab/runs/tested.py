"""What of an experiment is kept to be read beside its numbers: see `views.tested`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from llmlab import __version__
from llmlab.design.experiment import Experiment
from llmlab.records import Answer, Parameters, Row
from llmlab.templates.attachments import described
from llmlab.templates.written import is_table
from llmlab.views.tested import PromptWords, Tested, picked, short

_ANSWERED: Final = 0
"""The repeat whose answers are shown."""


def tested(experiment: Experiment, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the words, the settings and some of the inputs, ready to be kept as JSON."""
    by_arm = {cell.request.label: cell.request for cell in experiment.cells}
    own = {label: _said(request.parameters) for label, request in by_arm.items()}
    shared = dict(set.intersection(*(set(each.items()) for each in own.values()))) if own else {}
    first = next(iter(own.values()), {})
    made = Tested(
        prompts=tuple(
            PromptWords(
                name=t.name, version=t.version, user=t.user, system=t.system or "", turns=t.turns
            )
            for t in experiment.templates
        ),
        settings={
            **_design(experiment),
            **{name: each for name, each in first.items() if name in shared},
        },
        arms={
            label: {
                "model": by_arm[label].name,
                **{name: text for name, text in each.items() if name not in shared},
            }
            for label, each in own.items()
        },
        inputs=_inputs(experiment, rows),
        llmlab=__version__,
    )
    return dict(msgspec.to_builtins(made))


def _design(experiment: Experiment) -> dict[str, str]:
    prompt = experiment.templates[0].name  # an A/A run asks the second of a pair later on
    requests = [cell.request for cell in experiment.cells]
    repeats = len({each.repeat for each in requests if each.prompt.name == prompt})
    streamed = any(each.stream for each in requests)
    said = {
        "score": experiment.score_name,
        "repeats": str(repeats) if repeats > 1 else "",
        "streamed": "yes" if streamed else "",
        "stop when clear": "yes" if experiment.design.stop_when_clear else "",
    }
    return {name: text for name, text in said.items() if text}


def _said(parameters: Parameters) -> dict[str, str]:
    """Return what was set, as words."""
    found = msgspec.to_builtins(parameters, enc_hook=str)
    if parameters.schema is not None:
        found["schema"] = parameters.schema.name
    found["tools"] = [each.name for each in parameters.tools]
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for name, value in found.items()
        if value is not None and value not in ([], ())
    }


def _inputs(experiment: Experiment, rows: Sequence[Row]) -> dict[str, str]:
    """Return the words of the inputs that a report will show with their answers."""
    said = (
        (row.input_id, row.score, row.outcome.text if isinstance(row.outcome, Answer) else None)
        for row in rows
        if row.request.repeat == _ANSWERED
    )
    chosen = picked(said)
    slots = sorted({slot for template in experiment.templates for slot in template.slots})
    shown = (each for each in experiment.inputs if each.id in chosen)
    return {each.id: short(_words(each.values, slots)) for each in shown}


def _words(values: Mapping[str, object], slots: Sequence[str]) -> str:
    found = {slot: values[slot] for slot in slots if slot in values}
    if len(found) == 1:
        return _one(next(iter(found.values())))
    return "\n".join(f"{slot}: {_one(value)}" for slot, value in found.items())


def _one(value: object) -> str:
    return f"a {type(value).__name__}" if is_table(value) else str(described(value))
