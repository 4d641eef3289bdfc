"""Input of every view: a comparison's frames, and the same as typed records (None is unknown)."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from llmlab.views.tested import MOST, Tested

if TYPE_CHECKING:
    import pandas as pd

    from llmlab.stats.clusters import Cluster

_Record = TypeVar("_Record", bound="ArmView | PairView")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparisonView:
    """A comparison for display: its frames, its words, and the source of its prices."""

    name: str
    title: str
    rows: "pd.DataFrame"
    """One row per call."""
    summary: "pd.DataFrame"
    """One row per arm (a prompt with a model)."""
    pairs: "pd.DataFrame"
    """One row per paired comparison; `difference` is B minus A, as in `stats`."""
    verdict: str
    notes: tuple[str, ...]
    """What a reader must know first, such as `all 360 rows are stand-ins`."""
    basis: str
    """One line: which price table, of which day."""
    chance: float | None
    """The score of the best constant answer, where that is known."""
    score_name: str
    level: float = 0.95
    """Confidence level of every interval."""
    clusters: "pd.Series[Any] | None" = None
    """The cluster of each input, by input id, where inputs move together."""
    tested: Tested | None = None
    """Prompts, settings and some inputs; None where they are not known, or not to be shown."""
    samples: int = MOST
    """How many inputs are shown with all answers."""
    depends: "Cluster" = None
    """The same for `llmlab.stats`, with how far targets look ahead."""
    adjusted: str = "Holm"
    """How p is adjusted for all pairs."""
    dates: "pd.Series[Any] | None" = None
    """The date of each input, by input id, where there is one."""


SENTENCES = ("name", "title", "verdict", "basis", "score_name")
"""Fields of a view that are words about the whole."""
LOST = ("unread", "cut", "empty", "refused", "filtered", "untargeted", "unscored")
"""What an answer may be instead of scored, as the columns of a summary count it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmView:
    """One row of `ComparisonView.summary`; None is unknown, never zero."""

    prompt: str = ""
    label: str = ""
    model: str = ""
    provider: str = ""
    backend: str = ""
    inputs: float | None = None
    calls: float | None = None
    scored: float | None = None
    unread: float | None = None
    cut: float | None = None
    empty: float | None = None
    refused: float | None = None
    filtered: float | None = None
    untargeted: float | None = None
    unscored: float | None = None
    failures: float | None = None
    score: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    chance: float | None = None
    p_chance_adjusted: float | None = None
    cost_usd: float | None = None
    cost_per_1000_usd: float | None = None
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    ttft_p50_s: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    tied: str = ""
    probability_best: float | None = None
    winner_score: float | None = None
    winner_low: float | None = None
    winner_high: float | None = None

    @property
    def simulated(self) -> bool:
        """Return whether any of its answers came from a stand-in."""
        return self.backend == "mixed" or "stand-in" in self.backend.split("+")

    @property
    def lost(self) -> dict[str, float]:
        """Return how many answers have no score, by reason; empty if the arm was not scored."""
        every = {name: float(getattr(self, name) or 0.0) for name in LOST}
        told = {name: count for name, count in every.items() if count}
        return {} if not self.scored and set(told) <= {"unscored"} else told

    @property
    def mark(self) -> str:
        """Return the word that every table puts beside it: `stand-in`, `mixed`, `local` or none."""
        if self.simulated:
            return "stand-in" if self.backend == "stand-in" else "mixed"
        return "local" if "local" in self.backend.split("+") else ""

    @property
    def title(self) -> str:
        """Return prompt and model in one phrase, with the mark."""
        words = f"{self.label or self.model} \u00b7 {self.prompt}"
        return f"{words} ({self.mark})" if self.mark else words


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """One row of `ComparisonView.pairs`: B minus A, on the inputs compared."""

    prompt_a: str = ""
    label_a: str = ""
    prompt_b: str = ""
    label_b: str = ""
    inputs: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    test: str = ""


def arms(shown: ComparisonView) -> list[ArmView]:
    """Return the arms, best first: by score, else by cost, then by latency; unknown goes last."""
    return sorted(_records(ArmView, shown.summary), key=_rank)


def pairs(shown: ComparisonView) -> list[PairView]:
    """Return the paired comparisons in the order given."""
    return _records(PairView, shown.pairs)


def pair_note(shown: ComparisonView) -> str:
    """Return what interval and p of a table of pairs refer to; empty for a single pair."""
    count = len(shown.pairs)
    if count < 2:  # noqa: PLR2004 - one pair alone is all pairs
        return ""
    return (
        f"An interval is that of its pair alone, at {shown.level:.0%}; adjusted p is for all "
        f"{count:,} pairs together ({shown.adjusted}). An interval may leave out zero where "
        f"adjusted p finds nothing: then adjusted p decides{_letters(shown)}."
    )


def _letters(shown: ComparisonView) -> str:
    return ", as the letters do" if any(arm.tied for arm in arms(shown)) else ""


def known(values: list[float | None]) -> list[float]:
    """Return the values that are known."""
    return [value for value in values if value is not None]


def has_scores(shown: ComparisonView) -> bool:
    """Return whether any arm was scored."""
    return any(arm.score is not None for arm in arms(shown))


def mark_notes(shown: ComparisonView) -> list[str]:
    """Return one line for each mark in use: what `stand-in`, `mixed` and `local` mean."""
    marks = {arm.mark for arm in arms(shown)}
    return [f"{mark}: {words}" for mark, words in _MARKS.items() if mark in marks]


_MARKS = {
    "stand-in": "answered by llmlab's simulator, not by the model; score, cost and latency "
    "are simulated and say nothing about it.",
    "mixed": "some answers came from llmlab's simulator, so these figures say little "
    "about the model.",
    "local": "answered by the embedded model on this machine.",
}


def _rank(arm: ArmView) -> tuple[float, float, float]:
    far = float("inf")
    score = -arm.score if arm.score is not None else far
    cost = arm.cost_per_1000_usd if arm.cost_per_1000_usd is not None else far
    return score, cost, arm.latency_p50_s if arm.latency_p50_s is not None else far


def _records(kind: type[_Record], frame: "pd.DataFrame") -> list[_Record]:
    names = [field.name for field in fields(kind) if field.name in frame.columns]
    texts = {field.name for field in fields(kind) if field.type is str}
    made = []
    for values in frame[names].to_dict("records"):
        given = {
            str(name): (str(value) if name in texts else float(value))
            for name, value in values.items()
            if not _missing(value)
        }
        made.append(kind(**given))  # type: ignore[arg-type]  # sorted by the field's own type
    return made


def _missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))
