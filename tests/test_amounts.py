"""Numbers that decide about money or waiting are checked where they are read, from any source."""

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab import Lab
from llmlab.checks.amounts import DOLLARS, Allowed
from llmlab.errors import ConfigError, UsageError
from llmlab.notebook.parsing import _said
from llmlab.settings import Sourced

NUMBERS = ("deadline", "attempts", "max_in_flight", "per_provider", "tier_local", "tier_api")
MONEY = tuple(f"budget.{word}" for word in ("call", "run", "day", "total"))
RATES = ("limits.openai.rpm", "limits.openai.tpm")
PRICES = ("prices.openai/x.input", "prices.openai/x.output")
ENTRIES = (*NUMBERS, *MONEY, *RATES, *PRICES)
SENSELESS: tuple[Any, ...] = (
    -1, -0.5, math.nan, math.inf, -math.inf, True, False, 1e300, 10**400, 10**5000,
    Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal(-1), np.float64("nan"),
    np.float32(-1), np.bool_(True), np.array([1.0]), "nan", "inf", "-1", "1e999", "lots", "",
    "1_000", "$5", [1], 1j, object(),
)  # fmt: skip


def nested(entry: str, value: object) -> dict[str, object]:
    """Return `{"budget": {"day": value}}` for `budget.day`."""
    first, *rest = entry.split(".")
    for word in reversed(rest):
        value = {word: value}
    return {first: value}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_senseless_number_is_one_line(entry: str) -> None:
    """The line has source, entry and what is allowed; none is taken for "no limit"."""
    for value in SENSELESS:
        with pytest.raises(ConfigError) as caught:
            Sourced.read(arguments=nested(entry, value))

        line = str(caught.value)
        assert line.startswith(f"argument: {entry} is ")
        assert "; it must be a " in line
        assert "\n" not in line
        assert len(line) < 250


@pytest.mark.parametrize("entry", [*NUMBERS, *RATES])
def test_zero_is_refused_where_it_makes_no_sense(entry: str) -> None:
    """No attempts, no permits, no seconds: nothing would ever be sent."""
    with pytest.raises(ConfigError, match="is 0; it must be"):
        Sourced.read(arguments=nested(entry, 0))


@pytest.mark.parametrize("entry", [*MONEY, *PRICES])
def test_zero_dollars_make_sense(entry: str) -> None:
    """A limit of nothing, a price of nothing."""
    Sourced.read(arguments=nested(entry, 0))


@pytest.mark.parametrize("text", ["nan", "-nan", "inf", "-inf", "-1", "-0.01", "true", '"nan"'])
def test_toml_is_checked(tmp_path: Path, text: str) -> None:
    """`nan` and `inf` are legal TOML; the file is named, even where a later source wins."""
    (tmp_path / "llmlab.toml").write_text(f"[budget]\nday = {text}\n")

    with pytest.raises(ConfigError, match=r"^llmlab\.toml: budget\.day is "):
        Sourced.read(folder=tmp_path, arguments={"budget": {"day": 5.0}})


@pytest.mark.parametrize("text", ["nan", "-1", "inf", "Infinity", "1e400", "five"])
def test_the_environment_is_checked(text: str) -> None:
    """A text of the environment is held against the same bounds."""
    with pytest.raises(ConfigError, match=r"^environment: budget\.run is '"):
        Sourced.read(env={"LLMLAB_BUDGET_RUN": text})


@pytest.mark.parametrize("entry", ["budget", "limits", "limits.openai", "prices"])
def test_a_table_that_is_a_number_says_how_one_looks(entry: str) -> None:
    """`budget=5` is a common slip."""
    with pytest.raises(ConfigError, match=rf"{entry} is 5; it must be a table, such as \{{"):
        Sourced.read(arguments=nested(entry, 5))


@pytest.mark.parametrize(
    "value",
    [Decimal("0.25"), Fraction(1, 4), np.float64(0.25), np.float32(0.25), np.float16(0.25), "0.25"],
    ids=lambda value: type(value).__name__,
)
def test_money_of_any_numeric_type_is_taken(value: object) -> None:
    """Decimal and NumPy scalars are the dollars they say."""
    assert Sourced.read(arguments={"budget": {"day": value}}).settings.budget.day == 0.25
    assert type(DOLLARS.read(value, "budget")) is float


def test_a_tenth_of_any_width_is_a_tenth() -> None:
    """A float32 of 0.1 is not 0.10000000149 dollars."""
    assert [DOLLARS.read(kind(0.1), "x") for kind in (np.float16, np.float32, str)] == [0.1] * 3


@given(st.floats() | st.integers() | st.decimals() | st.fractions() | st.booleans() | st.text())
def test_what_is_read_is_within_bounds(value: object) -> None:
    """Whatever is given, what comes back is a finite number that is allowed, or one line."""
    allowed = Allowed(low=1, high=100, whole=True)
    said = []
    try:
        read = allowed.read(value, "x")
    except UsageError as error:
        read, said = 1, str(error).splitlines()
    assert type(read) is int
    assert 1 <= read <= 100
    assert len(said) <= 1


@pytest.fixture
def lab() -> Any:
    """A lab of stand-ins."""
    with Lab(book=None, mode="stand-in", env={}) as made:
        yield made


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, True, {"run": 1}, "lots"])
def test_a_run_s_budget_is_checked_before_anything_is_sent(lab: Lab, value: Any) -> None:
    """`lab.abtest(budget=nan)` would have been a run without a limit."""
    with pytest.raises(UsageError, match=r"budget is .*; it must be a number of dollars from 0"):
        lab.abtest({"A": "hi"}, "gpt", budget=value, quiet=True)
    assert not len(lab.spend())


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("deadline", [0, -1, math.nan, math.inf, True, "soon"]),
        ("repeat", [-1, 0.5, True, math.nan]),
        ("max_tokens", ["5", math.nan, True, 0, -1, 2.5]),
    ],
)
@pytest.mark.parametrize("model", ["gpt", "deepseek-think"])
def test_a_question_s_numbers_are_checked(
    lab: Lab, option: str, values: list[Any], model: str
) -> None:
    """A deadline of 0 was taken for the default, NaN for none."""
    for value in values:
        with pytest.raises(UsageError, match=option):
            lab.ask("hi", model, **{option: value})


@pytest.mark.parametrize("value", [0, -1, 2.5, True, math.nan, 10**9, "two"])
def test_repeats_are_a_count(lab: Lab, value: Any) -> None:
    """Half a repeat, or a thousand million, is refused with what is allowed."""
    with pytest.raises(UsageError, match=r"repeats is .*; it must be a whole number from 1"):
        lab.abtest({"A": "hi"}, "gpt", repeats=value, quiet=True)


def test_a_magic_takes_money_of_any_numeric_type() -> None:
    """`%%abtest --budget {dollars}` with a Decimal or a NumPy scalar."""
    names = {"a": Decimal("0.5"), "b": np.float32(0.1), "c": np.int64(3)}

    assert [_said(f"{{{name}}}", names) for name in names] == [["0.5"], ["0.1"], ["3"]]
