"""Rows as a DataFrame: columns as declared whatever became of a call, in and out of files."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.errors import UsageError
from llmlab.frames import COLUMNS, read_rows, to_frame
from llmlab.frames.columns import RENAMED
from llmlab.frames.reprice import repriced
from llmlab.frames.wide import wide
from llmlab.pricing import Prices
from llmlab.records import Answer, Failure, Outcome, Prompt, Request, Row, Usage
from llmlab.stats import Arm, Pair
from llmlab.stats.page import ARM_COLUMNS, PAIR_COLUMNS, page
from tests.conftest import ROOT

AT = datetime(2026, 11, 2, 12, 0, 0, 123456, tzinfo=UTC)


def _answer(text: str = "positive", **changes: object) -> Answer:
    usage = Usage(input=1000, cached=200, output=50, reasoning=None)
    known = {"model": "gpt-6-luna", "provider": "openai", "finish": "stop", "usage": usage,
             "cost": Decimal("0.001"), "latency": 0.5, "started_at": AT.timestamp()}  # fmt: skip
    return Answer(text=text, **{**known, **changes})  # type: ignore[arg-type]


def _row(
    outcome: Outcome, input_id: str = "a", prompt: str = "p", label: str = "gpt", **changes: object
) -> Row:
    request = Request(
        provider="openai", model="gpt-6-luna", label=label, prompt=Prompt(name=prompt, user="u"),
        repeat=int(changes.pop("repeat", 0)),  # type: ignore[call-overload]
    )  # fmt: skip
    return Row(
        run="r", request=request, request_hash="h", input_id=input_id, outcome=outcome,
        **changes,  # type: ignore[arg-type]
    )  # fmt: skip


def _failure(**changes: object) -> Failure:
    return Failure(kind="CutOff", message="ended early", partial="pos", **changes)  # type: ignore[arg-type]


def test_every_column_has_the_dtype_it_promises() -> None:
    """With rows, with failures only, and without any row. # R-31."""
    dtypes = {column.name: column.dtype for column in COLUMNS}

    for rows in ([_row(_answer()), _row(_failure())], [_row(_failure())], []):
        frame = to_frame(rows)
        assert list(frame.columns) == list(dtypes)
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dtypes


def test_a_failed_call_has_missing_values_not_zeros() -> None:
    """What it would have said, used and cost is unknown; what came of its stream is kept."""
    line = to_frame([_row(_answer()), _row(_failure())]).iloc[1]

    assert line["status"] == line["finish_reason"] == "error"
    assert line["error"] == "CutOff: ended early"
    assert line["text"] == "pos"
    unknown = ["input_tokens", "output_tokens", "cost_usd", "response_model", "from_book", "said"]
    assert line[unknown].isna().all()


def test_what_a_broken_stream_cost_is_an_estimate() -> None:
    """A failed call that cost something is never said to be exact; a free one has no price."""
    lost = _failure(cost=Decimal("0.0004"))
    acted = _failure(cost=Decimal("0.0004"), backend="stand-in")

    frame = to_frame([_row(_answer()), _row(lost), _row(acted), _row(_failure())])

    assert list(frame["cost_status"]) == ["exact", "estimated", "simulated", "unpriced"]


def test_values_arrive_unchanged() -> None:
    """Times to the microsecond, dollars, tokens, and what the score left as a note."""
    line = to_frame(
        [_row(_answer(), score=0.25, score_error="odd")],
        {"target": ["positive"], "said": ["up"], "block": [7], "as_of": [AT.timestamp()],
         "before_cutoff": [True], "cluster": ["d1"]},
    ).iloc[0]  # fmt: skip

    assert line["started_at"] == line["as_of"] == pd.Timestamp(AT)
    assert (line["cost_usd"], line["input_tokens"], line["cached_tokens"]) == (0.001, 1000, 200)
    assert (line["score"], line["error"], line["model"]) == (0.25, "odd", "openai/gpt-6-luna")
    assert (line["target"], line["said"], line["block"], line["cluster"]) == (
        "positive", "up", 7, "d1"
    )  # fmt: skip
    assert line["before_cutoff"]


def test_what_is_beside_must_be_one_a_row() -> None:
    """A list of another length is a slip, not a shifted column."""
    with pytest.raises(UsageError, match="'said' has 2 values for 1 rows"):
        to_frame([_row(_answer())], {"said": ["a", "b"]})


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@settings(max_examples=40)
@given(st.lists(st.one_of(_TEXTS, st.none()), min_size=1, max_size=6))
def test_rows_survive_parquet_and_csv(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str | None]
) -> None:
    """Whatever a model says, NA and quotes and line ends included: the frame comes back equal."""
    folder = tmp_path_factory.mktemp("rows")
    outcomes = [_failure() if text is None else _answer(text) for text in texts]
    before = [True, None, False, True, None, True][: len(texts)]
    frame = to_frame(
        [_row(each, str(at), score=0.5) for at, each in enumerate(outcomes)],
        {"before_cutoff": before, "as_of": [AT.timestamp()] * len(texts)},
    )

    frame.to_parquet(folder / "rows.parquet", index=False)
    frame.to_csv(folder / "rows.csv", index=False, lineterminator="\n")

    pd.testing.assert_frame_equal(read_rows(folder / "rows.parquet"), frame)
    pd.testing.assert_frame_equal(read_rows(folder / "rows.csv"), frame)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [("a.csv", None, "no such file"), ("a.txt", "x", "from .csv or .parquet"),
     ("a.csv", "x,y\n1,2\n", "has no rows of a run")],
)  # fmt: skip
def test_a_file_that_has_no_rows_is_one_line(
    tmp_path: Path, name: str, text: str | None, says: str
) -> None:
    """The line says what was expected."""
    if text is not None:
        (tmp_path / name).write_text(text)

    with pytest.raises(UsageError, match=says):
        read_rows(tmp_path / name)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_export_with_the_names_of_before_is_read(tmp_path: Path, suffix: str) -> None:
    """Its columns come under the names of now, and one line says which."""
    before = {new: old for old, new in RENAMED.items()}
    frame = to_frame([_row(_answer(), "a"), _row(_failure(), "b")])
    path = tmp_path / f"rows.{suffix}"
    old = frame.rename(columns=before)
    if suffix == "csv":
        old.to_csv(path, index=False)
    else:
        old.to_parquet(path)

    with pytest.warns(FutureWarning, match=r"cost_is is now cost_status, finish is now"):
        found = read_rows(path)

    pd.testing.assert_frame_equal(found[list(before)], frame[list(before)])


def test_the_page_of_columns_is_current() -> None:
    """docs/columns.md is what the tables say, and they name every column there is."""
    assert (ROOT / "docs" / "columns.md").read_text() == page()
    assert list(ARM_COLUMNS) == list(Arm.__dataclass_fields__)
    assert list(PAIR_COLUMNS) == list(Pair.__dataclass_fields__)


def test_answers_stand_side_by_side() -> None:
    """One line an input, one column an arm, the target first; a gap where a call failed. # R-32."""
    rows = [_row(_answer(f"{prompt}{each}"), each, prompt) for each in "ba" for prompt in "pq"]
    rows[0] = _row(Failure(kind="x", message="y"), "b", "p")
    frame = to_frame(rows, {"target": ["tb", "tb", "ta", "ta"]})

    table = wide(frame)

    assert list(table.index) == ["a", "b"]
    assert table[("target", "")].tolist() == ["ta", "tb"]
    assert table[("q", "gpt")].tolist() == ["qa", "qb"]
    assert table[("p", "gpt")].isna().tolist() == [False, True]
    with pytest.raises(UsageError, match="no column 'txt'"):
        wide(frame, "txt")


def test_repeats_are_lines_of_their_own() -> None:
    """The repeat is in the index once there are several; an A/A arm numbers from elsewhere."""
    rows = [_row(_answer(f"{n}"), "a", repeat=n) for n in (1, 0)]
    again = [_row(_answer(f"again {n}"), "a", "p again", repeat=n) for n in (3, 2)]

    table = wide(to_frame([*rows, *again]))

    assert table.index.names == ["input_id", "repeat"]
    assert table.shape == (2, 2)


# ---- other prices -------------------------------------------------------------------------

_PRICES = {"openai/gpt-6-luna": {"input": 1.0, "cached": 0.1, "output": 10.0}}


def _prices() -> Prices:
    return Prices({**_PRICES, "openai/other": {"input": 2.0, "cached": 2.0, "output": 20.0}})


@pytest.mark.parametrize(
    ("how", "dollars"),
    [
        ({}, (800 * 1.0 + 200 * 0.1 + 50 * 10.0) / 1e6),
        ({"cache": False}, (1000 * 1.0 + 50 * 10.0) / 1e6),
        ({"model": "openai/other"}, (1000 * 2.0 + 50 * 20.0) / 1e6),
        ({"model": {"gpt": "openai/other"}}, (1000 * 2.0 + 50 * 20.0) / 1e6),
        ({"model": "openai/nobody-knows"}, float("nan")),
        ({"at": "2026-01-01"}, (800 * 1.0 + 200 * 0.1 + 50 * 10.0) / 1e6),
    ],
    ids=str,
)
def test_rows_are_priced_again_from_their_tokens(how: dict[str, object], dollars: float) -> None:
    """Other model, no cache, other date; what has no price is NaN. # R-42."""
    found = repriced(to_frame([_row(_answer())]), _prices(), **how)  # type: ignore[arg-type]

    assert found["cost_usd"].tolist() == pytest.approx([dollars], nan_ok=True)
    assert found["cost_status"].tolist() == ["unpriced" if dollars != dollars else "repriced"]  # noqa: PLR0124 - NaN


def test_a_date_that_is_none_is_one_line() -> None:
    """The line shows how a date is written."""
    with pytest.raises(UsageError, match="write it as 2026-03-01"):
        repriced(to_frame([_row(_answer())]), _prices(), at="March")
