"""The house: one word for one thing, every room where README and the picture say it is."""

import ast
import runpy
from collections import defaultdict
from pathlib import Path

from tests.conftest import ROOT, SLOW

PACKAGE = ROOT / "llmlab"
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_a_public_class_name_is_defined_once() -> None:
    """Who searches for a name finds one thing."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(PACKAGE)))

    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_few_functions_are_long() -> None:
    """Who reads one sees all of it: at most six are longer than 40 lines, none longer than 50."""
    lengths = {
        f"{path.stem}.{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    long = {name: lines for name, lines in lengths.items() if lines > 40}

    assert len(long) <= 6, long
    assert max(long.values(), default=0) <= 50


def test_every_room_is_in_the_picture_and_in_the_readme() -> None:
    """The picture is drawn from the imports; a room that is new is missing in it."""
    drawn = runpy.run_path(str(ROOT / "docs" / "pictures" / "rooms.py"))
    rooms = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    rooms -= {"__init__", "__main__", "__pycache__", "py"}
    readme = (ROOT / "README.md").read_text("utf-8").split("## Where things are")[1]

    assert set(drawn["ROOMS"]) == rooms
    assert [room for room in sorted(rooms) if f"`{room}`" not in readme] == []
    picture = (ROOT / "docs" / "pictures" / "rooms.svg").read_text("utf-8")
    assert picture == drawn["svg"](), "run python docs/pictures/rooms.py"


def test_every_room_says_what_it_is_for() -> None:
    """The first line of a package or module is a sentence."""
    silent = [str(path.relative_to(PACKAGE)) for path in MODULES if not _sentence(path)]

    assert silent == []


def _sentence(path: Path) -> bool:
    first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0]
    return first.rstrip().endswith((".", "?", ")", "`"))


def test_the_words_are_few() -> None:
    """The glossary is the law, so it has to be short enough to be known."""
    lines = (ROOT / "docs" / "words.md").read_text("utf-8").splitlines()
    words = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][2:]

    assert 20 <= len(words) <= 40
    assert len(set(words)) == len(words)


def test_every_slow_test_is_there() -> None:
    """A test that was renamed would else be run among the quick ones."""
    tests = ROOT / "tests"
    for name in SLOW:
        path, _, test = name.partition("::")
        assert (tests / path).is_file(), name
        assert f"def {test}(" in (tests / path).read_text("utf-8") or not test, name
