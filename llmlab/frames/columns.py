"""The columns of `run.rows`: one line each, with dtype, unit and meaning."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from llmlab.records import Answer, Failure, Outcome, Row, Usage


@dataclass(frozen=True, slots=True)
class Column:
    """A promise about one column; `read` takes it out of a row."""

    name: str
    dtype: str
    unit: str
    meaning: str
    read: Callable[[Row], object]


def _of_answer(name: str) -> Callable[[Row], object]:
    def read(row: Row) -> object:
        return getattr(row.outcome, name) if isinstance(row.outcome, Answer) else None

    return read


def _of_usage(name: str) -> Callable[[Row], object]:
    def read(row: Row) -> object:
        return getattr(row.outcome.usage, name) if isinstance(row.outcome, Answer) else None

    return read


def _of_outcome(name: str) -> Callable[[Row], object]:
    return lambda row: getattr(row.outcome, name)


def _seconds(name: str) -> Callable[[Row], float]:
    def read(row: Row) -> float:
        value = getattr(row.outcome, name, None)
        return math.nan if value is None else float(value)

    return read


def _dollars(name: str) -> Callable[[Row], float]:
    """Unknown is NaN, never 0."""

    def read(row: Row) -> float:
        value: Decimal | None = getattr(row.outcome, name, None)
        return math.nan if value is None else float(value)

    return read


def _status(row: Row) -> str:
    return "ok" if isinstance(row.outcome, Answer) else "error"


def _error(row: Row) -> str | None:
    if isinstance(row.outcome, Failure):
        return f"{row.outcome.kind}: {row.outcome.message}"
    return row.score_error or None


def _text(row: Row) -> str | None:
    return row.outcome.text if isinstance(row.outcome, Answer) else row.outcome.partial or None


def _cost_is(row: Row) -> str | None:
    """How a cost is to be taken: paid, free, simulated, or from an answer already paid for."""
    outcome: Outcome = row.outcome
    if outcome.cost is None:
        return "unpriced"
    if outcome.backend == "stand-in":
        return "simulated"
    usage = outcome.usage if isinstance(outcome, Answer) else Usage()
    return "estimated" if usage.estimated else "exact"


def _started(row: Row) -> datetime | None:
    at = row.outcome.started_at
    return datetime.fromtimestamp(at, tz=UTC) if at else None


def _finish(row: Row) -> str:
    return row.outcome.finish if isinstance(row.outcome, Answer) else "error"


def _warnings(row: Row) -> str | None:
    return "; ".join(row.outcome.warnings) or None if isinstance(row.outcome, Answer) else None


_INT = "Int64"
_TIME = "datetime64[ns, UTC]"

COLUMNS: Final[tuple[Column, ...]] = (
    Column("run", "category", "", "name of the run", lambda r: r.run),
    Column("prompt", "category", "", "name of the prompt", lambda r: r.request.prompt.name),
    Column(
        "prompt_version",
        "category",
        "",
        "declared version and content hash",
        lambda r: r.request.prompt.version,
    ),
    Column("label", "category", "", "the model as it was called", lambda r: r.request.label),
    Column("model", "category", "", "provider/model as asked", lambda r: r.request.name),
    Column("provider", "category", "", "who was asked", lambda r: r.request.provider),
    Column("backend", "category", "", "live, local or stand-in", _of_outcome("backend")),
    Column("answered_by", "category", "", "model as the provider reported", _of_answer("model")),
    Column("input_id", "string", "", "index label of the input", lambda r: r.input_id),
    Column("repeat", "int64", "", "number of the repeat, from 0", lambda r: r.request.repeat),
    Column("status", "category", "", "ok or error", _status),
    Column("finish", "category", "", "why the model stopped", _finish),
    Column("error", "string", "", "kind and message of a failure", _error),
    Column("text", "string", "", "the answer", _text),
    Column(
        "score",
        "float64",
        "",
        "higher is better; NaN when failed or unscored",
        lambda r: math.nan if r.score is None else r.score,
    ),
    Column("input_tokens", _INT, "tokens", "whole prompt, cached included", _of_usage("input")),
    Column("cached_tokens", _INT, "tokens", "part of input read from a cache", _of_usage("cached")),
    Column("cache_write_tokens", _INT, "tokens", "part of input written", _of_usage("cache_write")),
    Column(
        "reasoning_tokens", _INT, "tokens", "part of output for reasoning", _of_usage("reasoning")
    ),
    Column("output_tokens", _INT, "tokens", "answer, reasoning included", _of_usage("output")),
    Column("cost_usd", "float64", "USD", "NaN when no price is known", _dollars("cost")),
    Column("cost_is", "category", "", "exact, estimated, simulated or unpriced", _cost_is),
    Column("billed_usd", "float64", "USD", "as the provider stated it", _dollars("billed")),
    Column("price_basis", "category", "", "price table and date", _of_answer("price_basis")),
    Column("latency_s", "float64", "s", "the attempt that succeeded", _seconds("latency")),
    Column("ttft_s", "float64", "s", "to the first content, when streamed", _seconds("ttft")),
    Column("queued_s", "float64", "s", "waiting in llmlab's own queue", _seconds("queued")),
    Column("attempts", "int64", "", "attempts made", _of_outcome("attempts")),
    Column("started_at", _TIME, "", "when that attempt was sent", _started),
    Column("from_book", "boolean", "", "answered by the book", _of_answer("from_book")),
    Column("request_id", "string", "", "the provider's id", _of_outcome("request_id")),
    Column("request_hash", "string", "", "identity by content", lambda r: r.request_hash),
    Column("warnings", "string", "", "what to know about this answer", _warnings),
)
