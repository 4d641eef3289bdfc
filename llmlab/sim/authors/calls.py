"""Which of the functions that are offered an answer calls."""

import re

from llmlab.sim.authors.author import Asked, OfferedTool


def called(asked: Asked, *, free: bool) -> OfferedTool | None:
    """
    Return the function that the answer calls; None for an answer in words.

    Where nothing demands one, *free* says whether a function may be called whose words the
    question has.
    """
    if asked.choice == "none" or not asked.tools:
        return None
    named = next((each for each in asked.tools if each.name == asked.choice), None)
    if named is not None:
        return named
    words = set(_words(asked.user))
    best = max(asked.tools, key=lambda each: len(words & _about(each)))
    if asked.choice == "required":
        return best
    return best if free and words & _about(best) else None


def _about(tool: OfferedTool) -> set[str]:
    return {word for word in _words(f"{tool.name} {tool.description}") if len(word) > 3}  # noqa: PLR2004 - articles and such say nothing


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower().replace("_", " "))
