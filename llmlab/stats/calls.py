"""Usage, cost and backend of the calls of an arm, scored or not."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from llmlab.stats.checks import Flags, Floats, Ints
from llmlab.stats.matrix import Matrix, charged, numbers
from llmlab.stats.outcomes import Words, outcomes_of

if TYPE_CHECKING:
    import pandas as pd

NUMERIC: Final = ("cost_usd", "latency_s", "ttft_s", "input_tokens", "output_tokens")
TEXT: Final = ("model", "provider", "backend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The columns that arms summarise, and the rows of each arm."""

    of: tuple[Ints, ...]
    ok: Flags
    outcomes: Words
    """What became of each row, as `outcomes_of` has it."""
    charged: Flags
    """Which calls count in what a call costs on average."""
    text: dict[str, "tuple[list[str], Ints]"]
    numeric: dict[str, Floats]

    @classmethod
    def read(cls, rows: "pd.DataFrame", table: Matrix) -> "Calls":
        """Sort the rows of *table* by arm, once for all columns."""
        import pandas as pd

        order = np.argsort(table.arm_of, kind="stable")
        edges = np.searchsorted(table.arm_of[order], np.arange(1, len(table.names)))
        text = {}
        for column in TEXT:
            codes, uniques = pd.factorize(rows[column])
            text[column] = ([str(value) for value in uniques], np.asarray(codes, dtype=np.intp))
        return cls(
            of=tuple(np.split(order, edges)),
            ok=np.asarray(rows["status"].to_numpy() == "ok", dtype=bool),
            outcomes=outcomes_of(rows),
            charged=charged(rows),
            text=text,
            numeric={column: numbers(rows, column) for column in NUMERIC},
        )

    def said(self, column: str, place: int) -> str:
        """Return the arm's distinct values of a text column, joined by `+`."""
        names, codes = self.text[column]
        seen = np.unique(codes[self.of[place]])
        return "+".join(sorted(names[code] for code in seen if code >= 0))

    def answered(self, column: str, place: int) -> Floats:
        """Return a numeric column over the arm's successful calls."""
        lines = self.of[place]
        return self.numeric[column][lines[self.ok[lines]]]
