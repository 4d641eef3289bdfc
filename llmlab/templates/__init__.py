"""In: a file of `prompts/`, or text from a cell. Out: `Prompt`s with every slot filled."""

from llmlab.templates.library import Library
from llmlab.templates.template import Template, parse

__all__ = ["Library", "Template", "parse"]
