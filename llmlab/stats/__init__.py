"""In: a DataFrame, one row a call. Out: small frozen records of numbers."""

from llmlab.stats.agreement import Agreement, alpha, kappa
from llmlab.stats.arms import Arm, arms
from llmlab.stats.calibration import Calibration, calibration
from llmlab.stats.compact_letters import compact_letters
from llmlab.stats.cuped import Cuped, cuped
from llmlab.stats.deflation import Deflated, best_of, deflate, deflated_sharpe, expected_max
from llmlab.stats.equivalence import Equivalence, equivalence
from llmlab.stats.frontier import BreakEven, FrontierPoint, break_even, frontier
from llmlab.stats.intervals import (
    Interval,
    bootstrap_quantile,
    cluster_interval,
    quantile_interval,
    t_interval,
    wilson,
)
from llmlab.stats.multiple import holm
from llmlab.stats.paired import Pair, pairs
from llmlab.stats.planning import SamplePlan, inputs_needed, plan
from llmlab.stats.power import detectable
from llmlab.stats.prediction_powered import Powered, powered
from llmlab.stats.race import PairedRace
from llmlab.stats.sequential import PairedSequence, StoppedEarly, stop_when_clear
from llmlab.stats.sequential_pairs import looked_arms, looked_pairs
from llmlab.stats.verdict import Verdict, verdict
from llmlab.stats.winner import Winner, winner

__all__ = [
    "Agreement",
    "Arm",
    "BreakEven",
    "Calibration",
    "Cuped",
    "Deflated",
    "Equivalence",
    "FrontierPoint",
    "Interval",
    "Pair",
    "PairedRace",
    "PairedSequence",
    "Powered",
    "SamplePlan",
    "StoppedEarly",
    "Verdict",
    "Winner",
    "alpha",
    "arms",
    "best_of",
    "bootstrap_quantile",
    "break_even",
    "calibration",
    "cluster_interval",
    "compact_letters",
    "cuped",
    "deflate",
    "deflated_sharpe",
    "detectable",
    "equivalence",
    "expected_max",
    "frontier",
    "holm",
    "inputs_needed",
    "kappa",
    "looked_arms",
    "looked_pairs",
    "pairs",
    "plan",
    "powered",
    "quantile_interval",
    "stop_when_clear",
    "t_interval",
    "verdict",
    "wilson",
    "winner",
]
