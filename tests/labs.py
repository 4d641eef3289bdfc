"""Labs for tests: planted keys, and a lab whose five providers are one simulator."""

from typing import Final

from llmlab import Lab
from llmlab.sim import Simulator, environment

KEYS: Final = {
    "OPENAI_API_KEY": "sk-planted-0000000000000000000000",
    "ANTHROPIC_API_KEY": "sk-ant-api03-planted000000000000",
    "DEEPSEEK_API_KEY": "sk-planted00000000000000000000000",
    "XAI_API_KEY": "xai-planted00000000000000000000",
}


def lab_for(simulator: Simulator, **options: object) -> Lab:
    """Make a lab whose five providers all live at the simulator."""
    env = {**KEYS, **environment(simulator)}
    return Lab(**{"book": ":memory:", "env": env, "config": "/", **options})  # type: ignore[arg-type]


def questions(simulator: Simulator) -> int:
    """Count what models were asked; a look at Ollama's list of models asks none."""
    return sum(bool(each.user) for each in simulator.log)
