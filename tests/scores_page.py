"""Write `docs/scores.md` from the tables that the tests run: python -m tests.scores_page."""

import sys
from collections.abc import Iterable

from tests.readings import JSON, JUDGE, LABELS, NUMBERS, PROBABILITIES, SETTLED, SIDES

HEAD = """\
# What an answer is read as

Made by `python -m tests.scores_page > docs/scores.md` from `tests/readings.py`, the tables that
the tests run; a test holds it to them.

A score first *reads* an answer and then values what it read. Nothing scores 0 because it could
not be read. Where an answer leaves room for doubt it is **unread**: it has no score, and the
column `error` says why.

## Outcomes

Every call is exactly one of these: in the column `outcome` of `run.rows`, as counts in
`run.summary` (where they add up to `calls`; `failed` is the column `failures`), in the table and
the report, below the plots, and in one note an arm.

| outcome | what it is | score |
| --- | --- | --- |
| `scored` | read and valued; wrong is one of these, with a low score | a number |
| `unread` | the score could not read it, or its end is `other`: it may be half of one | missing |
| `cut` | stopped at the output limit, perhaps before its first word: raise `max_tokens` | missing |
| `empty` | whole, without a word and without a call of a tool | missing |
| `refused` | the model declined | missing |
| `filtered` | the provider's filter stopped it | missing |
| `untargeted` | the input has no target | missing |
| `unscored` | whole, but no score was asked for, it raised, or the judge has no verdict | missing |
| `failed` | there is no answer | missing |

- A cut answer is never read, even if it begins well: `12` may be half of `12.5`, and `A` half of
  `A tie`.
- A function of `(text, target)` is asked about whole answers only. One of `(answer, row)` is
  asked about every answer and sees `answer.finish`; NaN or an error leaves a gap what it is.
- An answer that calls a tool and says nothing beside is unread for every score but `tool`, and
  the judge is not asked about it.
- `brier(missing=-0.25)` gives a number to what says none. The outcome stays `unread`, `cut` ...,
  and `error` says so.
- **Statistics take whatever has a score.** An input that a ranked arm has no score for is left
  out of all arms' scores and pairs (`summary.compared`). That is harmless only if answers are
  missing by chance. A verdict that leaves out 5 % of an arm's answers or more says so in its own
  sentence, and the notes count what is missing and why.

## Where in an answer the value is

For labels, numbers, probabilities and directions alike; the first place that has a value
decides, and if it has two different ones the answer is unread:

1. a JSON document: the `field=` that was named; else the values under `answer`, `value`, `label`,
   `result`, `direction`, `probability` and their like; else all its values, which must come to
   one;
2. a final answer: `Final answer: x`, `Overall, the sentiment is x`, `\\boxed{x}`,
   `<answer>x</answer>`;
3. a marked answer (`Answer: x`, `the forecast is x`) together with a first or last line or
   sentence that says only x;
4. the whole text, which must mention one value only.

Text before `</think>`, in quotations of several words, in quoted lines and in questions is
not the answer's own. Markdown, LaTeX, invisible characters, and how a letter is composed (NFC,
NFD, full width) make no difference.

## Numbers

`number`, `rank_ic`, and `field=` of JSON. A percentage is a share of one: `3 %` is 0.03, `25 bp`
is 0.0025, as long as targets are such shares. **A bare 3 is 3**: whether `%` means a hundredth
must agree with the targets' own unit, and `scores.number(unit="%")` says that a target of 3 is 3
% (`unit="bp"`: that 300 is).

- Scales: `k`, `m`, `b` only without a space before them (`5 m` may be metres); `bn`, `mn`, `tn`,
  `thousand`, `million`, `billion`, `trillion`, `Mio`, `Mrd`, `lakh`, `crore`, `万`, `亿` with or
  without.
- A minus is `-`, `−`, `–` at the number, `minus`, or brackets around a number that stands alone
  or has a currency. A sign that is only in words (`falls 5 %`, `a decline in sales of 5 %`, also in
  other languages) or behind the number, a long dash, a dash with a blank after it: unread. A level
  (`fell to 3.4`) is read, and so is a number that is named (`rates fall, and the return is 2 %`).
- Dates, times, quarters, years, spans of time, list marks and names (`S&P 500`) in a sentence are
  no quantity; alone in an answer they are (`2024`, `5 days`).
- Ranges, bounds (`up to 5`), ratios and powers are no single number.
- `1,234` and `1.234` are ambiguous: see below. The decimal mark can be given:
  `scores.number(decimal=",")`.
"""

PARTS = {
    "settled": """\
### What the other answers settle

`1,234` and `1.234` are read by the decimal mark that other numbers of the same answer show, else by
that of the arm's other answers, else by that of all arms, each only where they agree; a note
counts them. Targets are never used. A run with `stop_when_clear` reads each answer alone, as
it did while it ran.
""",
    "probabilities": """\
## Probabilities

`brier` and `log_loss`. A percentage, or a number from 0 to 1; the size of a move or a rate (`rose
2 %`) is a premise. A bare `70` is unread: it may be a price. So is the chance of a fall, or that
something does not happen, and a confidence in `down`: which event is meant is not known.
`Probability: 70 %` on a line of its own is always read.
""",
    "sides": """\
## Directions

`direction` and `signed_return`: up, down or flat. `direction` scores 1 when the direction is the
sign of the target, so that `flat` is right where the target is 0.
""",
    "labels": """\
## Labels

`label`. The labels are the run's targets, those in the `enum` of a prompt's own schema, and
`scores.label(labels=[...], aliases={...})`. A word that is no label is unread: name it, and it is
a wrong answer. Single letters are labels where they stand as one: `a` and `I` in a sentence are
words. Where a label ends with a sign (`AA-`), `AA` is not read from `AA−` or `AA minus`. Labels
that are numbers are compared by value.
""",
    "label_p": """\
## Labels by probability

`label_p` scores how much probability the model gave to the target label, from 0 to 1, by the
log-probabilities of the tokens at the place where the answer says its label. It needs
`logprobs=5` (or more, where the model reports more); Anthropic reports none, and models that
reason report none while they do. The labels and how the one that was said is read are those of
`label`; the column `said` has it, and `probability` its share.

- A token counts for a label if it begins that label and no other, in any case, with or without a
  blank, quote or mark before it (` Pos`, `"positive`). Where a token begins several (`ne` of
  `negative` and `neutral`) the next token of the answer divides it. A token such as `pos` might
  have gone on as another word: that it did not is assumed.
- A share is of what all labels have: `positive` 0.75, `negative` 0.15, other tokens 0.10 is
  0.75 / 0.90 = 0.83.
- **What is not known is not guessed.** Less than 90 % of the probability known to belong to one
  label or another (`scores.label_p(least=0.9)`), no log-probabilities, the answer's own tokens
  alone (`logprobs=0`), or a label that the answer says twice: unread, with the reason. A share is
  off by at most what is not known.
- In an answer that explains itself first, it is the probability of the label after that
  explanation. Ask for the label alone.
- The mean of such scores is the expected share of right labels if one were drawn each time. It is
  not a proper score: who says 99 % where 70 % would be true gains by it. `run.calibration()` (and
  `run.plot("calibration")`) sets `probability` against how often the label said was right.
""",
    "tool": """\
## Calls of tools

`tool` scores 1 when the answer calls the tools of the target, no more and no fewer, in any order.
A target is a tool's name, or `{"name": "weather", "arguments": {"city": "Paris"}}` as a dict or as
JSON text, or a list of these. What an answer calls is never in doubt: no call, another tool and
arguments that are no JSON object are wrong, 0, and not unread.

Arguments are compared by value: 2 is 2.0, texts without the blanks around them, objects in any
order of keys; `"2"` is not 2, `true` is not 1, and case counts. `scores.tool(arguments="given")`
compares those that the target has, `"none"` (`--score tool:none`) names alone. There is no partial
credit: a score between 0 and 1 would have to say which argument is worth what.
""",
    "json": """\
## JSON

`json`, `json:field`, and `field=` of any score. The document may be the whole text, in a fence,
or an object in prose; a comma too many is passed over. Of several, those that lack the field or
break the schema do not count, and the rest must agree. A key that stands twice with two values
says neither. Without a field, being no JSON, or breaking the schema, is what the score is about:
0, with the reason in `error`. With one, a document that breaks the schema is 0, too; no document,
or one without the field or with nothing in it (null, an empty text), is unread.

A template's own `schema:` is sent to every model that takes it (unless `schema=` is given) and
checked in every answer; a note an arm counts those that do not follow it.
""",
    "targets": """\
## Targets

A target is compared by its value, never by how Python writes it: a 1 that a gap in its column
made 1.0, float32, Decimal, booleans, dates, periods, categories, enumerations. What cannot be
compared (`1,234` or `no idea` where 1234 is right) is unread. `None`, `NaN`, `NaT`, `pd.NA` and
blank text are no target: the outcome is `untargeted`, said once.

| target | answer or field that is right |
| --- | --- |
| `1.0` (a 1 in a column with missing values) | `1`, `1.0`, `"1"`, `true` in JSON |
| `numpy.float32(0.1)` | `0.1` |
| `Decimal("0.1")` | `0.1`, `"10 %"` in JSON |
| `Timestamp("2026-03-01")` | `2026-03-01` |
| `True` | `true`, `True`, `yes` |
""",
    "judge": """\
## The judge

Asked by a JSON schema with the choices A, B and tie where its model follows one, else for a line
`Choice: A`. A reply that cannot be read, was cut or is empty is asked for once more with a
reminder; the plan's upper bound counts every question twice, and the note says how many were
asked again. What cannot be read then either has no verdict. Answers that are cut, empty or
refused are not compared.

A reply is read in its stated place if it has one: the JSON, `[[A]]`, `Choice:` (or winner,
verdict, final answer). Else all lines that begin with a choice, and all sentences that claim
one, must agree. `A` and `B` are read by the same patterns, so exchanging them exchanges
the reading. No reply of the table is read reversed.
""",
}


def page() -> str:
    """Return the page."""
    lines = [HEAD]
    for title, rows in NUMBERS:
        lines += [f"### {title}", "", *_two(("answer", "number"), rows), ""]
    settled = (
        (text, ", ".join(map(_code, others)), _value(said)) for text, others, said in SETTLED
    )
    lines += [PARTS["settled"], *_table(("answer", "others of its arm", "number"), settled), ""]
    lines += [PARTS["probabilities"], *_two(("answer", "probability"), PROBABILITIES), ""]
    sides = ((text, _NAMES[side]) for text, side in SIDES)
    lines += [PARTS["sides"], *_table(("answer", "direction"), sides), ""]
    labels = (
        (text, ", ".join(map(str, names)), _value(said))
        for names, rows in LABELS
        for text, said in rows
    )
    lines += [PARTS["labels"], *_table(("answer", "labels", "read"), labels), ""]
    lines += [PARTS["label_p"], PARTS["tool"]]
    found = (
        (text, _code(field), "*unread*" if value is None else _code(value))
        for text, field, value in JSON
    )
    lines += [PARTS["json"], *_table(("answer", "field", "value"), found), ""]
    lines += [PARTS["targets"], PARTS["judge"], *_table(("reply", "read"), _replies()), ""]
    return "\n".join(lines)


_NAMES = {1: "up", -1: "down", 0: "flat", None: "*unread*"}


def _replies() -> Iterable[tuple[str, str]]:
    names = {"A": "A", "B": "B", "T": "tie", None: "*unread*"}
    return ((text, names[said]) for text, _, said in JUDGE)


def _two(heads: tuple[str, ...], rows: Iterable[tuple[str, float | None]]) -> list[str]:
    return _table(heads, ((text, _value(value)) for text, value in rows))


def _value(value: object) -> str:
    if value is None:
        return "*unread*"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _code(text: str) -> str:
    """Return *text* as code in a table: line ends as ⏎, the bar spelled out, nothing as a dash."""
    shown = text.replace("\n", " \u23ce ").replace("|", "\\|")
    marks = "``" if "`" in shown else "`"
    if not shown.strip():
        return "(nothing)"
    pad = " " if "`" in shown or shown != shown.strip() else ""
    return f"{marks}{pad}{shown}{pad}{marks}"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    made = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    return made + [f"| {_code(text)} | {' | '.join(cells)} |" for text, *cells in rows]


if __name__ == "__main__":
    sys.stdout.write(page())
