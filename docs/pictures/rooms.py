"""
Draw the rooms of llmlab in the order in which data passes them: `python docs/pictures/rooms.py`.

In: the bands below, and what the rooms in `llmlab/` import when they run. Out: `rooms.svg`. A
thin line joins a room with one in another band that it imports, unless other lines lead there
already. A test holds the picture to the code.
"""  # noqa: INP001 - a script beside its picture

import ast
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PICTURE: Final = Path(__file__).with_name("rooms.svg")
_WIDE, _HIGH, _GAP, _BAND, _LEFT, _WIDTH = 116, 46, 18, 104, 104, 1050

BANDS: Final = {
    "typing": ("#cc79a7", "", {
        "notebook": "magics of a cell", "widgets": "what one clicks", "cli": "the shell",
        "demo": "the quickstart", "default": "the default lab", "lab": "plain functions",
    }),
    "sending": ("#0072b2", "→", {
        "templates": "prompts with slots", "tokens": "count and pack", "design": "what is compared",
        "runs": "conduct a run", "calls": "limits, retries", "providers": "wire formats",
        "wire": "the only socket",
    }),
    "knowing": ("#e69f00", "", {
        "catalogue": "models, their rules", "pricing": "exact dollars", "book": "the record",
        "backends": "who answers", "sim": "stand-ins", "local": "a small model",
    }),
    "reading": ("#009e73", "←", {
        "views": "tables, plots, files", "comparison": "a run, read", "stats": "tests, intervals",
        "frames": "DataFrames", "scores": "words to numbers", "archive": "kept runs, tapes",
        "readers": "others' results",
    }),
    "ground": ("#777777", "", {
        "settings": "llmlab.toml", "records": "what travels", "checks": "input, checked",
        "secrets": "keys stay inside", "errors": "one tree of errors",
    }),
}  # fmt: skip
"""Each band from top to bottom: its colour, the way of its data, its rooms and what they are."""

ROOMS: Final = [room for _, _, rooms in BANDS.values() for room in rooms]


def needs() -> dict[str, set[str]]:
    """Return which rooms each room imports from."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "llmlab").rglob("*.py")):
        room = path.relative_to(ROOT / "llmlab").with_suffix("").parts[0]
        for module in _imports(ast.parse(path.read_text("utf-8"))):
            found[room].add(module.split(".")[1])
    return {room: {other for other in others if other != room} for room, others in found.items()}


def _imports(node: ast.AST) -> Iterator[str]:
    """Yield what is imported from llmlab when the program runs, not only for type checkers."""
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("llmlab."):
        yield node.module or ""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def lines(imports: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the imports between bands that no others imply; all rooms stand on the ground."""
    bands = {room: band for band, (_, _, rooms) in BANDS.items() for room in rooms}
    kept = [room for room in ROOMS if bands[room] != "ground"]
    direct = {room: {to for to in imports.get(room, set()) if to in kept} for room in kept}
    return [
        (room, to)
        for room in kept
        for to in sorted(direct[room])
        if bands[room] != bands[to] and not any(to in _reach(direct, by, {room}) for by in
                                                direct[room] - {to})
    ]  # fmt: skip


def _reach(direct: dict[str, set[str]], room: str, seen: set[str]) -> set[str]:
    """Return what *room* imports, directly or by way of others."""
    found: set[str] = set()
    todo = [room]
    while todo:
        for to in direct[todo.pop()] - found - seen:
            found.add(to)
            todo.append(to)
    return found


def svg() -> str:
    """Return the picture."""
    corners = {}
    for number, (_, _, rooms) in enumerate(BANDS.values()):
        for at, room in enumerate(rooms):
            corners[room] = (_LEFT + at * (_WIDE + _GAP), 26 + number * _BAND)
    height = len(BANDS) * _BAND
    size = f'viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" role="img"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        "<title>The rooms of llmlab, in the order in which data passes them</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *(_line(corners[room], corners[to]) for room, to in lines(needs())),
        *(part for number, name in enumerate(BANDS) for part in _band(number, name, corners)),
        "</svg>",
        "",
    ])  # fmt: skip


def _band(number: int, name: str, corners: dict[str, tuple[int, int]]) -> list[str]:
    colour, way, rooms = BANDS[name]
    middle = 26 + number * _BAND + _HIGH // 2
    parts = [f'<text x="14" y="{middle + 5}" font-size="15" fill="{colour}">{name}</text>']
    last = list(rooms)[-1]
    for room, purpose in rooms.items():
        x, y = corners[room]
        parts.append(
            f'<rect x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="6" fill="#ffffff" '
            f'stroke="{colour}" stroke-width="2"/>'
            f'<text x="{x + _WIDE // 2}" y="{y + 20}" text-anchor="middle" font-size="14" '
            f'font-weight="600">{escape(room)}</text>'
            f'<text x="{x + _WIDE // 2}" y="{y + 36}" text-anchor="middle" font-size="11" '
            f'fill="#555555">{escape(purpose)}</text>'
        )
        if way and (room != last or name == "sending"):
            parts.append(
                f'<text x="{x + _WIDE + _GAP // 2}" y="{middle + 6}" text-anchor="middle" '
                f'font-size="18" fill="{colour}">{way}</text>'
            )
    return parts


def _line(one: tuple[int, int], other: tuple[int, int]) -> str:
    """Join two boxes, from the edges that face each other."""
    above, below = sorted((one, other), key=lambda corner: corner[1])
    x1, y1 = above[0] + _WIDE // 2, above[1] + _HIGH
    x2, y2 = below[0] + _WIDE // 2, below[1]
    bend = (y2 - y1) // 2
    way = f"M{x1} {y1} C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
    return f'<path d="{way}" fill="none" stroke="#b5b5b5"/>'


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
