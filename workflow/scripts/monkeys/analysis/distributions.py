"""Distributions of the solve rate over problems, fitted to counts by maximum likelihood, and their coverage."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betainc, betaln
from scipy.stats import chi2, norm

Array = NDArray[np.float64]
Range = tuple[float, float]


class Distribution:
    """A distribution of the solve rate over problems, and the counts that it is fitted to."""

    bounds: tuple[Range, ...] = ((-9, 7), (-9, 11))
    """Range of each parameter; the first two are log α and log β."""

    def __init__(self, samples: Array, correct: Array) -> None:
        rows, self.weights = np.unique(np.stack([samples, correct]), axis=1, return_counts=True)
        self.samples, self.correct = rows  # most problems share their counts with others

    def log_likelihood(self, *parameters: Array) -> Array:
        """Log likelihood up to a constant; parameters are broadcast to the shape of the result."""
        raise NotImplementedError

    def coverage(self, parameters: Array, ks: Array) -> Array:
        """Coverage, shape (points, ks), for parameters of shape (parameters, points)."""
        raise NotImplementedError

    def sd(self, parameters: Array, ks: Array) -> Array:
        """Standard deviation of coverage given the parameters, shape (points, ks)."""
        return np.zeros((parameters.shape[1], len(ks)))


class BetaBinomial(Distribution):
    """Solve rates from Beta(α, β), counts binomial (Kazdan et al. 2025, arXiv 2510.05197)."""

    def log_probabilities(self, log_alpha: Array, log_beta: Array) -> Array:
        """Log of B(α + s, β + n − s) / B(α, β) for the distinct counts, on a new last axis."""
        alpha, beta = np.exp(log_alpha)[..., None], np.exp(log_beta)[..., None]
        return np.asarray(betaln(alpha + self.correct, beta + self.samples - self.correct) - betaln(alpha, beta))

    def log_likelihood(self, *parameters: Array) -> Array:
        """Sum of the log probabilities over problems."""
        return self.log_probabilities(*parameters) @ self.weights

    def coverage(self, parameters: Array, ks: Array) -> Array:
        """1 − B(α, β + k) / B(α, β)."""
        alpha, beta = np.exp(parameters[:2])[..., None]
        return np.asarray(-np.expm1(betaln(alpha, beta + ks) - betaln(alpha, beta)))


class ZeroInflated(BetaBinomial):
    """The Beta-binomial with a share π, the third parameter, of problems that cannot be solved."""

    bounds = (*BetaBinomial.bounds, (0, 0.999))

    def log_likelihood(self, *parameters: Array) -> Array:
        """Sum of log(π [s = 0] + (1 − π) B(α + s, β + n − s) / B(α, β)) over problems."""
        log_alpha, log_beta, share = parameters
        logs, possible = self.log_probabilities(log_alpha, log_beta), np.log1p(-share)
        zero = self.correct == 0
        with np.errstate(divide="ignore"):
            zeros = np.logaddexp(np.log(share)[..., None], possible[..., None] + logs[..., zero])
        solved = logs[..., ~zero] @ self.weights[~zero] + possible * self.weights[~zero].sum()
        return np.asarray(solved + zeros @ self.weights[zero])

    def coverage(self, parameters: Array, ks: Array) -> Array:
        """(1 − π) (1 − B(α, β + k) / B(α, β))."""
        return (1 - parameters[2])[:, None] * super().coverage(parameters, ks)


class EmpiricalBayes(BetaBinomial):
    """The Beta-binomial as a prior, which each problem's own counts update: it predicts for these problems."""

    def _unsolved(self, parameters: Array, ks: Array) -> Array:
        """Posterior mean of (1 − p)^k, shape (points, distinct counts, ks)."""
        alpha, beta = np.exp(parameters)[..., None, None]
        alpha, beta = alpha + self.correct[:, None], beta + (self.samples - self.correct)[:, None]
        return np.asarray(np.exp(betaln(alpha, beta + ks) - betaln(alpha, beta)))

    def coverage(self, parameters: Array, ks: Array) -> Array:
        """Mean over problems of 1 − B(α + s, β + n − s + k) / B(α + s, β + n − s)."""
        return 1 - np.einsum("u,puk->pk", self.weights / self.weights.sum(), self._unsolved(parameters, ks))

    def sd(self, parameters: Array, ks: Array) -> Array:
        """From the posterior variances of (1 − p)^k of the problems."""
        variance = self._unsolved(parameters, 2 * ks) - self._unsolved(parameters, ks) ** 2
        return np.sqrt(np.einsum("u,puk->pk", self.weights, variance.clip(0))) / self.weights.sum()


class Scaled(Distribution):
    """Solve rates between 0 and c, by discretised maximum likelihood (Schaeffer et al. 2025, arXiv 2502.17578).

    As in their code, c is the largest observed rate s / n, and rates are binned below 1/n and between n/10 log-spaced
    edges from 1/n to 1; here n is the smallest number of samples, and there are at least 10 edges.
    """

    bounds = ((np.log(0.01), np.log(100)), (np.log(0.01), np.log(100)))

    def __init__(self, samples: Array, correct: Array) -> None:
        rates, fewest = correct / samples, samples.min()
        self.scale = max(rates.max(), 1 / fewest)
        edges = np.geomspace(1 / fewest, 1, max(int(fewest) // 10, 10))
        # a rate of 1/n is in the second bin, whatever the rounding
        found = np.searchsorted(edges[:-1], rates * (1 + 1e-12), side="right")
        bins, self.weights = np.unique(found, return_counts=True)
        self.edges = np.concatenate([[0], edges])[np.stack([bins, bins + 1])] / self.scale

    @staticmethod
    def cumulative(x: Array, alpha: Array, beta: Array) -> Array:
        """Cumulative distribution of p / c."""
        raise NotImplementedError

    def log_likelihood(self, *parameters: Array) -> Array:
        """Sum over problems of the log of the bin's probability plus 1e-16."""
        alpha, beta = (np.exp(parameter)[..., None] for parameter in parameters)
        low, high = (self.cumulative(np.minimum(edge, 1), alpha, beta) for edge in self.edges)
        return np.asarray(np.log(high - low + 1e-16) @ self.weights)

    def coverage(self, parameters: Array, ks: Array) -> Array:
        """Integral of 1 − (1 − p)^k, by the trapezoidal rule between log-spaced p."""
        p = np.concatenate([[0], np.geomspace(1e-14, 1, 600)])
        alpha, beta = np.exp(parameters)[..., None]
        masses = np.diff(self.cumulative(p, alpha, beta), axis=1)
        with np.errstate(divide="ignore"):
            solved = -np.expm1(ks[:, None] * np.log1p(-self.scale * p))
        return np.asarray(masses @ ((solved[:, 1:] + solved[:, :-1]) / 2).T)


class ScaledBeta(Scaled):
    """Solve rates from c · Beta(α, β)."""

    @staticmethod
    def cumulative(x: Array, alpha: Array, beta: Array) -> Array:
        """The regularised incomplete beta function."""
        return np.asarray(betainc(alpha, beta, x))


class Kumaraswamy(Scaled):
    """Solve rates from c times Kumaraswamy's distribution."""

    @staticmethod
    def cumulative(x: Array, alpha: Array, beta: Array) -> Array:
        """1 − (1 − x^α)^β."""
        with np.errstate(divide="ignore"):
            return np.asarray(-np.expm1(beta * np.log1p(-(x**alpha))))


def fit(distribution: Distribution, confidence: float) -> tuple[Array, Array]:
    """Parameters of maximum likelihood, and all those that a likelihood ratio test does not reject.

    Args:
        distribution: Distribution with the counts.
        confidence: 1 minus the level of the test, with one degree of freedom: the range of any function over these
            parameters is then its profile likelihood interval.

    Returns:
        Shape (parameters,), and points of a grid, shape (parameters, points).
    """
    drop = chi2.ppf(confidence, 1) / 2
    lowest, highest = np.array(distribution.bounds, dtype=np.float64).T
    low, high = lowest, highest
    points = 17  # per axis; with 11, intervals of three parameters are too narrow
    for _ in range(4):  # each grid covers what the one before has not rejected
        axes = [np.linspace(*ends, points) for ends in zip(low, high, strict=True)]
        heights = distribution.log_likelihood(*np.meshgrid(*axes, sparse=True, indexing="ij"))
        grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
        best, kept = grid[:, heights.argmax()], grid[:, heights.ravel() >= heights.max() - drop]
        cell = (high - low) / (points - 1)
        low, high = np.maximum(kept.min(axis=1) - cell, lowest), np.minimum(kept.max(axis=1) + cell, highest)
    simplex = np.clip(best + np.vstack([0 * cell, np.diag(cell / 2)]), lowest, highest)
    found = minimize(
        lambda parameters: -float(distribution.log_likelihood(*parameters)),
        best,
        method="Nelder-Mead",
        bounds=distribution.bounds,
        options={"xatol": 1e-5, "fatol": 1e-8, "initial_simplex": simplex},
    )
    return found.x, kept


def predict(
    kind: type[Distribution], samples: ArrayLike, correct: ArrayLike, ks: Array, confidence: float
) -> tuple[Array, Array, Array]:
    """Coverage of the fitted distribution with its profile likelihood interval.

    A prediction for these problems (`EmpiricalBayes`) also has the uncertainty of their solve rates, added in
    quadrature.

    Args:
        kind: Distribution.
        samples: Per problem, shape (problems,), positive.
        correct: Per problem, shape (problems,).
        ks: Numbers of samples, shape (ks,).
        confidence: Confidence level of the interval.

    Returns:
        Coverage and the ends of its interval, shape (ks,) each; NaN without a correct sample, or if a problem has fewer
        than two samples.
    """
    n, s = np.asarray(samples, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if not s.any() or n.min() < 2:
        undefined = np.full(len(ks), np.nan)
        return undefined, undefined, undefined
    distribution = kind(n, s)
    best, kept = fit(distribution, confidence)
    point = distribution.coverage(best[:, None], ks)[0]
    rest = norm.ppf((1 + confidence) / 2) * distribution.sd(best[:, None], ks)[0]
    profile = np.vstack([distribution.coverage(kept, ks), point])
    low, high = (np.hypot(point - ends, rest) for ends in (profile.min(axis=0), profile.max(axis=0)))
    return point, (point - low).clip(0, 1), (point + high).clip(0, 1)
