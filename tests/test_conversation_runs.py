"""Five turns over six models: stopped midway, resumed, from the book, on tape, in a batch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmlab.sim import Simulator
from llmlab.sim import environment as addresses
from tests.kernel import Kernel, kernel
from tests.test_conversations import KEYS, ROLES
from tests.test_notebook_kernel import provider, wait_for

FRAME = """
%load_ext llmlab
import pandas as pd
import llmlab
from llmlab.default import lab as the_lab
role, peer = "an analyst", "Bolt"
frame = pd.DataFrame({"headline": [f"Profit {word} {at}" for at in range(4)
                                   for word in ("doubles", "plunges")],
                      "label": ["positive", "negative"] * 4})
texts = lambda run: run.rows.set_index(["label", "input_id"])["text"].sort_index().to_dict()
"""
CELL = """%%abtest six --on frame --score label --target label --name talk -q -o run
--- shots
[system]
You are {{ role }}. Answer positive or negative.
[user]
Acme beats forecasts
[assistant]
positive
[user]
Shares of {{ peer }} plunge
[assistant]
negative
[user]
{{ headline }}"""
CALLS = 6 * 8


def live(sim: Simulator, **more: str) -> dict[str, str]:
    """Return the variables by which all five providers live at *sim*."""
    return {**KEYS, **addresses(sim), "LLMLAB_MODE": "", "LLMLAB_MAX_IN_FLIGHT": "6", **more}


def chats(sim: Simulator) -> int:
    """Count the questions that were answered, lists and versions not among them."""
    paths = ("/chat/completions", "/messages", "/responses", "/api/chat")
    return sum(each.path.endswith(paths) for each in list(sim.log))


@pytest.fixture(name="taped", scope="module")
def _taped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Kernel, Simulator]]:
    """Run the cell with a stop in the middle, then again; keep a tape of it."""
    folder = tmp_path_factory.mktemp("talk")
    with provider(["delay:0.5"]) as sim, kernel(folder, live(sim)) as running:
        assert running.run(FRAME).errors == []
        sent = running.send(CELL)
        assert wait_for(lambda: chats(sim) >= 8)
        running.manager.interrupt_kernel()
        said = running.hear(sent)
        assert "interrupted" in said.errors[-1]
        assert 0 < int(running.value("len(run)")) < CALLS
        yield folder, running, sim


def test_a_conversation_is_stopped_and_resumed_then_comes_from_the_book(
    taped: tuple[Path, Kernel, Simulator],
) -> None:
    """Only what is missing is sent; then nothing is; a kernel that restarts sends nothing."""
    _, running, sim = taped
    kept, before = int(running.value("len(run)")), chats(sim)

    assert running.run(CELL).errors == []
    assert running.value("int(run.rows.from_book.sum())") == str(kept)
    assert chats(sim) - before == CALLS - kept
    before = chats(sim)
    assert running.run(CELL).errors == []

    assert running.value("(len(run), bool(run.rows.from_book.all()))") == f"({CALLS}, True)"
    assert chats(sim) == before
    assert running.value("run.rows.label.nunique()") == "6"
    assert running.value("set(run.rows.status)") == "{'ok'}"
    assert running.value("bool(run.rows.input_tokens.min() > 30)") == "True"
    assert [f"[{role}]" in running.value("the_lab().history('shots').versions[-1].text")
            for role in ROLES] == [True] * 5  # fmt: skip


def test_a_conversation_replays_from_a_tape(taped: tuple[Path, Kernel, Simulator]) -> None:
    """Another kernel without keys and network shows the same words."""
    folder, running, sim = taped
    assert running.run(CELL).errors == []
    assert running.run("tape = llmlab.save_tape('talk.tape', 'talk')").errors == []
    texts, before = running.value("texts(run)"), len(sim.log)
    tape = folder / "talk.tape"
    assert "Shares of Bolt plunge" not in tape.read_text("utf-8"), "a tape has hashes of questions"

    with kernel(folder, {"LLMLAB_MODE": "replay", "LLMLAB_TAPE": str(tape)}) as other:
        other.run(FRAME)
        said = other.run(CELL)

        assert said.errors == []
        assert other.value("texts(run)") == texts
        changed = other.run(CELL.replace("Acme beats forecasts", "Acme misses forecasts"))
        assert "with these words and parameters, only with others" in changed.errors[-1]
    assert len(sim.log) == before


def test_a_conversation_goes_by_batch(
    taped: tuple[Path, Kernel, Simulator], tmp_path: Path
) -> None:
    """The same words at a lower price, from a book that has none of it."""
    _, running, _ = taped
    assert running.run(CELL).errors == []
    texts = running.value("texts(run)")
    cost = float(running.value("float(run.rows.cost_usd.sum())"))

    with provider([]) as sim, kernel(tmp_path, live(sim)) as other:
        other.run(FRAME)
        other.run("the_lab()._services.batch_poll_s = 0.05")
        said = other.run(CELL.replace(" -q", " -q --batch"))

        assert said.errors == []
        assert other.value("texts(run)") == texts
        assert float(other.value("float(run.rows.cost_usd.sum())")) < cost
        batches = [each for each in sim.log if each.path.endswith("/batches")]
        assert {each.provider for each in batches} == {"openai", "anthropic", "xai"}
        assert chats(sim) == 3 * 8, "DeepSeek, twice, and Ollama sell none"


def test_a_cell_takes_system_prompts_from_a_variable(
    taped: tuple[Path, Kernel, Simulator],
) -> None:
    """`--system`: one text, or several as arms; their slots are the notebook's names."""
    _, running, _ = taped
    cell = "%%abtest gpt --on frame --system roles -q -o arms\n--- a\nUp or down? {{ headline }}"

    said = running.run(f"roles = {{'plain': None, 'role': 'You are {{{{ role }}}}.'}}\n{FRAME}")
    assert said.errors == []
    assert running.run(cell).errors == []

    assert running.value("sorted(set(arms.rows.prompt))") == "['a+plain', 'a+role']"
    running.run("roles = 'You are a quant.'")
    assert running.run(cell).errors == []
    assert running.value("set(arms.rows.prompt)") == "{'a'}"
    assert "must be a str" in running.run(cell.replace("roles", "frame")).errors[-1]


def test_completion_offers_the_parts_of_a_prompt(taped: tuple[Path, Kernel, Simulator]) -> None:
    """After a `[` that begins a line of a cell."""
    _, running, _ = taped

    assert running.complete("%%abtest six\n--- a\n[as") == ["[assistant]"]
    assert "[assistant]" not in running.complete("%%abtest six\n--- a\nx [as")
    assert "roles" in running.complete("%%abtest six --system ro")
