"""Scores that llmlab did not make: five columns, logs of inspect_ai, results of promptfoo."""

import json
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import numpy as np
import pandas as pd
import pytest

from llmlab import Comparison
from llmlab.comparison import read_comparison
from llmlab.errors import UsageError
from llmlab.frames.columns import COLUMNS
from llmlab.readers import read_inspect_ai, read_promptfoo
from llmlab.readers.zipped import opened

LOGS = Path(__file__).parent / "logs"
"""Made by inspect_ai 0.3.285 (mock model) and promptfoo 0.121.20 (a toy provider)."""
EVALS = [LOGS / "inspect_short.eval", LOGS / "inspect_long.eval"]


def scores(**more: Any) -> pd.DataFrame:
    """Two prompts, two models, 40 inputs."""
    rng = np.random.default_rng(0)
    lines = [
        {"prompt": p, "model": m, "input": i, "score": float(rng.random() < (0.9 if p else 0.5))}
        for p in (0, 1)
        for m in ("x", "y")
        for i in range(40)
    ]
    return pd.DataFrame(lines).assign(**more)


# --- five columns


def test_four_columns_are_enough_for_a_verdict() -> None:
    """Every column of rows is there, missing where nothing is known, and typed."""
    run = Comparison.from_scores(scores(), name="theirs")

    assert run.verdict.startswith("1 · ")
    assert list(run.rows.columns) == [each.name for each in COLUMNS]
    assert {str(run.rows[each.name].dtype) for each in COLUMNS} == {each.dtype for each in COLUMNS}
    assert len(run.summary) == 4
    assert run.rows["cost_usd"].isna().all()
    assert "The cost of 4 of 4 arms is unknown." in run.notes


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx", "json", "md", "html", "png"])
def test_everything_shown_works_of_such_a_run(suffix: str, tmp_path: Path) -> None:
    """A cell, a terminal, plots, files, and what is asked of it."""
    run = Comparison.from_scores(scores())

    assert "P(best)" in run._repr_html_()
    assert "P(best)" in repr(run)
    assert run.export(tmp_path / f"run.{suffix}").stat().st_size > 100
    assert run.plot("differences") is not None
    assert len(run.not_worse("0 · x", margin=0.1)) == 3
    assert len(run.frontier(draws=50)) == 4
    assert len(run.plan()) == 6
    assert len(run.costs()) == 4


def test_such_a_run_is_read_back_as_it_was(tmp_path: Path) -> None:
    """Its own columns too."""
    run = Comparison.from_scores(scores(ticker="ACME", cluster="d1"))

    again = read_comparison(run.export(tmp_path / "run.csv"))

    pd.testing.assert_frame_equal(again.summary, run.summary)
    assert set(again.rows["ticker"]) == {"ACME"}


def test_columns_of_a_run_beside_the_five_are_taken() -> None:
    """Clusters, costs and failures mean what they mean in `run.rows`."""
    frame = scores(cost_usd=0.002, latency_s=1.5)
    frame["cluster"] = frame["input"] // 4
    frame["status"] = "ok"
    frame.loc[0, ["status", "score"]] = ["error", None]
    run = Comparison.from_scores(frame)

    assert set(run.pairs["clusters"]) == {10}
    assert run.summary["cost_per_1000_usd"].tolist() == pytest.approx([2.0] * 4)
    assert run.rows["outcome"].value_counts().to_dict() == {"scored": 159, "failed": 1}
    assert "1 of 160 calls failed and carry no score." in run.notes


def test_repeats_are_counted_where_they_have_no_number() -> None:
    """They are averaged within an input, which is the unit."""
    twice = pd.concat([scores(), scores()], ignore_index=True)

    run = Comparison.from_scores(twice)

    assert set(run.rows["repeat"]) == {0, 1}
    assert set(run.summary["inputs"]) == {40}


def test_scores_may_be_truths() -> None:
    """True is 1 and False 0, also with gaps."""
    frame = scores()
    frame["score"] = frame["score"].astype(bool).astype(object)
    frame.loc[3, "score"] = None

    run = Comparison.from_scores(frame)

    assert set(run.rows["score"].dropna()) == {0.0, 1.0}
    assert int(run.rows["score"].isna().sum()) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda f: f.drop(columns=["score", "model"]),
            "the scores lack the column(s) model, score",
        ),
        (lambda f: f.iloc[:0], "there are no scores to compare"),
        (lambda f: f.assign(score="good"), "column 'score', row 1: 'good'"),
        (lambda f: f.assign(score=np.inf), "column 'score' holds an infinite value"),
        (lambda f: f.assign(prompt=None), "column 'prompt', row 1: a value is missing"),
        (lambda f: f.assign(repeat=0, input=1), "is there twice; number its repeats from 0"),
        (
            lambda f: f.assign(repeat=0.5),
            "column 'repeat', row 1: np.float64(0.5); it must hold whole",
        ),
        (lambda f: f.assign(status="done"), "column 'status' must hold ok or error"),
    ],
)
def test_scores_that_cannot_be_compared_are_one_line(change: Any, said: str) -> None:
    """It names the column, and the row."""
    with pytest.raises(UsageError) as caught:
        Comparison.from_scores(change(scores()))

    assert said in str(caught.value)


# --- inspect_ai


def test_logs_of_inspect_ai_are_compared() -> None:
    """An arm is a task with a model; epochs are repeats; a sample that failed has no score."""
    frame = read_inspect_ai(EVALS)
    run = Comparison.from_scores(frame, chance=1 / 3)

    assert len(frame) == 16
    assert sorted(set(frame["prompt"])) == ["long", "short"]
    assert set(frame["repeat"]) == {0, 1}
    assert frame["status"].value_counts().to_dict() == {"ok": 15, "error": 1}
    assert run.summary.set_index("prompt")["compared"].to_dict() == {"short": 4, "long": 4}
    assert "1 of 16 calls failed and carry no score." in run.notes


def test_scores_are_those_that_inspect_ai_reports() -> None:
    """The log's own accuracy is the arm's score."""
    with opened(EVALS[0]) as file:
        head = json.loads(file.read("header.json"))
    theirs = head["results"]["scores"][0]["metrics"]["accuracy"]["value"]

    run = Comparison.from_scores(read_inspect_ai(EVALS[0]))

    assert run.summary["score"].item() == pytest.approx(theirs, abs=1e-12)


def test_tokens_count_what_was_cached() -> None:
    """inspect_ai counts cached tokens apart; `input_tokens` is the whole prompt."""
    frame = read_inspect_ai(EVALS[0])

    assert set(frame["input_tokens"]) == {25}
    assert set(frame["cached_tokens"]) == {5}


def test_why_an_answer_ended_is_said_in_the_words_of_a_run(tmp_path: Path) -> None:
    """A cut answer is `length` in `finish_reason`, as in a run of llmlab."""
    log = json.loads((LOGS / "inspect_short.json").read_text(encoding="utf-8"))
    for sample, reason in zip(log["samples"], ("stop", "max_tokens"), strict=True):
        sample["output"]["stop_reason"] = reason
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log), encoding="utf-8")

    run = Comparison.from_scores(read_inspect_ai(path))

    assert list(run.rows["finish_reason"]) == ["stop", "length"]


def test_a_json_log_says_the_same_in_other_clothes() -> None:
    """A second scorer is asked for by name."""
    frame = read_inspect_ai(LOGS / "inspect_short.json", score="match")

    assert list(frame["input"]) == ["h0", "h1"]
    assert list(frame["repeat"]) == [0, 0]
    assert set(frame["target"]) == {"positive", "negative"}
    with pytest.raises(UsageError, match="no score is called 'judge'; there are includes, match"):
        read_inspect_ai(LOGS / "inspect_short.json", score="judge")


def test_the_same_evaluated_again_is_more_repeats() -> None:
    """Epochs count on."""
    frame = read_inspect_ai([EVALS[0], LOGS / "inspect_short.json"])

    assert sorted(frame.loc[frame["input"] == "h0", "repeat"]) == [0, 1, 2]
    assert set(frame["prompt"]) == {"short"}


def log(tmp_path: Path, name: str, **more: Any) -> Path:
    """Write a log of one sample, of the fields that matter."""
    about = {"task": "t", "model": "m", **more.pop("eval", {})}
    sample = {"id": 1, "epoch": 1, "input": "q", "target": "a",
              "scores": {"s": {"value": "C"}}, **more}  # fmt: skip
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps({"eval": about, "samples": [sample]}))
    return path


def test_settings_tell_arms_of_one_task_apart(tmp_path: Path) -> None:
    """Only those that differ are named."""
    one = log(tmp_path, "1", eval={"task_args_passed": {"shots": 0, "seed": 1}})
    two = log(tmp_path, "2", eval={"task_args_passed": {"shots": 5, "seed": 1}})

    assert list(read_inspect_ai(tmp_path)["prompt"]) == ["t (shots=0)", "t (shots=5)"]
    assert list(read_inspect_ai([one, two])["repeat"]) == [0, 0]


def test_the_same_number_of_two_questions_is_not_one_input(tmp_path: Path) -> None:
    """Sample 1 of one task would be paired with sample 1 of another."""
    log(tmp_path, "1")
    log(tmp_path, "2", eval={"task": "u"}, input="another question")

    assert list(read_inspect_ai(tmp_path)["input"]) == ["1", "u/1"]


@pytest.mark.parametrize(
    ("value", "worth"),
    [("C", 1.0), ("P", 0.5), ("I", 0.0), ("N", 0.0), ("Yes", 1.0), ("0.25", 0.25), (True, 1.0),
     (3, 3.0), (None, None)],
)  # fmt: skip
def test_words_are_worth_what_inspect_ai_says(value: Any, worth: Any, tmp_path: Path) -> None:
    """C is 1, P one half, I and N are 0."""
    found = read_inspect_ai(log(tmp_path, "1", scores={"s": {"value": value}}))["score"].item()

    assert found == worth or (worth is None and pd.isna(found))


def test_a_score_of_several_parts_is_asked_for_by_part(tmp_path: Path) -> None:
    """The error lists them."""
    path = log(tmp_path, "1", scores={"s": {"value": {"tone": 0.5, "fact": 1}}})

    assert read_inspect_ai(path, score="s/tone")["score"].item() == 0.5
    with pytest.raises(UsageError, match="say one of s/tone, s/fact"):
        read_inspect_ai(path)


def test_what_is_no_log_is_one_line(tmp_path: Path) -> None:
    """Damaged, empty, elsewhere, or packed in a way that is not known."""
    (tmp_path / "a.eval").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "b.json").write_text("[]")
    whole = bytearray(EVALS[0].read_bytes())
    with ZipFile(EVALS[0]) as file:
        whole[file.getinfo("samples/h0_epoch_1.json").header_offset + 300] ^= 0xFF
    (tmp_path / "c.eval").write_bytes(whole)
    with ZipFile(tmp_path / "d.eval", "w", ZIP_LZMA) as file:
        file.writestr("header.json", "{}")
    (tmp_path / "empty").mkdir()

    for name in ("a.eval", "b.json", "c.eval", "d.eval", "empty", "absent.eval"):
        with pytest.raises(UsageError) as caught:
            read_inspect_ai(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_an_older_log_packed_by_deflate_is_read(tmp_path: Path) -> None:
    """inspect_ai wrote those before it turned to Zstandard."""
    with opened(EVALS[0]) as old, ZipFile(tmp_path / "old.eval", "w", ZIP_DEFLATED) as new:
        for name in old.names():
            new.writestr(name, old.read(name))

    pd.testing.assert_frame_equal(read_inspect_ai(tmp_path / "old.eval"), read_inspect_ai(EVALS[0]))


# --- promptfoo


def test_results_of_promptfoo_are_compared() -> None:
    """Repeats, which promptfoo numbers as tests, are repeats; a failed call has no score."""
    frame = read_promptfoo(LOGS / "promptfoo.json")
    run = Comparison.from_scores(frame)

    assert len(frame) == 24
    assert sorted(set(frame["prompt"])) == ["long", "short"]
    assert sorted(set(frame["model"])) == ["toy-a", "toy-b"]
    assert set(frame["input"]) == {"0", "1", "2"}
    assert set(frame["repeat"]) == {0, 1}
    assert frame["status"].value_counts().to_dict() == {"ok": 20, "error": 4}
    assert "4 of 24 calls failed and carry no score." in run.notes
    assert run.summary["cost_per_1000_usd"].tolist() == pytest.approx([0.1] * 4)
    assert set(frame["target"]) == {"positive", "negative"}


def test_a_metric_of_promptfoo_is_asked_for_by_name(tmp_path: Path) -> None:
    """`namedScores`; what is not there is one line."""
    shutil.copy(LOGS / "promptfoo.json", tmp_path / "r.json")

    with pytest.raises(UsageError, match=r"r\.json: no metric is called 'wit'; there are tone"):
        read_promptfoo(tmp_path / "r.json", score="wit")
    assert read_promptfoo(tmp_path / "r.json", score="tone")["score"].notna().sum() == 20


def result(column: int, label: str) -> dict[str, Any]:
    """Return a result of promptfoo, of the fields that matter."""
    return {"provider": {"id": "p"}, "prompt": {"label": label, "raw": label}, "score": 1,
            "promptIdx": column, "vars": {"q": 1}, "response": {"output": {"a": 1}}}  # fmt: skip


def test_prompts_that_are_called_the_same_stay_two_arms(tmp_path: Path) -> None:
    """A long label is cut to its first line; then the second is #2."""
    long = "Say it in one word, whatever it is that you are asked about here, please.\nNow: "
    document = {"results": {"results": [result(0, f"{long}a"), result(1, f"{long}b")]}}
    (tmp_path / "r.json").write_text(json.dumps(document))

    frame = read_promptfoo(tmp_path / "r.json")

    assert [len(each) for each in frame["prompt"]] == [60, 63]
    assert frame["prompt"].iloc[1].endswith(" #2")
    assert set(frame["text"]) == {'{"a": 1}'}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": {"results": []}}'])
def test_what_is_no_file_of_promptfoo_is_one_line(text: str, tmp_path: Path) -> None:
    """It says so, and names the file."""
    (tmp_path / "r.json").write_text(text)

    with pytest.raises(UsageError, match=r"r\.json has no results"):
        read_promptfoo(tmp_path / "r.json")
