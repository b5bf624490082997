"""Whether an answer given with probability p is right in p of all cases: how that is measured, and brought about.

What is measured is the expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599): answers are
binned by probability, and the difference of mean probability and share of right answers is averaged over the bins,
weighed by their answers.
"""

from collections.abc import Sequence

import numpy as np

EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)  # narrow where most answers are; the last bin holds 1
_SHARP, _STEPS = 1e-8, 50  # of Newton's method


def calibration(probabilities: Sequence[float], right: Sequence[bool]) -> dict:
    """Bins and expected calibration error of n answers.

    Returns:
        {"ece": in [0, 1], 0 without answers; "bins": [{"from", "to", "answers", "probability": the mean, "right": the
        share}], empty bins left out}.
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(right, np.float64)
    number = np.clip(np.searchsorted(EDGES, p, side="right") - 1, 0, len(EDGES) - 2)
    bins = []
    for i in np.unique(number).tolist():
        inside = number == i
        bins.append(
            {
                "from": EDGES[i],
                "to": EDGES[i + 1],
                "answers": int(inside.sum()),
                "probability": float(p[inside].mean()),
                "right": float(y[inside].mean()),
            }
        )
    gaps = sum(each["answers"] * abs(each["probability"] - each["right"]) for each in bins)
    return {"ece": gaps / len(p) if len(p) else 0.0, "bins": bins}


def negative_log_likelihood(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Mean over the answers, in nats; as if one more of each kind had been seen, so that no probability is endless.

    The targets are Platt's: (N₊ + 1) / (N₊ + 2) for right answers and 1 / (N₋ + 2) for wrong ones.
    """
    p = np.clip(np.asarray(probabilities, np.float64), 1e-12, 1.0 - 1e-12)
    target = _targets(right)
    return float(-np.mean(target * np.log(p) + (1.0 - target) * np.log1p(-p)))


def platt_scaling(scores: Sequence[float], right: Sequence[bool]) -> tuple[float, float] | None:
    """Slope and offset of the log-odds that an answer is right, from its score: Platt (1999), by Newton's method.

    Returns:
        (slope, offset), or None where there are no answers of both kinds, or a higher score would mean nothing or less.
    """
    if len(set(map(bool, right))) < 2 or np.ptp(scores) == 0.0:
        return None
    x, target = np.asarray(scores, np.float64), _targets(right)
    design = np.stack([x, np.ones_like(x)], axis=1)  # [n, 2]
    weights = np.array([0.0, _log_odds(target.mean())])
    for _ in range(_STEPS):
        gradient, curvature = _derivatives(design, target, weights)
        step = np.linalg.solve(curvature, gradient)
        before = _loss(design, target, weights)
        while _loss(design, target, weights - step) > before and np.abs(step).max() > _SHARP:
            step = step / 2.0
        weights = weights - step
        if np.abs(step).max() <= _SHARP:
            break
    slope, offset = weights.tolist()
    return (slope, offset) if slope > 0.0 else None


def _targets(right: Sequence[bool]) -> np.ndarray:
    y = np.asarray(right, bool)
    positive, negative = int(y.sum()), int((~y).sum())
    return np.where(y, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))


def _log_odds(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


def _loss(design: np.ndarray, target: np.ndarray, weights: np.ndarray) -> float:
    x = design @ weights
    return float(np.sum(np.logaddexp(0.0, x) - target * x))


def _derivatives(design: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient [2] and Hessian [2, 2] of the loss."""
    p = 1.0 / (1.0 + np.exp(-design @ weights))
    curvature = design.T @ (design * (p * (1.0 - p))[:, None])
    return design.T @ (p - target), curvature + 1e-9 * np.eye(2)
