"""Write `docs/columns.md` from the tables that declare the columns: python -m llmlab.stats.page."""

import sys
from collections.abc import Iterable, Mapping
from typing import Final

from llmlab.frames import COLUMNS

Meaning = Mapping[str, tuple[str, str]]

ARM_COLUMNS: Final[Meaning] = {
    "prompt": ("", "name of the prompt"),
    "label": ("", "the model as it was called"),
    "model": ("", "provider/model as asked"),
    "provider": ("", "who was asked"),
    "backend": ("", "who answered; several are joined by +"),
    "inputs": ("", "inputs with a score"),
    "compared": ("", "inputs that score rests on: those that every ranked arm has a score for"),
    "ranked": ("", "whether it has enough scores to be compared with the others"),
    "calls": ("", "calls, failed ones included"),
    "scored": ("", "calls with a score; with the next eight they add up to calls"),
    "unread": ("", "answers in which nothing could be read"),
    "cut": ("", "answers that were cut at the output limit"),
    "empty": ("", "answers without a word"),
    "refused": ("", "answers in which the model refused"),
    "filtered": ("", "answers that the provider's filter stopped"),
    "untargeted": ("", "answers to inputs without a target"),
    "unscored": ("", "answers that nothing scored: no score was asked for, or it raised"),
    "failures": ("", "calls that failed"),
    "score": ("", "mean over the compared inputs of the mean over repeats"),
    "score_all": ("", "the same over all inputs with a score, which other arms may lack"),
    "score_low": ("", "lower limit of its 95 % interval"),
    "score_high": ("", "upper limit"),
    "score_method": ("", "how the interval was made"),
    "chance": ("", "score of the best constant answer"),
    "p_chance": ("", "one-sided: how often an arm no better than chance scores as high"),
    "p_chance_adjusted": ("", "Holm over arms"),
    "cost_usd": ("USD", "total; NaN if any call's cost is unknown"),
    "cost_per_1000_usd": (
        "USD",
        "for a thousand calls, those left out that failed and certainly cost nothing",
    ),
    "latency_p50_s": ("s", "time within which half of the successful calls were answered"),
    "latency_p95_s": ("s", "time within which 95 % were"),
    "ttft_p50_s": ("s", "median time to the first content, when streamed"),
    "input_tokens": ("tokens", "total over successful calls; NaN if any did not say"),
    "output_tokens": ("tokens", "the same of the answers, reasoning included"),
    "tied": (
        "",
        "arms that share a letter are not told apart (adjusted); a holds the best (no baseline)",
    ),
    "probability_best": ("", "chance that its true mean is the highest of the ranked arms"),
    "winner_score": ("", "of the highest score: corrected for its having been picked; else NaN"),
    "winner_low": ("", "lower limit of the corrected 95 % interval"),
    "winner_high": ("", "upper limit"),
}
PAIR_COLUMNS: Final[Meaning] = {
    "prompt_a": ("", "prompt of A"),
    "label_a": ("", "model of A"),
    "prompt_b": ("", "prompt of B"),
    "label_b": ("", "model of B"),
    "inputs": ("", "inputs compared: those that every ranked arm has a score for"),
    "mean_a": ("", "mean score of A on them"),
    "mean_b": ("", "mean score of B on them"),
    "difference": ("", "B minus A"),
    "low": ("", "lower limit of the 95 % interval of this pair alone, whatever their number"),
    "high": ("", "upper limit"),
    "p": ("", "two-sided p-value of this pair alone"),
    "p_adjusted": ("", "for all pairs of the run: Holm, with a baseline max-t; it decides"),
    "test": ("", "which test; `betting, any look` after a run that was watched"),
    "discordant": ("", "inputs that only one arm got right; missing unless scores are 0 or 1"),
    "sd": ("", "of the paired differences; sd / sqrt(inputs) is the standard error"),
    "clusters": ("", "clusters behind them; missing without"),
    "missing": ("", "inputs of the run that are not among those compared"),
    "possible_low": ("", "least difference over all inputs, whatever the missing scores are"),
    "possible_high": ("", "largest difference over all inputs"),
    "freedom": (
        "",
        "degrees of freedom: inputs less one; fewer for unequal clusters, or dates",
    ),
}


_SPREADSHEET = (
    "In an exported CSV a text that a spreadsheet would take for a formula (it begins with `=`,",
    "`+`, `-`, `@`, a tab or a line end, or holds such a start after `;`, a tab or a line end)",
    "has an apostrophe before that sign: `=1+1` is `'=1+1`. `read_comparison` and `read_rows`",
    "take it away again, exactly; numbers keep their sign and get no mark, also those written as",
    'text. `run.export("rows.csv", spreadsheet_safe=False)` writes every text as it is; read it',
    "with `spreadsheet_safe=False`, too. Whoever reads the CSV otherwise (`pandas.read_csv`) sees",
    "the apostrophe; Parquet and JSON never have one, and a sheet of an xlsx holds texts as texts.",
)


def page() -> str:
    """Return the page: every column of rows, summary and pairs."""
    rows = ((each.name, each.dtype, each.unit, each.meaning) for each in COLUMNS)
    return "\n".join(
        [
            "# Columns",
            "",
            "Made by `python -m llmlab.stats.page > docs/columns.md`; a test holds it to the code.",
            "Missing is missing (NaN, `<NA>`, NaT), never 0. Dtypes survive Parquet, and CSV read",
            "back with `llmlab.comparison.read_comparison`.",
            "",
            *_SPREADSHEET,
            "",
            "## `run.rows`: one row a call",
            "",
            *_table(("column", "dtype", "unit", "meaning"), rows),
            "",
            "## `run.summary`: one row an arm, a prompt with a model",
            "",
            *_table(("column", "unit", "meaning"), ((k, *v) for k, v in ARM_COLUMNS.items())),
            "",
            "## `run.pairs`: one row for each two arms, on the same inputs",
            "",
            *_table(("column", "unit", "meaning"), ((k, *v) for k, v in PAIR_COLUMNS.items())),
            "",
        ]
    )


def _table(heads: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> list[str]:
    made = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    for name, *cells in lines:
        made.append(f"| `{name}` | {' | '.join(cells)} |")
    return made


if __name__ == "__main__":
    sys.stdout.write(page())
