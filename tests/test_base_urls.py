"""A key and a base URL make an arm live, whatever compatible server is there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.local import LocalServer, model_path, status
from tests.labs import KEYS

PROMPTS = {"plain": "What is the sentiment of this headline? {{ headline }}"}
HEADLINES = pd.DataFrame({"headline": ["Profit doubles", "Shares plunge"]})


@pytest.fixture(name="printed")
def _printed() -> Iterator[dict[str, str]]:
    """Run `llmlab sim` as a user would; yield the variables that it prints."""
    command = [sys.executable, "-m", "llmlab", "sim", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(5)]
        yield dict(line.split("=", 1) for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 0


def test_the_simulator_as_its_own_process(printed: dict[str, str]) -> None:
    """The lines that `llmlab sim` prints are all that a lab needs to be live on six models."""
    with Lab(book=":memory:", env={**KEYS, **printed}, config="/") as lab:
        rows = lab.abtest(PROMPTS, "six", on=HEADLINES, quiet=True, max_tokens=20).rows

    assert set(rows["backend"]) == {"live"}
    assert set(rows["status"]) == {"ok"}
    assert len(rows) == 12


@pytest.mark.skipif(
    not status().ready and not os.environ.get("CI"), reason=f"no embedded model: {status().problem}"
)
def test_the_embedded_model_by_its_own_endpoints() -> None:
    """llama.cpp's OpenAI- and Anthropic-compatible endpoints answer as any server would."""
    server = LocalServer.start(model_path())
    env = {
        "OPENAI_API_KEY": server.key,
        "OPENAI_BASE_URL": f"{server.address}/v1",
        "ANTHROPIC_API_KEY": server.key,
        "ANTHROPIC_BASE_URL": server.address,
    }
    try:
        with Lab(book=":memory:", env=env, config="/") as lab:
            rows = lab.abtest(
                PROMPTS, ["gpt", "claude"], on=HEADLINES, quiet=True, max_tokens=12, stream=True
            ).rows
    finally:
        server.stop()

    assert set(rows["backend"]) == {"live"}
    assert set(rows["status"]) == {"ok"}
    assert rows["text"].str.len().gt(0).all()
    assert rows["output_tokens"].between(1, 12).all()
    assert rows["ttft_s"].notna().all()
