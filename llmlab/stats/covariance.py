"""How the mean scores of several arms vary together, when all answered the same inputs."""

from dataclasses import dataclass

import numpy as np

from llmlab.stats.checks import Floats
from llmlab.stats.spread import INDEPENDENT, Dependence, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """The means of some columns on the same inputs."""

    means: Floats
    covariance: Floats
    """Of the means, columns x columns; NaN with one unit."""
    freedom: float
    """Degrees of freedom of Student's t for one of them."""


def together(values: Floats, depends: Dependence = INDEPENDENT) -> Together:
    """
    Return the means of the columns of *values* (inputs x columns) and how they vary together.

    The error of each mean is that of `spread`; their correlations are those of the sums by
    cluster, or date, raised by what the mean took out of each (CR2).
    """
    n, columns = values.shape
    means = values.mean(axis=0) if n else np.full(columns, np.nan)
    found = [spread(np.ascontiguousarray(column), depends) for column in values.T] if n else []
    if not found or np.isnan(found[0].error):
        nothing = np.full((columns, columns), np.nan)
        return Together(means=means, covariance=nothing, freedom=float("nan"))
    sums = _sums(values - means, depends)
    product = sums.T @ sums
    own = np.sqrt(product.diagonal())
    alike = product / np.where(own > 0.0, own, 1.0)[:, None] / np.where(own > 0.0, own, 1.0)
    errors = np.where(own > 0.0, [each.error for each in found], 0.0)
    return Together(
        means=means,
        covariance=np.outer(errors, errors) * alike,
        freedom=min(each.freedom for each in found),
    )


def _sums(rest: Floats, depends: Dependence) -> Floats:
    if depends.codes is None:
        return rest
    units, codes = np.unique(depends.codes, return_inverse=True)
    added = np.zeros((units.size, rest.shape[1]))
    np.add.at(added, codes, rest)
    return np.asarray(added / np.sqrt(1.0 - np.bincount(codes) / rest.shape[0])[:, None])
