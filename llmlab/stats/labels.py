"""Classification: confusion matrix, precision, recall and F1 of each class."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llmlab.errors import UsageError
from llmlab.scores.folded import fold
from llmlab.stats.checks import Flags, Floats, Ints, fraction
from llmlab.stats.clusters import Cluster
from llmlab.stats.matrix import Matrix, Name, matrix
from llmlab.stats.shares import Proportion, share, total
from llmlab.stats.shares import among as of_inputs
from llmlab.stats.spread import Dependence

if TYPE_CHECKING:
    import pandas as pd

NO_SCORE = "no score"
"""Column of a confusion matrix: answers in which no label could be read, and failed calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The scored answers of a run, each a label, and what should have been said."""

    table: Matrix
    classes: tuple[str, ...]
    said: Ints
    """Class of each row; -1 where it has no score or is not of the ranking's inputs."""
    target: Ints
    meant: Ints
    """Class of each row's target, with a score or without; -1 where it is none of the classes."""
    weight: Floats
    """One over the repeats that an arm has of the row's input: the input is the unit."""

    @classmethod
    def read(cls, rows: "pd.DataFrame", cluster: Cluster = None) -> "Labelled":
        """
        Read the columns `said` and `target` of *rows*.

        Raises:
            UsageError: They are absent, or hold no label.
        """
        table = matrix(rows, cluster=cluster)
        said, target = _words(rows, table.scored)
        counts = table.scored & (said != "") & (target != "")
        if not counts.any():
            raise UsageError("no scored answer says a label: score with 'label'")
        shared = np.array([table.of_arm(place) for place in range(len(table.names))])
        counts &= shared[table.arm_of, table.input_of]
        classes = tuple(sorted({*said[counts], *target[counts]}))
        place = {word: at for at, word in enumerate(classes)}
        coded, meant = (
            np.array([place.get(word, -1) for word in words], dtype=np.intp)
            for words in (said, target)
        )
        codes = [np.where(counts, each, -1) for each in (coded, meant)]
        cell = table.arm_of * len(table.inputs) + table.input_of
        repeats = np.bincount(cell[counts], minlength=shared.size)
        weight = np.where(counts, 1.0 / np.maximum(repeats[cell], 1), 0.0)
        return cls(table=table, classes=classes, said=codes[0], target=codes[1], meant=meant,
                   weight=weight)  # fmt: skip

    @property
    def depends(self) -> Dependence:
        """How inputs depend on each other."""
        return self.table.depends(np.ones(len(self.table.inputs), dtype=bool))

    def of_arm(self, place: int, among: Flags | None = None) -> Flags:
        """Return the rows of an arm that count, those *among* some inputs."""
        mine = (self.table.arm_of == place) & (self.said >= 0)
        return np.asarray(mine if among is None else mine & among[self.table.input_of])

    def by_input(self, rows: Flags, what: Flags) -> Floats:
        """Return how much of each input is *what*: 1 where every repeat is."""
        found = rows & what
        size = len(self.table.inputs)
        return np.bincount(self.table.input_of[found], self.weight[found], size).astype(float)


def confusion(
    rows: "pd.DataFrame", arm: Name, *, cluster: Cluster = None, among: Flags | None = None
) -> "pd.DataFrame":
    """
    Return how many inputs of each class (down) an arm said to be of which class (across).

    Repeats of an input share its 1. The last column counts what has no score; such answers are
    in no rate.
    """
    import pandas as pd

    read = Labelled.read(rows, cluster)
    mine = read.of_arm(read.table.names.index(arm), among)
    size = len(read.classes)
    cells = read.target[mine] * size + read.said[mine]
    counts = np.bincount(cells, read.weight[mine], size * size).reshape(size, size)
    names = pd.Index(read.classes, name="target")
    frame = pd.DataFrame(counts, index=names, columns=pd.Index(read.classes, name="said"))
    frame[NO_SCORE] = _without(read, arm, among)
    return frame


def classes(
    rows: "pd.DataFrame",
    *,
    cluster: Cluster = None,
    level: float = 0.95,
    among: Flags | None = None,
) -> "pd.DataFrame":
    """
    Return precision, recall and F1 of each class, one row an arm and class, with intervals.

    `targets` and `said` are how many inputs are of the class and how many were said to be. The
    limits are Wilson's, at the size that repeats and clusters leave; those of F1 come from
    F1 / (2 - F1), which is a rate too: right ones among those that are of the class or were
    said to be.
    """
    import pandas as pd

    read = Labelled.read(rows, cluster)
    fraction("level", level)
    lines = [
        {"prompt": name[0], "label": name[1], "class": word, **_line(sums, read.depends, level)}
        for place, name in enumerate(read.table.names)
        for word, sums in _sums(read, place, among)
    ]
    return pd.DataFrame(lines)


def averages(
    rows: "pd.DataFrame",
    *,
    cluster: Cluster = None,
    level: float = 0.95,
    among: Flags | None = None,
) -> "pd.DataFrame":
    """
    Return each arm's accuracy and the plain means over classes of precision, recall and F1.

    A class in which a measure has no meaning (never said, or never a target) is left out of
    that mean. Limits by the delta method over inputs, or clusters.
    """
    import pandas as pd

    read = Labelled.read(rows, cluster)
    fraction("level", level)
    lines = []
    for place, name in enumerate(read.table.names):
        sums = [each for _, each in _sums(read, place, among)]
        right = sum((each.right for each in sums), np.zeros(len(read.table.inputs)))
        whole = read.by_input(read.of_arm(place, among), read.said >= 0)
        measures = {
            "accuracy": [(right, whole)],
            "precision": [(each.right, each.said) for each in sums],
            "recall": [(each.right, each.target) for each in sums],
            "f1": [(2.0 * each.right, each.said + each.target) for each in sums],
        }
        line: dict[str, Any] = {"prompt": name[0], "label": name[1], "inputs": int(whole.sum())}
        for measure, parts in measures.items():
            value, low, high = _mean_ratio(
                parts, whole > 0.0, of_inputs(read.depends, whole > 0.0), level
            )
            line |= {measure: value, f"{measure}_low": low, f"{measure}_high": high}
        lines.append(line)
    return pd.DataFrame(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Of one arm and class, by input: how much is right, was said, and should have been."""

    right: Floats
    said: Floats
    target: Floats


def _sums(read: Labelled, place: int, among: Flags | None) -> Iterator[tuple[str, _Sums]]:
    mine = read.of_arm(place, among)
    for at, word in enumerate(read.classes):
        said, target = read.said == at, read.target == at
        yield (
            word,
            _Sums(
                right=read.by_input(mine, said & target),
                said=read.by_input(mine, said),
                target=read.by_input(mine, target),
            ),
        )


def _line(sums: _Sums, depends: Dependence, level: float) -> dict[str, Any]:
    either = sums.said + sums.target - sums.right
    found = {
        "precision": share(sums.right, sums.said, depends, level),
        "recall": share(sums.right, sums.target, depends, level),
        "f1": _doubled(share(sums.right, either, depends, level)),
    }
    line: dict[str, Any] = {"targets": sums.target.sum(), "said": sums.said.sum()}
    for name, each in found.items():
        line |= {name: each.value, f"{name}_low": each.low, f"{name}_high": each.high}
    return line


def _doubled(found: Proportion) -> Proportion:
    """Return F1 from right / (right + wrong either way)."""
    value, low, high = (2.0 * each / (1.0 + each) for each in (found.value, found.low, found.high))
    return Proportion(value=value, low=low, high=high)


def _mean_ratio(
    parts: list[tuple[Floats, Floats]], counts: Flags, depends: Dependence, level: float
) -> tuple[float, float, float]:
    """Return the mean of ratios of sums with Student's limits from their influence values."""
    known = [(top, bottom) for top, bottom in parts if bottom.sum() > 0.0]
    if not known:
        return np.nan, np.nan, np.nan
    values = [top.sum() / bottom.sum() for top, bottom in known]
    pulls = [
        (top - value * bottom) / bottom.sum()
        for (top, bottom), value in zip(known, values, strict=True)
    ]
    pull = np.mean(pulls, axis=0)[counts]
    value, found = float(np.mean(values)), total(pull, depends)
    if np.isnan(found.error):
        return value, np.nan, np.nan
    half = found.reach(level)
    return value, max(0.0, value - half), min(1.0, value + half)


def _words(rows: "pd.DataFrame", scored: Flags) -> tuple[Any, Any]:
    """Return what was said and what should have been, folded; empty where there is nothing."""
    lost = [name for name in ("said", "target") if name not in rows.columns]
    if lost:
        raise UsageError(f"rows lack the column(s) {', '.join(lost)}: score with 'label'")
    said, target = (
        np.array([fold(str(each).strip()) for each in rows[name].astype("string").fillna("")],
                 dtype=object)
        for name in ("said", "target")
    )  # fmt: skip
    # A target may be written in another of a label's ways: what scores 1 says which is meant.
    right = scored & (rows["score"].to_numpy(dtype=float, na_value=np.nan) == 1.0) & (said != "")
    right &= target != ""
    meant = dict(zip(target[right], said[right], strict=True))
    return said, np.array([meant.get(word, word) for word in target], dtype=object)


def _without(read: Labelled, arm: Name, among: Flags | None) -> Floats:
    """Count the inputs of each class by their answers without a score, repeats sharing their 1."""
    table = read.table
    mine = table.arm_of == table.names.index(arm)
    mine = mine if among is None else mine & among[table.input_of]
    repeats = np.maximum(np.bincount(table.input_of[mine], minlength=len(table.inputs)), 1)
    lost = mine & ~table.scored & (read.meant >= 0)
    each = 1.0 / repeats[table.input_of[lost]]
    return np.bincount(read.meant[lost], each, len(read.classes)).astype(float)
