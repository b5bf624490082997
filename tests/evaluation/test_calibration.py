"""Held to scikit-learn's logistic regression, and to probabilities that are right by construction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from strtf.evaluation.calibration import calibration, negative_log_likelihood, platt_scaling

answers = st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=30)


def drawn(number, slope=1.0, offset=0.0, seed=0):
    """Scores, and answers that are right with the probability of slope · score + offset."""
    random = np.random.default_rng(seed)
    scores = random.normal(0.0, 3.0, number)
    return scores, random.random(number) < 1.0 / (1.0 + np.exp(-(slope * scores + offset)))


class TestCalibration:
    def test_bins(self):
        result = calibration([0.2, 0.6, 0.64, 1.0, 0.99], [False, True, False, True, True])
        assert [(each["from"], each["to"], each["answers"]) for each in result["bins"]] == [
            (0.0, 0.5, 1),
            (0.5, 0.7, 2),
            (0.99, 1.0, 2),
        ]
        assert [each["probability"] for each in result["bins"]] == pytest.approx([0.2, 0.62, 0.995])
        assert [each["right"] for each in result["bins"]] == [0.0, 0.5, 1.0]
        assert result["ece"] == pytest.approx((0.2 + 2 * 0.12 + 2 * 0.005) / 5)

    def test_of_no_answers(self):
        assert calibration([], []) == {"ece": 0.0, "bins": []}

    @given(answers)
    def test_every_answer_is_in_one_bin(self, items):
        result = calibration(*zip(*items, strict=True))
        assert sum(each["answers"] for each in result["bins"]) == len(items)
        assert 0.0 <= result["ece"] <= 1.0

    def test_of_right_probabilities(self):
        scores, right = drawn(20_000)
        assert calibration(1.0 / (1.0 + np.exp(-scores)), right)["ece"] < 0.01
        assert calibration(1.0 / (1.0 + np.exp(-3.0 * scores)), right)["ece"] > 0.05


class TestPlattScaling:
    def test_finds_the_line_of_the_answers(self):
        assert platt_scaling(*drawn(20_000, 0.6, -1.5)) == pytest.approx((0.6, -1.5), abs=0.05)

    @pytest.mark.parametrize("seed", range(5))
    def test_is_logistic_regression_of_the_softened_answers(self, seed):
        scores, right = drawn(40, 0.5, -1.0, seed)
        positive, negative = right.sum(), (~right).sum()
        certain, doubtful = (positive + 1) / (positive + 2), 1 / (negative + 2)
        target = np.where(right, certain, doubtful)
        twice, labels = np.tile(scores, 2)[:, None], np.repeat([1, 0], len(scores))
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        model.fit(twice, labels, sample_weight=np.concatenate([target, 1.0 - target]))
        assert platt_scaling(scores, right) == pytest.approx((model.coef_.item(), model.intercept_.item()), abs=1e-4)

    def test_of_separable_answers_is_finite(self):
        slope, offset = platt_scaling([3.0, 2.0, -1.0, -4.0], [True, True, False, False])
        assert 0.0 < slope < 10.0 and abs(offset) < 10.0

    def test_of_extreme_scores_is_finite(self):
        slope, offset = platt_scaling([1e4, 2e4, -1e4, 5.0], [True, True, False, False])
        assert np.isfinite([slope, offset]).all() and slope > 0.0

    @pytest.mark.parametrize(
        ("scores", "right"),
        [
            ([], []), ([1.0, 2.0], [True, True]), ([1.0], [False]), ([2.0, 2.0], [True, False]),
            ([1.0, 2.0, -1.0, -2.0], [False, False, True, True]),
        ],
    )  # fmt: skip
    def test_where_nothing_can_be_told(self, scores, right):
        assert platt_scaling(scores, right) is None


@given(answers)
def test_the_likelihood_is_finite(items):
    assert np.isfinite(negative_log_likelihood(*zip(*items, strict=True)))


def test_the_likelihood_is_best_near_the_share_of_right_answers():
    right = [True] * 70 + [False] * 30
    tried = np.arange(0.05, 1.0, 0.05)
    losses = [negative_log_likelihood([p] * 100, right) for p in tried]
    assert tried[np.argmin(losses)] == pytest.approx(0.7)
