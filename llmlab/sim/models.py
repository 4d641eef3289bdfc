"""
Which models the simulated providers have, and what each accepts, as of 2026-11-22.

Kept apart from llmlab's own catalogue on purpose: a mistake there must meet a server that
does not share it. Prices are here only for xAI, whose replies state the charge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

Sampling: TypeAlias = Literal["yes", "default-only", "effort-none", "never"]
"""When a model takes `temperature` and its kin: always, only at the default value, only
while it does not reason, or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRates:
    """Dollars per million tokens; above `threshold` prompt tokens all of them double."""

    input: str
    cached: str
    output: str
    threshold: int = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedModel:
    """One model of one provider."""

    id: str
    answers_as: str = ""
    """The name its answers carry; empty when it is the id."""
    context: int
    max_output: int = 128_000
    sampling: Sampling = "yes"
    efforts: tuple[str, ...] = ()
    """Reasoning efforts it accepts; the first is the default."""
    thinking: tuple[str, ...] = ()
    """Accepted `thinking.type`s; the first is what holds when it is left out."""
    prefill: bool = True
    dies: str = ""
    rates: SimulatedRates | None = None

    @property
    def reported(self) -> str:
        """The model name in an answer."""
        return self.answers_as or self.id

    def alive(self, now: float) -> bool:
        """Say whether the model is still served at Unix time `now`."""
        return (
            not self.dies or now < datetime.fromisoformat(self.dies).replace(tzinfo=UTC).timestamp()
        )


_ALL = ("low", "medium", "high", "xhigh", "max")
_GPT6 = ("medium", "none", "low", "high", "xhigh", "max")
_GPT54 = ("none", "low", "medium", "high", "xhigh")
_GPT5 = ("medium", "minimal", "low", "high")


def _gpt(
    name: str, sampling: Sampling = "effort-none", efforts: tuple[str, ...] = _GPT6,
    *, context: int = 1_050_000, dies: str = "", answers_as: str = "",
) -> SimulatedModel:  # fmt: skip
    return SimulatedModel(
        id=name, context=context, sampling=sampling, efforts=efforts,
        dies=dies, answers_as=answers_as,
    )  # fmt: skip


OPENAI = (
    _gpt("gpt-6-luna"), _gpt("gpt-6-sol"), _gpt("gpt-6-astra"), _gpt("gpt-6.1-sol"),
    _gpt("gpt-6.1-terra"), _gpt("gpt-6.2-astra"), _gpt("gpt-6.2-sol"),
    _gpt("gpt-5.6-luna"), _gpt("gpt-5.6-terra"), _gpt("gpt-5.6-sol"),
    _gpt("gpt-5.5", context=1_000_000),
    _gpt("gpt-5.4", efforts=_GPT54),
    _gpt("gpt-5.4-mini", efforts=_GPT54, context=400_000),
    _gpt("gpt-5.4-nano", efforts=_GPT54, context=400_000, dies="2027-04-01"),
    _gpt("gpt-5.2", efforts=_GPT54, context=400_000),
    _gpt("gpt-5.1", efforts=_GPT54[:4], context=400_000, dies="2027-04-01"),
    _gpt("gpt-5", "never", _GPT5, context=400_000, dies="2026-12-11",
         answers_as="gpt-5-2025-08-07"),
    _gpt("gpt-5-mini", "never", _GPT5, context=400_000, dies="2026-12-11",
         answers_as="gpt-5-mini-2025-08-07"),
    _gpt("gpt-5-nano", "never", _GPT5, context=400_000, dies="2026-12-11",
         answers_as="gpt-5-nano-2025-08-07"),
    _gpt("o3", "never", ("medium", "low", "high"), context=200_000, dies="2026-12-11",
         answers_as="o3-2025-04-16"),
    _gpt("gpt-4.1", "yes", (), context=1_000_000, dies="2027-01-14",
         answers_as="gpt-4.1-2025-04-14"),
    _gpt("gpt-4.1-mini", "yes", (), context=1_000_000, dies="2027-01-14",
         answers_as="gpt-4.1-mini-2025-04-14"),
    _gpt("gpt-4o", "yes", (), context=128_000, dies="2027-01-14",
         answers_as="gpt-4o-2024-08-06"),
    _gpt("gpt-4o-mini", "yes", (), context=128_000, dies="2027-01-14",
         answers_as="gpt-4o-mini-2024-07-18"),
    _gpt("gpt-4", "yes", (), context=8192, dies="2026-10-23"),
    _gpt("gpt-4-turbo", "yes", (), context=128_000, dies="2026-10-23"),
    _gpt("gpt-3.5-turbo", "yes", (), context=16_385, dies="2026-10-23"),
    _gpt("gpt-4.1-nano", "yes", (), context=1_000_000, dies="2026-10-23"),
    _gpt("o1", "never", ("medium", "low", "high"), context=200_000, dies="2026-10-23"),
    _gpt("o3-mini", "never", ("medium", "low", "high"), context=200_000, dies="2026-10-23"),
    _gpt("o4-mini", "never", ("medium", "low", "high"), context=200_000, dies="2026-10-23"),
)  # fmt: skip

_OFF = ("disabled", "adaptive")


def _claude(
    name: str, sampling: Sampling, thinking: tuple[str, ...],
    efforts: tuple[str, ...] = ("high", "low", "medium", "xhigh", "max"),
    *, prefill: bool = True,
) -> SimulatedModel:  # fmt: skip
    return SimulatedModel(
        id=name, context=1_000_000, sampling=sampling, thinking=thinking,
        efforts=efforts, prefill=prefill,
    )  # fmt: skip


_MEDIUM = ("medium", "low", "high", "xhigh", "max")
_ALWAYS = ("adaptive",)
_ON = ("adaptive", "disabled")

ANTHROPIC = (
    SimulatedModel(id="claude-haiku-4-5", answers_as="claude-haiku-4-5-20251001", context=200_000,
          max_output=64_000, thinking=("disabled", "enabled")),
    SimulatedModel(id="claude-sonnet-4-5", answers_as="claude-sonnet-4-5-20250929", context=1_000_000,
          max_output=64_000, thinking=("disabled", "enabled"), dies="2026-11-30"),
    _claude("claude-sonnet-4-6", "yes", (*_OFF, "enabled"), ("high", "low", "medium", "max")),
    _claude("claude-opus-4-6", "yes", (*_OFF, "enabled"), ("high", "low", "medium", "max")),
    _claude("claude-opus-4-7", "default-only", _OFF),
    _claude("claude-opus-4-8", "default-only", _OFF),
    _claude("claude-sonnet-5", "default-only", _ON),
    _claude("claude-opus-5", "default-only", _ON),
    _claude("claude-sonnet-5-5", "never", ("adaptive", "between_tools"), prefill=False),
    _claude("claude-opus-5-5", "never", _ALWAYS, _MEDIUM, prefill=False),
    _claude("claude-haiku-5-5", "never", _ON, _MEDIUM, prefill=False),
    *(_claude(name, "never", _ALWAYS, prefill=False) for name in (
        "claude-fable-5", "claude-fable-5-1", "claude-fable-5-2",
        "claude-mythos-5", "claude-mythos-5-1", "claude-mythos-5-2")),
    SimulatedModel(id="claude-opus-4-0", context=200_000, dies="2026-06-15"),
    SimulatedModel(id="claude-sonnet-4-0", context=200_000, dies="2026-06-15"),
)  # fmt: skip

DEEPSEEK = (
    SimulatedModel(id="deepseek-flash", context=1_048_565, max_output=384_000),
    SimulatedModel(id="deepseek-v4-flash", answers_as="deepseek-flash", context=1_048_565,
          max_output=384_000),
    SimulatedModel(id="deepseek-v4-pro", context=1_048_565, max_output=384_000),
    SimulatedModel(id="deepseek-chat", context=1_048_565, dies="2026-07-24T15:59"),
    SimulatedModel(id="deepseek-reasoner", context=1_048_565, dies="2026-07-24T15:59"),
)  # fmt: skip

_GROK43 = SimulatedRates(input="1.25", cached="0.2", output="2.5")
_GROK43_EFFORTS = ("low", "none", "medium", "high")

XAI = (
    SimulatedModel(id="grok-4.7", context=500_000, efforts=("high", "low", "medium"),
          rates=SimulatedRates(input="2", cached="0.5", output="6")),
    SimulatedModel(id="grok-4.6", context=500_000, efforts=("high", "low", "medium"),
          rates=SimulatedRates(input="2", cached="0.5", output="6")),
    SimulatedModel(id="grok-4.5", context=500_000, efforts=("high", "low", "medium"),
          rates=SimulatedRates(input="2", cached="0.3", output="6")),
    SimulatedModel(id="grok-4.3", context=1_000_000, efforts=_GROK43_EFFORTS, rates=_GROK43),
    SimulatedModel(id="grok-4.20", context=1_000_000, rates=_GROK43),
    SimulatedModel(id="grok-build-0.1", context=256_000, rates=SimulatedRates(input="1", cached="0.2", output="2")),
    *(SimulatedModel(id=name, answers_as="grok-4.3", context=1_000_000, efforts=_GROK43_EFFORTS,
            rates=_GROK43)
      for name in ("grok-4-1-fast-reasoning", "grok-4-1-fast-non-reasoning",
                   "grok-4-fast-reasoning", "grok-4-fast-non-reasoning")),
    *(SimulatedModel(id=name, context=256_000, dies="2026-05-15")
      for name in ("grok-4-0709", "grok-4", "grok-code-fast-1", "grok-3", "grok-3-mini")),
)  # fmt: skip

OLLAMA = (
    SimulatedModel(id="qwen2.5:7b", context=32_768),
    SimulatedModel(id="qwen3:8b", context=40_960, thinking=("enabled", "disabled")),
    SimulatedModel(id="llama3.2:latest", context=131_072),
)

MODELS: Mapping[str, tuple[SimulatedModel, ...]] = {
    "openai": OPENAI, "anthropic": ANTHROPIC, "deepseek": DEEPSEEK, "xai": XAI, "ollama": OLLAMA,
}  # fmt: skip


def find(provider: str, name: object, now: float) -> SimulatedModel | None:
    """Find a living model by its id or by the dated name its answers carry."""
    for model in MODELS[provider]:
        if name in (model.id, model.reported) and model.alive(now):
            return model
    return None
