"""
What a context block is: something that can be written in full, compactly or summed up.

A block is cut by whole rows, never inside one. The blocks of llmlab are `Portfolio`,
`MarketSnapshot`, `Table` and `Text`; whatever has the attributes of `Block` is one too.
"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from llmlab.errors import TokenBudgetError

Form: TypeAlias = Literal["full", "compact", "summary"]
FORMS: Final[tuple[Form, ...]] = ("full", "compact", "summary")
"""From the most telling to the shortest; a block gets the first that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A block written out in one form: what must stand there, and rows that may go one by one."""

    rows: tuple[str, ...] = ()
    """In the order in which they are read; each ends with a line break."""
    head: str = ""
    foot: str = ""
    keep: Literal["first", "last"] = "last"
    """Which rows stay when some must go: `last` for what is sorted by time."""
    left_out: str = "rows"
    """What the rows are called in the line that says how many were left out."""
    summary: str = ""
    """A sentence about all rows, for that same line."""

    def text(self, shown: int) -> str:
        """Return the words with *shown* rows, and a line in the place of the others."""
        rows = self.rows
        if shown >= len(rows):
            return f"{self.head}{''.join(rows)}{self.foot}"
        gap = self.gap(len(rows) - shown)
        if self.keep == "first":
            return f"{self.head}{''.join(rows[:shown])}{gap}{self.foot}"
        return f"{self.head}{gap}{''.join(rows[len(rows) - shown :])}{self.foot}"

    def gap(self, count: int) -> str:
        """Return the line that stands for *count* rows."""
        which = "earlier" if self.keep == "last" else "further"
        about = f"; of all: {self.summary}" if self.summary else ""
        return f"({count} {which} {self.left_out} left out{about})\n"


@runtime_checkable
class Block(Protocol):
    """What the packer needs to know of a block; a user's own class may be one."""

    @property
    def name(self) -> str:
        """The slot it fills, such as `market`."""

    @property
    def snapshot(self) -> str:
        """An id of the content: the same id means the same words."""

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms it can be written in, the fullest first."""

    def pieces(self, form: Form, tier: int) -> Pieces:
        """Write it out in one form; tier 1 is for small models, 2 for large ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRule:
    """How much a block matters."""

    priority: int = 50
    """0 to 100; the higher stays longer."""
    minimum: int = 0
    """Tokens kept free for it before any block of higher priority may grow beyond its own."""
    must: bool = False
    """Whether it must stand there whole, in its first form."""

    def __post_init__(self) -> None:
        if not 0 <= self.priority <= 100:  # noqa: PLR2004 - a percentage-like scale
            raise TokenBudgetError(f"a block's priority is 0 to 100, not {self.priority}")
        if self.minimum < 0:
            raise TokenBudgetError(f"a block's minimum is 0 tokens or more, not {self.minimum}")
