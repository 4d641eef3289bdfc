"""A book knows what other kernels have under way, however they come, write and go."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmlab.book import Book, Elsewhere, Once
from llmlab.book import book as room
from llmlab.book.shared import Shelf
from tests.test_book import attempt, ok

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "answer", "fail"]),
        st.integers(0, 2),
        st.sampled_from("abc"),
        st.sampled_from(["now", "ever"]),
    ),
    max_size=25,
)


@contextmanager
def kernel(path: Path) -> Iterator[Book]:
    """Open a book as another process would: not as one more handle of this one's open book."""
    shelf = Shelf()
    with _shelf(shelf):
        book = Book.open(path)
    try:
        yield book
    finally:
        with _shelf(shelf):
            book.close()


@contextmanager
def _shelf(shelf: Shelf) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "SHELF", shelf)
        yield


def _begun(book: Book, key: str, once: Once) -> int | None:
    """Return the attempt, or None where another kernel has the key."""

    async def begin() -> int | None:
        try:
            return await book.begin_async(attempt(key), once=once)
        except Elsewhere:
            return None

    return asyncio.run(begin())


@settings(max_examples=40)
@given(STEPS)
@example([("begin", 1, "a", "now")] * 2 + [("begin", 0, "a", "now"), ("fail", 1, "a", "now")]
         + [("begin", 0, "a", "now")])  # fmt: skip
def test_a_key_is_begun_only_where_nobody_else_works_on_it(
    steps: list[tuple[str, int, str, Once]],
) -> None:
    """Three kernels, any order: refused exactly while another one works, or has answered."""
    under_way: dict[tuple[int, str], list[int]] = {}
    answered: set[str] = set()
    with TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "lab.db"
        books = [stack.enter_context(kernel(path)) for _ in range(3)]
        for what, who, key, once in steps:
            mine = under_way.setdefault((who, key), [])
            if what == "begin":
                busy = any(under_way.get((n, key)) for n in range(3) if n != who)
                refused = key in answered if once == "ever" else busy and key not in answered
                begun = _begun(books[who], key, once)
                assert (begun is None) == (refused or (busy and key not in answered))
                mine += [begun] if begun is not None else []
            elif mine:
                if what == "answer":
                    books[who].finish(mine.pop(), ok()).result()
                    answered.add(key)
                else:
                    books[who].release(mine.pop()).result()


def test_what_a_closed_kernel_left_is_nobodys(tmp_path: Path) -> None:
    """Its attempt is over, and the key may be begun."""
    with kernel(tmp_path / "lab.db") as here:
        with kernel(tmp_path / "lab.db") as there:
            left = there.begin(attempt("a")).result()
            assert _begun(here, "a", "now") is None
            assert not here.has_ended(left)
        assert here.has_ended(left)
        assert _begun(here, "a", "now") is not None
