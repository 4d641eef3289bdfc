"""Shared by every test: no key of the developer's, one fake clock, five simulated providers."""

import signal
import threading
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from llmlab.sim import RuleAuthor, Simulator

if threading.current_thread() is threading.main_thread():
    # A shell starts what runs in its background with SIGINT ignored, and children inherit that:
    # a test that interrupts one would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("llmlab", deadline=None)
settings.load_profile("llmlab")
"""A machine that is busy with something else is no fault of the example that it slowed down."""

ROOT = Path(__file__).parent.parent
RECORDED = ROOT.parent / "shared" / "recorded"

SLOW = frozenset({
    "test_base_urls.py", "test_batches_judged.py", "test_batches_twice.py", "test_benchmarks.py",
    "test_book_crash.py", "test_contributing.py", "test_docs_run.py", "test_exit.py",
    "test_local_server.py", "test_notebook_elsewhere.py", "test_notebook_elsewhere_loops.py",
    "test_notebook_imports.py", "test_notebook_kernel.py", "test_notebook_magics.py",
    "test_reliability_keys.py", "test_reliability_kill.py", "test_reliability_rates.py",
    "test_conversation_runs.py", "test_reality_check.py", "test_reliability_shared.py",
    "test_wire_fuzz.py",
    "test_book_chain.py::test_it_holds_with_several_processes_and_kills",
    "test_book_damage.py::test_damage_is_one_line",
    "test_book_files.py::test_kernels_may_make_the_same_book_at_once",
    "test_book_money.py::test_kernels_together_never_pass_a_limit",
    "test_book_shared.py::test_forks_amid_writers_and_readers",
    "test_book_shared.py::test_multiprocessing",
    "test_damaged_files.py::test_a_damaged_file_is_one_line",
    "test_damaged_files.py::test_a_flipped_bit_of_an_exported_parquet_is_found",
    "test_one_in_flight.py::test_a_kernel_that_dies_leaves_its_question_to_the_next",
    "test_one_in_flight.py::test_three_kernels_are_one_request",
    "test_secrets.py::test_a_notebook_that_is_run_and_saved_has_no_key_in_it",
    "test_secrets.py::test_no_traceback_shows_a_key",
    "test_stats_variance.py::test_the_limits_of_passing_every_time_hold",
    "test_stats_watched.py::test_intervals_of_a_watched_run_hold_at_every_look",
    "test_idempotency.py::test_calls_that_a_kill_cut_are_repeated_and_billed_once",
    "test_limits.py::test_four_kernels_share_a_limit_and_use_it_up",
    "test_outcomes.py::test_the_counts_add_up_everywhere",
    "test_secrets.py::test_no_error_of_a_run_has_a_key_in_its_frames",
    "test_secrets.py::test_no_object_of_a_lab_prints_a_key_at_rest_or_with_calls_under_way",
    "test_secrets.py::test_nothing_that_is_kept_or_shown_has_a_key_in_it",
    "test_stats_bounded.py::test_intervals_of_few_bounded_scores_hold",
    "test_stats_compare.py::test_the_best_of_102_arms_can_be_told_from_all_others",
    "test_stats_labels.py::test_the_number_of_looks_is_accounted_for",
    "test_stats_missing.py::test_no_sentence_contradicts_its_pair",
    "test_stats_watched.py::test_an_arm_that_is_not_the_best_is_hardly_ever_named",
    "test_stats_winner.py::test_the_corrected_interval_holds_where_the_plain_one_does_not",
})  # fmt: skip
"""Tests that start kernels and other programs, kill them, walk all objects, or simulate long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make slow` runs."""
    for item in items:
        if {item.path.name, f"{item.path.name}::{item.name.partition('[')[0]}"} & SLOW:
            item.add_marker(pytest.mark.slow)


_VARIABLES = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
    "DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL", "XAI_API_KEY", "XAI_BEARER_API_KEY",
    "XAI_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_KEY",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A key in the developer's shell must never reach a test, nor a test the word of the user."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    trust = tmp_path_factory.getbasetemp() / f"trust-{uuid.uuid4().hex}.json"
    monkeypatch.setenv("LLMLAB_TRUST_FILE", str(trust))
    prices = tmp_path_factory.getbasetemp() / f"prices-{uuid.uuid4().hex}.json"
    monkeypatch.setattr("llmlab.pricing.stored.table_path", lambda: prices)


class Clock:
    """Time that moves when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until `clock.now` is moved."""
    return Clock()


@pytest.fixture(name="simulator")
async def _simulator() -> AsyncIterator[Simulator]:
    """Five providers on loopback that answer by rule."""
    async with Simulator(author=RuleAuthor(seed=1)) as simulator:
        yield simulator


@pytest.fixture(params=["fast", "plain", "unlike"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """
    Send a test's calls each way there is.

    `fast` writes straight onto aiohttp's connections; `plain` goes through its `ClientSession`, as
    with proxies; `unlike` does so because the installed aiohttp is not as the fast way knows it.
    """
    name = str(request.param)
    if name == "plain":
        monkeypatch.setattr("llmlab.wire.session.Direct", lambda _session: None)
    if name == "unlike":
        found = ("TCPConnector.connect",)
        monkeypatch.setattr("llmlab.wire.session.differences", lambda _connector: found)
    return name
