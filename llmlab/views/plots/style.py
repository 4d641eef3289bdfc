"""Style of the plots: palette, fonts and lines, applied within a context only."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

OKABE_ITO: Final = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F",
)  # fmt: skip
"""Okabe & Ito (2008), "Color Universal Design", less yellow (too pale) and black (the ink)."""

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "p")
DASHES: Final = (
    "solid", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (9, 3)),
    (0, (3, 1.5, 1, 1.5, 1, 1.5)),
)  # fmt: skip
SANS: Final = ("Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """The colours of a page."""

    paper: str
    ink: str
    quiet: str
    grid: str
    alarm: str


THEMES: Final = {
    "light": Theme(
        paper="#ffffff", ink="#1a1a1a", quiet="#5f5f5f", grid="#e3e3e3", alarm="#b34700"
    ),
    "dark": Theme(paper="#141414", ink="#ececec", quiet="#a8a8a8", grid="#333333", alarm="#ff9d5c"),
}


@contextmanager
def styled(theme: Theme) -> Iterator[None]:
    """Draw in llmlab's style within the block; the caller's own settings come back after it."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in _settings(theme).items():
            mpl.rcParams[cast("Any", name)] = value
        yield


def by_name(names: Iterable[str], values: tuple[Any, ...]) -> dict[str, Any]:
    """Return one of *values* for each name, independent of the ranking; values repeat if needed."""
    return {name: values[at % len(values)] for at, name in enumerate(dict.fromkeys(names))}


def _settings(theme: Theme) -> dict[str, Any]:
    return {
        "font.family": _fonts(),
        "font.size": 9,
        "axes.labelsize": 9,
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.quiet,
        "axes.linewidth": 0.8,
        "axes.facecolor": theme.paper,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "figure.facecolor": theme.paper,
        "grid.color": theme.grid,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "lines.linewidth": 1.5,
        "pdf.fonttype": 42,
        "svg.hashsalt": "llmlab",
        "text.color": theme.ink,
        "xtick.major.size": 3,
        "xtick.color": theme.quiet,
        "xtick.labelcolor": theme.ink,
        "xtick.labelsize": 8.5,
        "ytick.major.size": 3,
        "ytick.color": theme.quiet,
        "ytick.labelcolor": theme.ink,
        "ytick.labelsize": 8.5,
    }


def _fonts() -> list[str]:
    """Return the first sans that is installed, then DejaVu (shipped) for glyphs it lacks."""
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    found = next(name for name in (*SANS, "DejaVu Sans") if name in there)
    return list(dict.fromkeys([found, "DejaVu Sans"]))
