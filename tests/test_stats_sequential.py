"""Looking early is allowed: the sequential comparison keeps its error and says when to stop."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.errors import UsageError
from llmlab.stats.race import PairedRace
from llmlab.stats.sequential import PairedSequence, stop_when_clear

gaps = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=80)


def test_peeking_after_every_input_keeps_the_error() -> None:
    """Of 400 A/A runs watched at each of 300 inputs no more than alpha end in a false claim."""
    rng = np.random.default_rng(20)
    draws = rng.choice([-1.0, 0.0, 1.0], p=[0.2, 0.6, 0.2], size=(400, 300))

    false = 0
    for run in draws:
        sequence = PairedSequence(alpha=0.05)
        sequence.feed(run)
        false += sequence.clear

    assert false / 400 <= 0.05


def test_the_interval_holds_the_mean_at_every_look() -> None:
    """The running interval misses a skewed true mean in at most alpha of the runs."""
    rng = np.random.default_rng(21)
    missed = 0
    for _ in range(150):
        sequence = PairedSequence(alpha=0.1)
        sequence.feed(rng.choice([-0.2, 1.0], p=[0.75, 0.25], size=200))
        interval = sequence.interval()
        missed += not interval.low <= 0.1 <= interval.high

    assert missed / 150 <= 0.1


@given(values=gaps)
@settings(max_examples=30)
def test_blocks_and_single_inputs_are_the_same(values: list[float]) -> None:
    """Fed one by one or all at once, the state is the same."""
    one, block = PairedSequence(), PairedSequence()

    for value in values:
        one.feed(value)
    block.feed(values)

    assert one.clear_at == block.clear_at
    assert one.interval().low == pytest.approx(block.interval().low)
    assert one.interval().high == pytest.approx(block.interval().high)


@given(values=gaps)
@settings(max_examples=30)
def test_swapping_arms_mirrors_the_interval(values: list[float]) -> None:
    """B against A is A against B with the sign turned."""
    one, other = PairedSequence(), PairedSequence()

    one.feed(values)
    other.feed([-value for value in values])

    assert one.clear == other.clear
    assert one.interval().low == pytest.approx(-other.interval().high)
    assert one.interval().high == pytest.approx(-other.interval().low)


@given(values=gaps, more=gaps)
@settings(max_examples=30)
def test_the_interval_never_widens(values: list[float], more: list[float]) -> None:
    """Each look keeps what the looks before have excluded."""
    sequence = PairedSequence()
    sequence.feed(values)
    before = sequence.interval()

    sequence.feed(more)

    after = sequence.interval()
    assert after.low >= before.low - 1e-9
    assert after.high <= before.high + 1e-9


@given(values=gaps)
@settings(max_examples=30)
def test_clear_says_what_the_interval_says(values: list[float]) -> None:
    """It is clear exactly when zero lies outside of the interval."""
    sequence = PairedSequence(alpha=0.4)

    sequence.feed(values)

    interval = sequence.interval()
    assert sequence.clear == (not interval.low <= 0.0 <= interval.high)


def test_more_comparisons_need_more_proof() -> None:
    """Fifteen pairs share alpha, so each of them takes longer."""
    alone, shared = PairedSequence(), PairedSequence(comparisons=15)

    for sequence in (alone, shared):
        sequence.feed([1.0] * 40)

    assert alone.clear_at is not None
    assert shared.clear_at is not None
    assert alone.clear_at < shared.clear_at


def test_other_units_are_scaled_by_their_bound() -> None:
    """Scores of 0 to 10 with bound 10 give ten times the interval of scores of 0 to 1."""
    unit, ten = PairedSequence(), PairedSequence(bound=10.0)
    values = np.array([0.3, -0.1, 0.4, 0.2])

    unit.feed(values)
    ten.feed(10.0 * values)

    assert ten.mean == pytest.approx(10.0 * unit.mean)
    assert ten.interval().high == pytest.approx(10.0 * unit.interval().high)


def test_failed_calls_are_passed_over() -> None:
    """NaN is no look."""
    sequence = PairedSequence()

    sequence.feed([np.nan, 0.5, np.nan])
    sequence.feed(np.nan)

    assert sequence.inputs == 1


def test_before_the_first_input_nothing_is_known() -> None:
    """An empty sequence has the whole range and is not clear."""
    sequence = PairedSequence()

    interval = sequence.interval()

    assert (interval.low, interval.high, sequence.clear) == (-1.0, 1.0, False)
    assert np.isnan(sequence.mean)


def test_stopping_draws_nothing_more() -> None:
    """After the stop no further call is made."""
    drawn = []

    def calls() -> Iterator[float]:
        for place in range(1_000):
            drawn.append(place)
            yield 1.0

    stopped = stop_when_clear(calls())

    assert stopped.clear
    assert stopped.inputs == len(drawn) < 20
    assert stopped.interval.low > 0.0


def test_an_unclear_comparison_runs_to_the_end() -> None:
    """No difference, no early stop."""
    stopped = stop_when_clear([0.0] * 50)

    assert (stopped.inputs, stopped.clear, stopped.mean) == (50, False, 0.0)


def test_a_least_number_of_inputs_is_always_taken() -> None:
    """`least` holds even when it is clear before."""
    stopped = stop_when_clear([1.0] * 100, least=60)

    assert stopped.inputs == 60


def test_a_race_ends_when_one_arm_is_clear_of_all() -> None:
    """The arm that is always right leads once both others are behind; not before."""
    arms = [("a", "m"), ("b", "m"), ("c", "m")]
    race = PairedRace(arms)
    rng = np.random.default_rng(0)

    first = race.leader
    for _ in range(100):
        others = rng.random(2) < 0.4
        race.feed({arms[0]: float(others[0]), arms[1]: 1.0, arms[2]: float(others[1])})

    assert first is None
    assert race.leader == arms[1]


def test_the_loser_never_leads() -> None:
    """Clear is not enough: the leader is the arm with the higher scores."""
    race = PairedRace([("worse", "m"), ("better", "m")])

    for _ in range(30):
        race.feed({("worse", "m"): 0.0, ("better", "m"): 1.0})

    assert race.leader == ("better", "m")


def test_an_input_that_lacks_a_score_of_an_arm_is_no_look() -> None:
    """Arms are ranked on the inputs that all of them have, and so they are watched."""
    arms = [("a", "m"), ("b", "m"), ("c", "m")]
    whole, torn = PairedRace(arms), PairedRace(arms)

    for place in range(20):
        scores = dict(zip(arms, (1.0, 0.0, 0.0), strict=True))
        whole.feed(scores)
        torn.feed(scores if place % 2 else {arms[0]: 1.0, arms[1]: 0.0})

    assert whole.leader == arms[0]
    assert torn.leader is None


def test_differences_out_of_range_are_refused() -> None:
    """A score that is not in [0, 1] needs its bound, and the error says so."""
    with pytest.raises(UsageError, match="bound"):
        PairedSequence().feed(3.0)
    with pytest.raises(UsageError, match="at least two arms"):
        PairedRace([("a", "m")])
