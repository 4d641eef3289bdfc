"""Nothing is handed in twice: two kernels, interruptions, deaths, lost replies."""

import asyncio
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.cli import main
from llmlab.errors import CutOff
from llmlab.sim import Faults, RuleAuthor, Simulator, environment
from llmlab.sim.authors.author import Asked, Written
from llmlab.wire import Session
from tests.batch_proof import CALLS, STORIES, proved
from tests.labs import KEYS
from tests.test_batches import HEADLINES, PROMPTS, abtest, handed_in, lab_for

ROOT = Path(__file__).parent.parent
SOLD = ["gpt", "claude", "grok"]


class Counting:
    """Answers by the rule and counts what it was asked, so what would be billed."""

    name = "rule"

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._rule = RuleAuthor(seed=1)

    async def write(self, asked: Asked) -> Written:
        """Count, then answer."""
        self.asked[asked.user] += 1
        return await self._rule.write(asked)


@pytest.fixture(name="author")
def _author() -> Counting:
    return Counting()


@pytest.fixture(name="simulator")
async def _simulator(author: Counting) -> AsyncIterator[Simulator]:
    async with Simulator(author=author) as simulator:
        yield simulator


def quick(simulator: Simulator, book: Path) -> Lab:
    """Make a lab that looks often and does not wait for the provider's list."""
    lab = lab_for(simulator, book=book)
    lab._services.batch_grace_s = 0.0
    return lab


def once(author: Counting, calls: int) -> bool:
    """Say whether each of *calls* distinct questions was answered once by the provider."""
    return sorted(author.asked.values()) == [1] * calls


async def whole(simulator: Simulator, book: Path, model: str) -> pd.DataFrame:
    """Run the plan to its end in a fresh lab; the book must be sound, and nothing held."""
    async with quick(simulator, book) as lab:
        rows = await abtest(lab, model, on=HEADLINES.iloc[:3], name="r", score=None, target=None)
        assert await asyncio.to_thread(lab.book.verify) == []
        assert await asyncio.to_thread(lab.book.batches) == []
        assert (await asyncio.to_thread(lab.book.account)).reserved == 0
    return rows


@pytest.mark.parametrize("model", SOLD)
async def test_two_kernels_with_one_plan_buy_one_batch(
    simulator: Simulator, author: Counting, tmp_path: Path, model: str
) -> None:
    """The second finds the calls claimed, waits for the batch and reads the same answers."""
    both = await asyncio.gather(*[whole(simulator, tmp_path / "lab.db", model) for _ in range(2)])

    assert handed_in(simulator) == 1
    assert once(author, 6)
    assert [set(rows["status"]) for rows in both] == [{"ok"}] * 2
    assert both[0]["text"].tolist() == both[1]["text"].tolist()


@pytest.mark.parametrize("model", SOLD)
@pytest.mark.parametrize(
    "story",
    [
        "two kernels with one plan at once",
        "SIGKILL at the reply to request 2",
        "Ctrl-C during request 1",
        "Ctrl-C during request 2",
    ],
)
async def test_kernels_of_their_own_buy_one_batch(tmp_path: Path, model: str, story: str) -> None:
    """Two at once, SIGKILL and Ctrl-C, by real processes; `benchmarks.reliability` has the rest."""
    done = await proved(tmp_path, model, STORIES[story])

    killed = story.startswith("SIGKILL")
    assert set(done.ended) == {-9 if killed else 0}
    assert (done.batches, done.bought, done.twice, done.answered) == (1, CALLS, 0, CALLS)
    # Killed before its requests were handed in, a batch is given up: nobody can know it.
    assert done.unknown == 0 or killed
    assert done.reserved == 0
    assert done.problems == ()


async def kernel(simulator: Simulator, book: Path, model: str, kill: int) -> Any:
    """Run the plan in a process of its own and wait for its end."""
    env = {**os.environ, **KEYS, **environment(simulator)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.batch_kernel", str(book), model, "kill", str(kill),
        cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await process.communicate()
    return process


@pytest.mark.parametrize("model", SOLD)
async def test_an_interruption_waits_until_the_batch_is_written_down(
    simulator: Simulator, author: Counting, tmp_path: Path, model: str
) -> None:
    """Ctrl-C while it is handed in: the rerun collects that batch."""
    book, begun = tmp_path / "lab.db", asyncio.Event()
    loop, sent = asyncio.get_running_loop(), Session.send

    async def send(self: Session, *args: Any, **rest: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        await asyncio.sleep(0.05)
        return await sent(self, *args, **rest)

    async with quick(simulator, book) as lab:
        lab._services.batch_poll_s = 60.0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Session, "send", send)
            handle = await asyncio.to_thread(
                lambda: lab.start(
                    PROMPTS, model, on=HEADLINES.iloc[:3], batch=True, quiet=True,
                    max_tokens=20, name="r",
                )
            )  # fmt: skip
            await begun.wait()
            handle.stop(now=True)
            await asyncio.to_thread(handle.result, 30)
        (held,) = await asyncio.to_thread(lab.book.batches)
    rows = await whole(simulator, book, model)

    assert (held.state, bool(held.provider_id)) == ("handed_in", True)
    assert handed_in(simulator) == 1
    assert once(author, 6)
    assert set(rows["status"]) == {"ok"}


@pytest.mark.parametrize("model", SOLD)
@pytest.mark.parametrize("step", [1, 2])
async def test_a_lost_reply_is_no_reason_to_buy_again(
    simulator: Simulator, author: Counting, tmp_path: Path, model: str, step: int
) -> None:
    """The provider took the batch and its reply broke off: it is found in the provider's list."""
    sent, count = Session.send, 0

    async def send(self: Session, call: Any, *args: Any) -> Any:
        nonlocal count
        reply = await sent(self, call, *args)
        count += call.method == "POST"
        if call.method == "POST" and count == step:
            raise CutOff("the reply broke off before its end", provider=model)
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "send", send)
        async with quick(simulator, tmp_path / "lab.db") as lab:
            await abtest(lab, model, on=HEADLINES.iloc[:3], name="r", score=None, target=None)
    rows = await whole(simulator, tmp_path / "lab.db", model)

    assert once(author, 6)
    assert set(rows["status"]) == {"ok"}


async def test_a_part_that_xai_does_not_take_at_once_is_sent_again(
    author: Counting, tmp_path: Path
) -> None:
    """503 on the call that fills the batch: asked how much is there, then sent again."""
    faults = Faults.parse(["xai=503:0.5"], seed=3)
    async with Simulator(author=author, faults=faults) as simulator:
        rows = await whole(simulator, tmp_path / "lab.db", "grok")
        for _ in range(5):
            if set(rows["status"]) == {"ok"}:
                break
            rows = await whole(simulator, tmp_path / "lab.db", "grok")

    assert set(rows["status"]) == {"ok"}
    assert once(author, 6)


async def test_a_batch_that_the_provider_lost_is_final(
    simulator: Simulator, author: Counting, tmp_path: Path
) -> None:
    """404: its calls count at their worst case, one line says so, and they may be sent again."""
    book = tmp_path / "lab.db"
    await kernel(simulator, book, "claude", 2)
    with closing(sqlite3.connect(book, isolation_level=None)) as connection:
        connection.execute("UPDATE batches SET state = 'handed_in', provider_id = 'msgbatch_gone'")
    async with quick(simulator, book) as lab:
        first = await abtest(lab, "claude", on=HEADLINES.iloc[:3], score=None, target=None)
        account = await asyncio.to_thread(lab.book.account)
        second = await abtest(lab, "claude", on=HEADLINES.iloc[:3], score=None, target=None)

    assert first["error"].str.contains("has no batch msgbatch_gone any more").all()
    assert float(account.unknown) > 0.0
    assert account.reserved == 0
    assert set(second["status"]) == {"ok"}


async def test_a_batch_can_be_looked_at_and_given_up(
    simulator: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """`llmlab batch list` and `forget`: what is given up counts, and may be sent again."""
    book = tmp_path / "lab.db"
    await kernel(simulator, book, "claude", 2)
    monkeypatch.setenv("LLMLAB_BOOK", str(book))
    monkeypatch.chdir(tmp_path)
    async with quick(simulator, book) as lab:
        (line,) = (await asyncio.to_thread(lab.batches)).to_dict("records")

    codes = [
        await asyncio.to_thread(main, ["batch", *words])
        for words in (["list"], ["forget", "nonsense"], ["forget", line["id"]], ["list"])
    ]
    said = capsys.readouterr()

    assert (line["provider"], line["state"]) == ("anthropic", "handed_in")
    assert (line["calls"], line["waiting"]) == (6, 6)
    assert codes == [0, 2, 0, 0]
    assert f"no batch 'nonsense' is waited for; there are {line['id']}" in said.err
    assert f"{line['id']}: 6 calls count at their worst case from now on" in said.out
    assert "no batch is waited for" in said.out
    rows = await whole(simulator, book, "claude")
    assert set(rows["status"]) == {"ok"}


async def test_batches_of_the_version_before_are_collected(
    simulator: Simulator, author: Counting, tmp_path: Path
) -> None:
    """Version 2 kept them as rows of a run: they are carried over, none is bought again."""
    book = tmp_path / "lab.db"
    await kernel(simulator, book, "claude", 2)
    names = _as_version_2(book)
    for batch in simulator._memory.batches.values():
        batch.requests = [(names[custom_id], body) for custom_id, body in batch.requests]

    rows = await whole(simulator, book, "claude")

    assert handed_in(simulator) == 1
    assert once(author, 6)
    assert set(rows["status"]) == {"ok"}


def _as_version_2(book: Path) -> dict[str, str]:
    """Put the batches where the version before kept them; requests were named by their keys."""
    with closing(sqlite3.connect(book, isolation_level=None)) as connection:
        rows = connection.execute(
            "SELECT provider_id, provider, api, asked, created_at, id FROM batches"
        ).fetchall()
        connection.execute("INSERT INTO runs VALUES ('batches', 0.0, x'7b7d')")
        for number, (name, provider, api, by, at, batch) in enumerate(rows):
            items = connection.execute(
                "SELECT key, attempt FROM batch_items WHERE batch = ?", (batch,)
            ).fetchall()
            meta = {"id": name, "provider": provider, "api": api, "by": by, "at": at,
                    "attempts": dict(items), "open": True}  # fmt: skip
            connection.execute(
                "INSERT INTO run_items VALUES ('batches', ?, ?, ?)",
                (number, f"{provider} {name}", json.dumps(meta).encode()),
            )
        found = dict(connection.execute("SELECT custom_id, key FROM batch_items").fetchall())
        for what in ("VIEW waiting_items", "TABLE batch_items", "TABLE batches"):
            connection.execute(f"DROP {what}")
        connection.execute("PRAGMA user_version = 2")
    return found
