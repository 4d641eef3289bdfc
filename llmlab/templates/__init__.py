"""In: a file of `prompts/`, or text from a cell. Out: `Prompt`s with every slot filled."""

from llmlab.templates.fault import TemplateFault, TemplateWarning
from llmlab.templates.history import History
from llmlab.templates.library import Library, LibraryEntry, Strictness
from llmlab.templates.meta import BlockMeta, Meta, Slot
from llmlab.templates.template import Template, conversation, parse
from llmlab.templates.watch import watch

__all__ = [
    "BlockMeta",
    "History",
    "Library",
    "LibraryEntry",
    "Meta",
    "Slot",
    "Strictness",
    "Template",
    "TemplateFault",
    "TemplateWarning",
    "conversation",
    "parse",
    "watch",
]
