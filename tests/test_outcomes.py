"""Every call is one of nine things, which add up wherever they are shown; templates score right."""

import json as stdlib
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.comparison import Comparison
from llmlab.comparison.marks import marked
from llmlab.records import Answer, Usage
from llmlab.scores import Score, brier, json, judge, label
from llmlab.scores.judge import CHOICE
from llmlab.sim import RuleAuthor, Simulator
from llmlab.sim.authors.author import Asked, Finish, Written
from llmlab.sim.server.faults import Faults
from llmlab.stats.outcomes import OUTCOMES
from llmlab.templates import Library, parse
from llmlab.templates.check import check
from tests.labs import lab_for

SIX = ["gpt", "claude", "grok", "deepseek", "deepseek-think", "qwen"]
TWO = {"A": "Up or down? {{ text }}", "B": "What next, up or down? {{ text }}"}
KINDS: tuple[tuple[str, Finish], ...] = (
    ("up", "stop"),
    ("down", "stop"),
    ("It is hard to say", "stop"),
    ("up or down", "stop"),
    ("The share is", "length"),
    ("", "length"),
    ("", "stop"),
    ("I cannot help with that", "refusal"),
    ("up, bu", "filter"),
    ("Not up", "stop"),
)


def frame(size: int = 40) -> pd.DataFrame:
    """Return inputs, one of which has no target."""
    sides = [None, *["up", "down"] * size][:size]
    return pd.DataFrame({"text": [f"share number {at}." for at in range(size)], "side": sides})


@dataclass(frozen=True)
class Odd:
    """Answers in every odd way there is, by turns."""

    name: str = "odd"

    async def write(self, asked: Asked) -> Written:
        """Take the kind by the input's number and the model."""
        number = int(re.findall(r"number (\d+)", asked.user)[0])
        text, finish = KINDS[(number + len(asked.model) + len(asked.user)) % len(KINDS)]
        return Written(text=text, input_tokens=20, output_tokens=5, finish=finish)


@pytest.fixture(name="odd")
async def _odd() -> AsyncIterator[Simulator]:
    faults = Faults.parse(["400:0.1"], seed=3)
    async with Simulator(author=Odd(), faults=faults) as simulator:
        yield simulator


async def _run(lab: Lab, **options: Any) -> Comparison:
    given = {
        "prompts": TWO,
        "models": SIX,
        "on": frame(),
        "score": "label",
        "target": "side",
        "quiet": True,
        "max_tokens": 40,
        **options,
    }
    return await lab.abtest_async(given.pop("prompts"), given.pop("models"), **given)


def _expected(row: Any) -> str:
    """Say what became of a call, from what came back alone."""
    if row.status == "error":
        return "failed"
    if row.input_id == "0":
        return "untargeted"
    ended = {"length": "cut", "refusal": "refused", "filter": "filtered"}.get(row.finish_reason)
    if ended or not str(row.text).strip():
        return ended or "empty"
    return "scored" if row.text in {"up", "down", "up, bu"} else "unread"


async def test_the_counts_add_up_everywhere(odd: Simulator, tmp_path: Path) -> None:
    """Twelve arms with every kind of odd answer: rows, summary, notes and report agree. # K-7."""
    async with lab_for(odd) as lab:
        run = await _run(lab)

    rows, summary = run.rows, run.summary
    assert len(summary) == 12
    assert rows["outcome"].tolist() == [_expected(row) for row in rows.itertuples()]
    assert set(rows["outcome"]) == set(OUTCOMES) - {"unscored"}
    # Wrong is a score of 0; what could not be read is none.
    assert rows["score"].notna().equals(rows["outcome"] == "scored")
    assert rows.loc[rows["outcome"] != "scored", "error"].notna().all()
    counts = Counter(rows["outcome"])
    columns = {**{name: name for name in OUTCOMES[:-1]}, "failed": "failures"}
    assert {name: int(summary[column].sum()) for name, column in columns.items()} == {
        name: counts[name] for name in OUTCOMES
    }
    assert (summary[list(columns.values())].sum(axis=1) == summary["calls"]).all()
    assert summary["calls"].sum() == len(rows) == 480
    _notes_agree(run)
    _report_agrees(run, tmp_path)


def _notes_agree(run: Comparison) -> None:
    """One note an arm counts what has no score; failed and untargeted calls are said once."""
    for arm in run.summary.to_dict("records"):
        name = f"answers of {arm['prompt']} · {arm['label']} "
        (note,) = [each for each in run.notes if name in each]
        said = {
            word: int(n)
            for n, word in re.findall(r"(\d+) (cut|empty|refused|stopped|unread)", note)
        }
        told = {
            "cut": arm["cut"],
            "empty": arm["empty"],
            "refused": arm["refused"],
            "stopped": arm["filtered"],
            "unread": arm["unread"],
        }
        assert said == {word: count for word, count in told.items() if count}
        assert note.startswith(f"{sum(said.values())} of {arm['calls'] - arm['failures']} answers")
    (lost,) = [each for each in run.notes if "without a target" in each]
    assert lost.startswith(f"{run.summary['untargeted'].sum()} of 480 calls")
    (failed,) = [each for each in run.notes if "calls failed" in each]
    assert failed.startswith(f"{run.summary['failures'].sum()} of 480")
    assert "This leaves out" in run.verdict


def _report_agrees(run: Comparison, folder: Path) -> None:
    """The table of the report has the counts of the summary, and the text of a terminal too."""
    page = run.report(folder / "report.html").read_text()
    for name in ("scored", "unread", "cut", "empty", "refused", "filtered", "untargeted"):
        assert re.search(rf">[^<]*\b{name}\b", page)
    lines = repr(run).splitlines()
    head = next(line for line in lines if line.startswith("Prompt"))
    assert all(f" {name}" in head for name in ("scored", "unread", "cut", "empty", "failed"))
    for note in run.notes:
        assert note.replace("'", "&#x27;") in page


async def test_a_run_is_read_again_as_it_was(odd: Simulator, tmp_path: Path) -> None:
    """Outcomes are kept in the book and in a file."""
    async with lab_for(odd) as lab:
        run = await _run(lab, models=["gpt", "claude"], name="kept")
        again = lab.run("kept")
    run.export(tmp_path / "rows.csv")

    from llmlab.comparison import read_comparison

    assert again.rows["outcome"].tolist() == run.rows["outcome"].tolist()
    pd.testing.assert_frame_equal(again.summary, run.summary)
    read = read_comparison(tmp_path / "rows.csv", chance=run.chance, score_name="label")
    pd.testing.assert_frame_equal(read.summary, run.summary)


@dataclass(frozen=True)
class Cut:
    """One prompt is always cut, the other never."""

    name: str = "cut"

    async def write(self, asked: Asked) -> Written:
        """Cut the answers to the second prompt."""
        cut = "What next" in asked.user
        return Written(
            text="The share" if cut else "up",
            input_tokens=20,
            output_tokens=40,
            finish="length" if cut else "stop",
        )


async def test_an_arm_that_is_cut_says_what_to_do() -> None:
    """Forty of forty answers cut: no score of 0, one note, and the verdict rests on the rest."""
    async with Simulator(author=Cut()) as simulator, lab_for(simulator) as lab:
        run = await _run(lab, models=["gpt"], on=frame(41).iloc[1:])

    scores = run.summary.set_index("prompt")["score"]
    assert scores["A"] == 0.5
    assert pd.isna(scores["B"])
    note = "40 of 40 answers of B · gpt were cut at the output limit: raise max_tokens."
    assert [each for each in run.notes if "answers of" in each] == [note]
    assert "This leaves out 40 of 40 answers of B · gpt: see the notes." in run.verdict
    drawn = run.plot("forest")
    assert any(
        "Not scored" in text.get_text() for each in drawn.legends for text in each.get_texts()
    )


async def test_without_a_score_gaps_are_told_too(odd: Simulator) -> None:
    """Whole answers that nothing scored are unscored; cut ones are cut."""
    async with lab_for(odd) as lab:
        run = await _run(lab, models=["gpt"], score=None, target=None)

    assert set(run.rows["outcome"]) == {"unscored", "cut", "empty", "refused", "filtered", "failed"}
    assert "unread" not in repr(run).splitlines()[-1]


async def test_marks_by_hand_score_what_was_unread(odd: Simulator) -> None:
    """A person's mark is a score; what has none is unscored."""
    async with lab_for(odd) as lab:
        run = await _run(lab, models=["gpt"])
    unread = run.rows[run.rows["outcome"] == "unread"].iloc[0]

    found = marked(run, {unread["request_hash"]: "right"})

    assert found.summary["scored"].sum() == 1
    assert found.summary["unscored"].sum() == (run.rows["outcome"] == "scored").sum()


def test_a_frame_without_the_column_is_counted_by_its_scores() -> None:
    """Rows of an older llmlab have no outcome: scored, unscored and failed still add up."""
    from llmlab.stats.outcomes import counted, outcomes_of

    rows = pd.DataFrame({"status": ["ok", "ok", "error"], "score": [0.0, None, None]})

    assert {k: v for k, v in counted(outcomes_of(rows)).items() if v} == {
        "scored": 1,
        "unscored": 1,
        "failed": 1,
    }


# ---- the judge ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mumbling:
    """A judge that says nothing clear the first time, or ever, by the input's number."""

    name: str = "mumbling"
    ever: bool = True

    async def write(self, asked: Asked) -> Written:
        """Answer the question, or judge the answers."""
        if "<answer_A>" not in asked.user:
            text = "short" if "What next" in asked.user else "long"
            return Written(text=text, input_tokens=20, output_tokens=1)
        clear = self.ever and "could not be read" in asked.user
        first = asked.user.split("<answer_A>")[1].strip()
        text = (
            ("Choice: A" if first.startswith("short") else "Choice: B") if clear else "A or B, hm"
        )
        return Written(text=text, input_tokens=20, output_tokens=4)


@pytest.mark.parametrize("model", ["claude", "deepseek"])
async def test_an_unclear_judge_is_asked_once_more(model: str, tmp_path: Path) -> None:
    """With a reminder, counted and paid; what it says then counts, and it replays. # K-1."""
    async with Simulator(author=Mumbling()) as simulator, lab_for(simulator) as lab:
        run = await _run(lab, models=["gpt"], on=frame(10), score=judge(model), name="judged")
        asked = sum("<answer_A>" in (each.user or "") for each in simulator.log)
        lab.save_tape(tmp_path / "tape.jsonl")
        async with lab_for(simulator, mode="replay", tape=tmp_path / "tape.jsonl") as replay:
            again = await _run(
                replay, models=["gpt"], on=frame(10), score=judge(model), name="judged"
            )

    assert asked == 40
    assert run.summary.set_index("prompt")["score"].to_dict() == {"B": 1.0, "A": 0.0}
    assert any(
        "20 replies of the judge could not be read and were asked for again; 0 could" in each
        for each in run.notes
    )
    assert again.rows["score"].tolist() == run.rows["score"].tolist()


async def test_a_judge_that_stays_unclear_judges_nothing() -> None:
    """No verdict is made up: nobody wins, and the rows say so."""
    async with Simulator(author=Mumbling(ever=False)) as simulator, lab_for(simulator) as lab:
        run = await _run(lab, models=["gpt"], on=frame(10), score="judge:claude")

    assert run.rows["score"].isna().all()
    assert set(run.rows["outcome"]) == {"unscored"}
    assert any("20 could not be read then either" in each for each in run.notes)
    assert "10 of 10 comparisons have no verdict of the judge." in run.notes


async def test_a_judge_is_asked_for_a_choice_by_schema_where_there_is_one() -> None:
    """A structured choice cannot be misread; a model without is told where to write it."""
    written = set()

    class Watching(Mumbling):
        """Notes whether a schema came with the question."""

        async def write(self, asked: Asked) -> Written:
            if "<answer_A>" in asked.user:
                written.add(asked.schema == CHOICE.document)
            return await super().write(asked)

    async with Simulator(author=Watching()) as simulator, lab_for(simulator) as lab:
        await _run(lab, models=["gpt"], on=frame(4), score="judge:gpt")
        judged = [each for each in simulator.log if "<answer_A>" in (each.user or "")]

    assert judged
    assert all("Choice: A" in each.user for each in judged)
    assert written == {True}


async def test_two_empty_answers_are_no_tie(odd: Simulator) -> None:
    """A judge is not asked about a gap, and a gap is not the equal of another."""
    async with lab_for(odd) as lab:
        run = await _run(lab, models=["gpt"], score="judge:claude")

    gaps = run.rows["outcome"].isin(["cut", "empty", "refused", "filtered"])
    assert gaps.any()
    assert run.rows.loc[gaps, "score"].isna().all()


# ---- the templates that come with llmlab ------------------------------------------------------

FOLDER = Path(__file__).parent.parent / "prompts"
FIELDS: dict[str, tuple[str, Any, Any]] = {
    "desk-summary": ("lines.0.action", "watch", "act"),
    "direction": ("up", 0.54, 0.53),
    "earnings-call": ("tone", "cautious", "steady"),
    "event-extraction": ("events.0.kind", "merger", "dividend"),
    "guidance-change": ("changes.0.direction", "raised", "kept"),
    "headline-novelty": ("novelty", "update", "repeat"),
    "macro-surprise": ("surprise", "above", "below"),
    "regime": ("trend", "down", "up"),
    "risk-flags": ("flags.0.severity", 4, 5),
    "sector-map": ("sector", "Information Technology", "Energy"),
    "sentiment": ("label", "positive", "negative"),
    "trade-rationale": ("side", "none", "buy"),
}


def manners(document: str) -> dict[str, str]:
    """Write an answer in ten manners."""
    data = stdlib.loads(document)
    return {
        "bare": document,
        "indented": stdlib.dumps(data, indent=2),
        "fenced": f"```json\n{document}\n```",
        "fenced with prose": f"Here is the answer:\n\n```\n{document}\n```\n\nI hope this helps.",
        "in prose": f"Sure. {document} That is my view of [1] and {{2}}.",
        "after code": f"```python\nprint({{}})\n```\nresult:\n```json\n{document}\n```",
        "a comma too many": re.sub(r"\}$", ",}", document),
        "twice": f"{document}\n\nSo, as said:\n{document}",
        "after thinking": f'<think>Maybe {{"draft": 1}}?</think>\n{document}',
        "composed otherwise": f"\ufeff{unicodedata.normalize('NFD', document)}\u00a0\r\n",
    }


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_template_scores_right_in_ten_manners(name: str) -> None:
    """The example answer of each, in ten manners: right is 1, wrong is 0. # K-6."""
    template = Library(FOLDER, "production")[name]
    field, right, wrong = FIELDS[name]
    written = manners(stdlib.dumps(template.meta["example"], ensure_ascii=False))
    assert len(written) == 10

    scores: list[Score] = [json(template.schema, field=field)]
    if isinstance(right, str):
        scores.append(label(field=field))
    for score in scores:
        scorer = score.make([right, wrong])
        for manner, text in written.items():
            assert (manner, scorer.score(text, right)) == (manner, 1.0)
            assert (manner, scorer.score(text, wrong)) == (manner, 0.0)


def test_the_probability_of_the_direction_template_is_read_in_ten_manners() -> None:
    """`up`, not the base rate beside it."""
    scorer = brier().make([1, 0])
    for text in manners(
        '{"up": 0.54, "base_rate": 0.53, "reasons": ["70 % of days rose"]}'
    ).values():
        assert scorer.score(text, 1) == pytest.approx(-(0.46**2))


async def test_a_templates_schema_is_sent_and_checked(tmp_path: Path) -> None:
    """Where a model takes it; an answer that breaks it is counted, whatever the score. # K-6."""
    (tmp_path / "sentiment.md").write_text((FOLDER / "sentiment.md").read_text())
    asked = frame(6).assign(company="Acme", headline="Acme beats", label="positive")
    given = {"prompts": ["sentiment"], "on": asked, "score": "label", "target": "label"}
    closed = {
        "type": "object",
        "properties": {"x": {"type": "string"}},
        "required": ["x"],
        "additionalProperties": False,
    }
    asked.loc[0, "label"] = "negative"
    async with Simulator(author=RuleAuthor()) as simulator:
        options = {"config": str(tmp_path), "prompts": str(tmp_path)}
        async with lab_for(simulator, **options) as lab:
            run = await _run(lab, **given, models=["gpt", "claude"])
            own = await _run(lab, **given, models=["gpt"], schema=closed)

    assert set(run.rows["outcome"]) == {"scored"}
    assert all(set(stdlib.loads(each)) == {"label", "confidence"} for each in run.rows["text"])
    assert all(set(stdlib.loads(each)) == {"x"} for each in own.rows["text"])
    assert any(
        "6 of 6 answers of sentiment · gpt do not follow the template's schema" in each
        for each in own.notes
    )


def test_answers_that_break_the_templates_schema_are_counted() -> None:
    """By arm, with the first fault; gaps are none of them."""
    from llmlab.design.schemas import schema_notes
    from tests.test_reading import row

    schema = "{type: object, properties: {p: {type: number, maximum: 1}}, required: [p]}"
    words = f"---\nschema: {schema}\n---\n[user]\nJSON\n"
    cut = Answer(text='{"p', usage=Usage(), finish="length", model="m")
    rows = [row('{"p": 1}', 0), row('Well: {"p": 2}', 1), row("none", 2)]
    from msgspec.structs import replace

    notes = schema_notes([*rows, replace(rows[0], outcome=cut)], [parse(words, name="p")])

    (note,) = notes
    assert note == (
        "2 of 3 answers of p · m do not follow the template's schema (the first: $.p: 2 is greater "
        "than the maximum of 1)."
    )


# ---- the default query ------------------------------------------------------------------------

QUERY = "---\nname: ask\ndefault_query: What is new?\n---\n[user]\n{{ text }}\n{{ query }}\n"


def test_the_default_query_is_asked_where_none_is_given() -> None:
    """It fills `{{ query }}`; another takes its place, and another default is another version."""
    template = parse(QUERY, name="ask")

    assert template.slots == ("text",)
    assert template.fill({"text": "x"}).user == "x\nWhat is new?"
    assert template.fill({"text": "x", "query": "So?"}).user == "x\nSo?"
    assert template.version != parse(QUERY.replace("new", "old"), name="ask").version


def test_a_default_query_that_is_never_asked_is_a_fault() -> None:
    """Without `{{ query }}` it would do nothing, as it did."""
    found = check(QUERY.replace("{{ query }}", ""), file="ask.md", stem="ask")

    assert any("so the default query is never asked" in each.what for each in found)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_template_asks_its_default_query(name: str) -> None:
    """The twelve show it in the prompt."""
    template = Library(FOLDER, "production")[name]

    assert template.about.default_query in template.fill(template.examples).user
