"""The names of models and prompts that a caller gives; an empty list is a slip, never "all"."""

from collections.abc import Iterable, Mapping
from typing import Final

from llmlab.errors import TemplateError, UsageError

_MODELS: Final = "name some, such as 'gpt' or 'six'; left out, models are the usual line-up"
_PROMPTS: Final = "give {'name': text}, or names of the prompts folder"


def model_names(models: object) -> list[str]:
    """
    Return the names in *models*: one string, or several in a list.

    Raises:
        UsageError: There is none, one is blank, or one is no text.
    """
    if isinstance(models, str):
        listed: list[object] = [models]
    elif isinstance(models, Iterable) and not isinstance(models, bytes):
        listed = list(models)
    else:
        raise UsageError(f"models must be names, not {_a(models)}: {_MODELS}")
    return _names(listed, "model", UsageError, _MODELS)


def prompt_words(prompts: object) -> dict[str, str] | list[str]:
    """
    Return *prompts* checked: text by name, or names.

    Raises:
        TemplateError: There is none, one is blank or no text, or a name stands there twice.
    """
    if isinstance(prompts, Mapping):
        names = _names(list(prompts), "prompt", TemplateError, _PROMPTS)
        for name, text in prompts.items():
            if not isinstance(text, str):
                raise TemplateError(f"prompt {name!r} must be text, not {_a(text)}")
            if not text.strip():
                raise TemplateError(f"prompt {name!r} is empty: write what is to be asked")
        return {name: str(text) for name, text in zip(names, prompts.values(), strict=True)}
    if isinstance(prompts, str):
        prompts = [prompts]
    if not isinstance(prompts, Iterable) or isinstance(prompts, bytes):
        raise TemplateError(f"prompts must be text by name, not {_a(prompts)}: {_PROMPTS}")
    names = _names(list(prompts), "prompt", TemplateError, _PROMPTS)
    twice = [name for at, name in enumerate(names) if name in names[:at]]
    if twice:
        raise TemplateError(
            f"prompt {twice[0]!r} is named twice: name each once; repeats= asks it again"
        )
    return names


def _names(listed: list[object], what: str, error: type[UsageError], fix: str) -> list[str]:
    if not listed or all(isinstance(each, str) and not each.strip() for each in listed):
        raise error(f"no {what} was named: {fix}")
    for number, each in enumerate(listed, 1):
        if not isinstance(each, str):
            raise error(f"{what} {number} of {len(listed)} must be a name, not {_a(each)}")
        if not each.strip():
            raise error(f"{what} {number} of {len(listed)} has no name: it is blank")
    return [str(each) for each in listed]


def _a(value: object) -> str:
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
