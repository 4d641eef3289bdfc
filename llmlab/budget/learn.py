"""
What the answers teach about a count: a factor per model and kind of text, with its band.

The log of reported over estimated tokens is taken as normal with unknown mean and variance; the
conjugate prior is normal-inverse-gamma (Gelman et al., Bayesian Data Analysis, 3rd ed., 3.3), the
band is its Student-t predictive interval. Old evidence fades by a discount factor, so a changed
tokenizer is followed (West and Harrison, Bayesian Forecasting and Dynamic Models, 2nd ed., 6.3).
An outlier counts by the weight of a t model with 4 degrees of freedom (Lange, Little and Taylor,
JASA 84, 1989), so that one prompt with tools does not spoil the factor.

Everything here is pure: a record in, the next record out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Final, Self

import msgspec

from llmlab.errors import UsageError

_FADE: Final = 0.98
"""What is left of old evidence at each answer: half of it after 34."""
_FREEDOM: Final = 4.0
_SPREAD: Final = 0.10
"""Prior standard deviation of one log ratio: a first guess is off by about a tenth."""
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What is known about log(reported / estimated) for one model and one kind of text."""

    mean: float = 0.0
    weight: float = 0.5
    """How many answers the mean is worth; the prior is worth half of one."""
    shape: float = 2.0
    scale: float = 2.0 * _SPREAD**2
    answers: int = 0

    def update(self, estimated: float, reported: float) -> "Correction":
        """
        Return the record after one more answer.

        Raises:
            UsageError: A count is not positive: there is nothing to learn from it.
        """
        if estimated <= 0 or reported <= 0:
            raise UsageError(f"cannot learn from {reported} tokens where {estimated} were expected")
        error = math.log(reported / estimated) - self.mean
        trust = self._trust(error) if self.answers > 1 else 1.0
        old = self._faded() if self.answers else self
        weight = old.weight + trust
        return Correction(
            mean=old.mean + trust * error / weight,
            weight=weight,
            shape=old.shape + trust / 2,
            scale=old.scale + old.weight * trust * error**2 / (2 * weight),
            answers=self.answers + 1,
        )

    @property
    def factor(self) -> float:
        """What an estimate is multiplied with."""
        return math.exp(self.mean)

    def band(self, level: float = 0.95) -> tuple[float, float]:
        """Return the factors between which `level` of the next answers are expected."""
        spread = math.sqrt(self.scale * (1 + 1 / self.weight) / self.shape)
        reach = student_quantile((1 + level) / 2, 2 * self.shape) * spread
        return math.exp(self.mean - reach), math.exp(self.mean + reach)

    def _faded(self) -> "Correction":
        return replace(
            self,
            weight=self.weight * _FADE,
            shape=max(2.0, self.shape * _FADE),
            scale=self.scale * max(2.0, self.shape * _FADE) / self.shape,
        )

    def _trust(self, error: float) -> float:
        squared = error**2 * self.shape / self.scale
        return min(1.0, (_FREEDOM + 1) / (_FREEDOM + squared))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The corrections of every model and kind, as the book keeps them."""

    corrections: Mapping[str, Correction] = field(default_factory=dict)
    """By `provider/model kind`."""

    def of(self, model: str, kind: str) -> Correction | None:
        """Return what is known about a model and a kind of text; None before the first answer."""
        return self.corrections.get(f"{model} {kind}")

    def update(self, model: str, kind: str, *, estimated: float, reported: float) -> Self:
        """Return the record after one more answer of *model*."""
        now = self.of(model, kind) or Correction()
        after = now.update(estimated, reported)
        return replace(self, corrections={**self.corrections, f"{model} {kind}": after})

    def to_json(self) -> bytes:
        """Write the record; `from_json` reads it back as it was."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, written: bytes) -> Self:
        """
        Read a record.

        Raises:
            UsageError: The bytes are not such a record.
        """
        try:
            return msgspec.json.decode(written, type=cls)
        except msgspec.DecodeError as error:
            raise UsageError(f"not a record of learned token counts: {error}") from error


def student_quantile(chance: float, freedom: float) -> float:
    """
    Return the quantile of Student's t (Abramowitz and Stegun 26.7.5: four terms).

    The formula is used instead of scipy because counting must not import it. From 4 degrees of
    freedom on, which is the least a correction has, it is within 2 % at 97.5 %.
    """
    z = _NORMAL.inv_cdf(chance)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
