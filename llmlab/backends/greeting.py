"""The greeting of a lab in a notebook."""

from collections.abc import Mapping
from typing import Final

from llmlab.backends.backends import state_of
from llmlab.catalogue import Catalogue
from llmlab.settings import Settings

_STATES: Final = (
    "live",
    "stand-in",
    "live if a server answers, else stand-in",
    "live if a server answers",
    "no key",
)


def greeting(catalogue: Catalogue, settings: Settings, env: Mapping[str, str]) -> str:
    """Return the models of the line-up and which backend will answer for each."""
    arms = catalogue.arms(settings.models)
    lines = [f"llmlab: line-up {settings.models} is {', '.join(a.label for a in arms)}"]
    if settings.mode == "replay":
        return "\n".join([*lines, f"  replay: {settings.tape} answers, nothing is sent"])
    providers = dict.fromkeys(arm.model.provider for arm in arms)
    for state in _STATES:
        names = [p for p in providers if state_of(catalogue.providers[p], env) == state]
        if names:
            lines.append(f"  {state}: {', '.join(names)}")
    return "\n".join(lines)
