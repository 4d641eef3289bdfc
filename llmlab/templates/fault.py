"""One thing wrong with a template: where, what, and what to do about it."""

from dataclasses import dataclass


class TemplateWarning(UserWarning):
    """A template with faults is used, because this is development mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFault:
    """One fault of a template file."""

    file: str
    line: int
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.what}; {self.fix}"


def listed(faults: tuple[TemplateFault, ...]) -> str:
    """Return every fault on a line of its own, under their number when there are several."""
    if len(faults) == 1:
        return str(faults[0])
    lines = "\n".join(f"  {fault}" for fault in faults)
    return f"{len(faults)} faults:\n{lines}"
