"""What became of each block: wanted, given, left out, in words and as a table."""

from collections.abc import Mapping
from dataclasses import dataclass

from llmlab.tokens.blocks import BlockRule, Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one block asked for and got."""

    name: str
    rule: BlockRule
    wanted: int
    """Tokens of its first form with every row."""
    given: int
    """Tokens it got."""
    form: Form | None
    """None when it was dropped."""
    rows: int
    """Rows it has."""
    shown: int
    """Rows that are shown."""
    text: str
    """What fills its slot; empty when it was dropped."""

    @property
    def fate(self) -> str:
        """Say in a few words what was done, such as `compact, 1,850 of 2,000 rows left out`."""
        if self.form is None:
            return "dropped"
        if self.form == "summary":
            return f"summary instead of {self.rows:,} rows"
        out = self.rows - self.shown
        return f"{self.form}, {out:,} of {self.rows:,} rows left out" if out else self.form


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """All blocks, the highest priority first, as they fit."""

    shares: tuple[Share, ...]
    room: int
    """Tokens there were."""
    tier: int
    model: str

    @property
    def used(self) -> int:
        """Tokens the blocks take together; never more than `room`."""
        return sum(share.given for share in self.shares)

    @property
    def texts(self) -> Mapping[str, str]:
        """The words of each block by name, for the slots; empty where it was dropped."""
        return {share.name: share.text for share in self.shares}

    @property
    def whole(self) -> bool:
        """Whether every block is shown as it wanted."""
        return all(s.form is not None and s.given and s.shown == s.rows for s in self.shares)

    def records(self) -> list[dict[str, object]]:
        """Return one dict a block, ready for `pandas.DataFrame`."""
        return [
            {
                "block": share.name,
                "priority": share.rule.priority,
                "must": share.rule.must,
                "wanted": share.wanted,
                "given": share.given,
                "rows": share.rows,
                "shown": share.shown,
                "what": share.fate,
            }
            for share in self.shares
        ]

    def table(self) -> str:
        """Return the shares as aligned text, with a line of totals."""
        head = ("block", "priority", "wanted", "given", "what")
        body = [
            (
                share.name,
                "must" if share.rule.must else str(share.rule.priority),
                f"{share.wanted:,}",
                f"{share.given:,}",
                share.fate,
            )
            for share in self.shares
        ]
        wanted = sum(share.wanted for share in self.shares)
        body.append(("together", "", f"{wanted:,}", f"{self.used:,}", f"of {self.room:,} tokens"))
        widths = [max(len(line[at]) for line in (head, *body)) for at in range(4)]
        return "\n".join(_line(line, widths) for line in (head, *body))

    def __str__(self) -> str:
        return self.table()


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers, what = cells
    right = "  ".join(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))
    return f"{name.ljust(widths[0])}  {right}  {what}".rstrip()
