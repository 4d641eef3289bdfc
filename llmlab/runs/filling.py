"""
Fill the templates of one run; note what was cut, and which texts try to steer the model.

In: a template, values and arms. Out: a prompt an arm, and at the end notes for the run.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from llmlab.catalogue import ModelVariant
from llmlab.design.grid import filled_alike
from llmlab.records import Parameters, Prompt
from llmlab.runs.counting import Counting
from llmlab.templates import Template
from llmlab.templates.attachments import AttachmentReader
from llmlab.templates.reads import spelt

if TYPE_CHECKING:
    from llmlab.tokens import Block, Fitted, Flag

_NAMED: Final = 3


class Filling:
    """Fills templates for one run or question; `notes` says what was done to context blocks."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._reader = AttachmentReader()
        self._cut: dict[tuple[str, str], dict[str, _Cut]] = {}
        self._flagged: dict[str, dict[int, tuple[Flag, ...]]] = {}

    def __call__(
        self,
        template: Template,
        values: Mapping[str, object],
        arms: Sequence[ModelVariant],
        base: Parameters,
    ) -> Sequence[Prompt]:
        """
        Fill *template*; context blocks are packed for each arm's own window and tokenizer.

        Raises:
            TokenBudgetError: A block that must be whole does not fit; says by how many tokens.
            AttachmentError: An image or a PDF cannot be read; each is read once.
        """
        from llmlab.tokens.fit import blocks_of

        about = id(values)  # of the input's own values, which outlive those that are read here
        if template.may_attach(values):
            values = self._reader.values(values, template.slots, template.attached)
        blocks = blocks_of(template, values)
        if not blocks:
            return filled_alike(template, values, arms, base)
        self._look(blocks, about)
        prompts = []
        for arm in arms:
            fitted = self._counting.fitted(template, values, arm, base)
            self._note(template.name, arm.label, about, fitted)
            prompts.append(fitted.prompt)
        return prompts

    def notes(self) -> tuple[str, ...]:
        """Say what was cut to fit a window, and which texts try to steer the model."""
        cuts = (_cut_note(*name, by_arm) for name, by_arm in sorted(self._cut.items()))
        flags = (_flag_note(slot, found) for slot, found in sorted(self._flagged.items()))
        return (*cuts, *flags)

    def _note(self, prompt: str, label: str, about: int, fitted: "Fitted") -> None:
        for share in fitted.packed.shares if fitted.packed else ():
            if share.fate != "full":
                by_arm = self._cut.setdefault((prompt, share.name), {})
                cut = by_arm.setdefault(label, _Cut(share.fate))
                cut.inputs.add(about)

    def _look(self, blocks: "Mapping[str, Block]", about: int) -> None:
        for slot, block in blocks.items():
            flags = getattr(block, "flags", ())
            if flags:
                self._flagged.setdefault(slot, {})[about] = flags


class _Cut:
    """The inputs in which a block was cut for an arm, and one example of how."""

    __slots__ = ("example", "inputs")

    def __init__(self, example: str) -> None:
        self.example = example
        self.inputs: set[int] = set()


def _cut_note(prompt: str, slot: str, by_arm: Mapping[str, _Cut]) -> str:
    labels = [*by_arm]
    shown = ", ".join(labels[:_NAMED]) + (", ..." if len(labels) > _NAMED else "")
    worst = max(by_arm.values(), key=lambda cut: len(cut.inputs))
    many = len(worst.inputs)
    inputs = "" if many == 1 else f" of {many:,} inputs"
    return (
        f"{spelt(slot)} of prompt {prompt!r} was cut to fit the room of {shown}{inputs} "
        f"({worst.example})."
    )


def _flag_note(slot: str, found: Mapping[int, "Sequence[Flag]"]) -> str:
    flags = [flag for each in found.values() for flag in each]
    kinds = ", ".join(sorted({flag.kind for flag in flags}))
    example: Any = next((flag for flag in flags if not flag.defused), flags[0])
    inputs = "" if len(found) == 1 else f" in {len(found):,} inputs"
    return (
        f"The text in {spelt(slot)} has passages that may try to steer the model{inputs} "
        f"({kinds}; such as {example.excerpt!r}): it is marked as data, not taken out."
    )
