"""A book with damaged pages: whatever is read of it gives one line, never a raw error."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.book import Book
from llmlab.errors import UsageError

PAGE = 4096
WAYS = 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    """Make a book of 90 calls in two runs, with questions and labels; return it and its keys."""
    folder = tmp_path_factory.mktemp("whole")
    env = {"LLMLAB_LOCAL_MODEL": str(folder)}
    frame = pd.DataFrame({"n": [f"number {n}" for n in range(20)], "target": ["rise", "fall"] * 10})
    with Lab(book=folder / "lab.db", config=folder, mode="stand-in", env=env) as lab:
        for name in ("r", "s"):
            lab.abtest(
                {"p": f"{name}: {{{{ n }}}}.", "q": f"Say {name} {{{{ n }}}}."}, "gpt", on=frame,
                score="contains", quiet=True, name=name, max_tokens=60,
            )  # fmt: skip
        for n in range(10):
            lab.ask(f"Say {n}.", "gpt", max_tokens=20)
        run = lab.run("s")
        lab.mark(run.rows.iloc[0], right=True)
        keys = list(run.rows["request_hash"])
    return (folder / "lab.db").read_bytes(), keys


def damaged(content: bytes, seed: int) -> bytes:
    """Flip bits, or spoil a page, or cut the end off."""
    draw = random.Random(seed)  # noqa: S311 - a way to damage, no secret
    found = bytearray(content)
    way = seed % 5
    page = draw.randrange(len(found) // PAGE) * PAGE
    if way == 0:
        for _ in range(draw.choice([1, 3, 30])):
            found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    elif way == 1:
        for _ in range(200):
            found[page + draw.randrange(PAGE)] = draw.randrange(256)
    elif way == 2:
        other = draw.randrange(len(found) // PAGE) * PAGE
        found[page : page + PAGE] = found[other : other + PAGE]
    elif way == 3:
        found[page : page + PAGE] = draw.choice([bytes(PAGE), draw.randbytes(PAGE)])
    else:
        del found[draw.randrange(100, len(found)) :]
    return bytes(found)


def ways_to_read(lab: Lab, keys: list[str]) -> dict[str, Callable[[], object]]:
    """Return what can be asked of a book."""
    book = lab.book
    return {
        "runs": lab.runs,
        "run": lambda: lab.run("r"),
        "ask": lambda: lab.run("ask"),
        "spend": lab.spend,
        "tape": lambda: lab.save_tape(Path(str(book.path)).with_name("tape.jsonl")),
        "marked": lambda: lab.marked(lab.run("s")),
        "rows": lambda: book.rows("s"),
        "answers": lambda: book.answers(keys),
        "latencies": lambda: book.latencies(latest=50),
        "account": book.account,
        "history": lambda: book.templates("p"),
        "head": book.head,
        "verify": book.verify,
    }


def said_by(way: Callable[[], object]) -> str:
    """Return `answered`, `refused` where it was in one line, or what went wrong."""
    try:
        way()
    except UsageError as error:
        return f"{error!r} has two lines" if "\n" in str(error) else "refused"
    except Exception as error:  # noqa: BLE001 - that is what must not be
        return repr(error)
    return "answered"


def read_all(path: Path, keys: list[str]) -> Counter[str]:
    """Ask a book everything; count what was said."""
    env = {"LLMLAB_LOCAL_MODEL": str(path.parent)}
    lab = Lab(book=path, config=path.parent, mode="stand-in", env=env)
    opened = said_by(lambda: lab.book)
    if opened != "answered":
        return Counter([opened])
    said = Counter(said_by(way) for way in ways_to_read(lab, keys).values())
    if said_by(lab.close) not in {"answered", "refused"}:
        said[f"close: {said_by(lab.close)}"] += 1
    return said


@pytest.mark.parametrize("first", range(0, WAYS, 50))
def test_damage_is_one_line(whole: tuple[bytes, list[str]], tmp_path: Path, first: int) -> None:
    """In 300 ways of damage each reading is answered, or refused in one line."""
    content, keys = whole
    said: Counter[str] = Counter()
    for seed in range(first, first + 50):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "lab.db").write_bytes(damaged(content, seed))
        (folder / "lab.db").chmod(0o600)
        said += read_all(folder / "lab.db", keys)

    assert set(said) == {"answered", "refused"}
    assert min(said.values()) > 50


def test_the_whole_book_is_read(whole: tuple[bytes, list[str]], tmp_path: Path) -> None:
    """Undamaged, every question is answered, so what is refused above is the damage."""
    content, keys = whole
    (tmp_path / "lab.db").write_bytes(content)
    (tmp_path / "lab.db").chmod(0o600)

    assert read_all(tmp_path / "lab.db", keys) == Counter(answered=13)
    with Book.open(tmp_path / "lab.db") as book:
        assert book.verify() == []
