"""In: a file of `prompts/`, or text from a cell. Out: `Prompt`s with every slot filled."""

from llmlab.templates.fault import Fault, TemplateWarning
from llmlab.templates.history import History
from llmlab.templates.library import Entry, Library, Strictness
from llmlab.templates.meta import BlockMeta, Meta, Slot
from llmlab.templates.template import Template, parse
from llmlab.templates.watch import watch

__all__ = [
    "BlockMeta",
    "Entry",
    "Fault",
    "History",
    "Library",
    "Meta",
    "Slot",
    "Strictness",
    "Template",
    "TemplateWarning",
    "parse",
    "watch",
]
