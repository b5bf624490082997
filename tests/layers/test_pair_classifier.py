import numpy as np
import pytest

from strtf.layers.pair_classifier import DISTANCE_BOUNDS, PairClassifier, distance_class

CLS = np.random.default_rng(0).normal(size=(6, 8))  # [P, D]


@pytest.fixture
def make_classifier(randomize):
    def make(dropout=0.0, dtype="float64", **facts):
        classifier = PairClassifier(4, 5, dropout, **facts, dtype=dtype)
        classifier.build((None, 8))
        classifier.built = True
        return randomize(classifier)

    return make


def test_is_tanh_then_linear(make_classifier):
    classifier = make_classifier()
    w1, b1, w2, b2 = (np.asarray(weight) for weight in classifier.weights)
    np.testing.assert_allclose(classifier(CLS), np.tanh(CLS @ w1 + b1) @ w2 + b2, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32(make_classifier, dtype):
    assert make_classifier(dtype=dtype)(CLS.astype("float32")).dtype == "float32"


def test_tanh_layer_has_the_width_given(make_classifier):
    assert tuple(make_classifier().hidden_dense.kernel.shape) == (8, 5)


def test_logits_of_float64_stay_so(make_classifier):
    assert make_classifier()(CLS).dtype == "float64"


def test_large_half_precision_input_is_finite(make_classifier):
    assert np.isfinite(make_classifier(dtype="mixed_float16")(np.float32(CLS * 1e4))).all()


def test_dropout_off_is_deterministic(make_classifier):
    classifier = make_classifier(dropout=0.5)
    np.testing.assert_array_equal(classifier(CLS), classifier(CLS))


def test_dropout_on_differs(make_classifier):
    classifier = make_classifier(dropout=0.5)
    assert not np.array_equal(classifier(CLS, training=True), classifier(CLS, training=True))


def test_config_round_trip(make_classifier):
    config = make_classifier(dropout=0.3, distance=True, num_types=2, rivals=True).get_config()
    assert PairClassifier.from_config(config).get_config() == config


class TestDistance:
    SPANS = np.int32([[1, 2, 2, 4], [1, 2, 3, 4], [1, 5, 3, 7], [2, 4, 90, 91], [1, 3, 9, 12], [1, 2, 2, 4]])

    def test_class_counts_the_tokens_between(self):
        assert np.asarray(distance_class(self.SPANS)).tolist() == [0, 1, 0, 11, 6, 0]

    def test_classes_cover_all_distances(self):
        between = np.arange(512, dtype=np.int32)
        spans = np.stack([between * 0, between * 0 + 1, between + 1, between + 2], axis=1)
        classes = np.asarray(distance_class(spans))
        assert (np.diff(classes) >= 0).all() and set(classes.tolist()) == set(range(len(DISTANCE_BOUNDS) + 1))

    def test_its_vector_joins_the_tanh(self, make_classifier):
        classifier = make_classifier(distance=True)
        wanted = expected_logits(classifier, lambda weights: weights["distance"][[0, 1, 0, 11, 6, 0]])
        np.testing.assert_allclose(classifier(CLS, self.SPANS), wanted, rtol=0, atol=1e-10)


def expected_logits(classifier, joining):
    """By numpy; `joining` gives what joins the Tanh's input from the weights by name."""
    weights = {weight.path.split("/", 1)[1]: np.asarray(weight) for weight in classifier.weights}
    hidden = CLS @ weights["hidden_dense/kernel"] + weights["hidden_dense/bias"] + joining(weights)
    return np.tanh(hidden) @ weights["relation_dense/kernel"] + weights["relation_dense/bias"]


PAIRS = np.int32([[0, 0], [0, 2], [1, 2], [2, 1], [0, 1], [2, 2]])  # types, or rivals


def test_vectors_of_both_types_join_the_tanh(make_classifier):
    classifier = make_classifier(num_types=3)
    wanted = expected_logits(classifier, lambda w: w["types"][PAIRS[:, 0]] + w["types"][3 + PAIRS[:, 1]])
    np.testing.assert_allclose(classifier(CLS, None, PAIRS), wanted, rtol=0, atol=1e-10)


def test_vectors_of_both_numbers_of_rivals_join_the_tanh(make_classifier):
    classifier = make_classifier(rivals=True)
    wanted = expected_logits(classifier, lambda w: w["rivals"][PAIRS[:, 0]] + w["rivals"][4 + PAIRS[:, 1]])
    np.testing.assert_allclose(classifier(CLS, None, None, PAIRS), wanted, rtol=0, atol=1e-10)


def test_many_rivals_are_one_class(make_classifier):
    classifier = make_classifier(rivals=True)
    logits = [np.asarray(classifier(CLS, None, None, np.full((6, 2), number, np.int32))) for number in (2, 3, 70)]
    assert not np.allclose(logits[0], logits[1])
    np.testing.assert_array_equal(logits[1], logits[2])


@pytest.mark.parametrize("table", ["distance_table", "type_table", "rivals_table"])
def test_begins_without_effect(table):
    classifier = PairClassifier(4, 5, distance=True, num_types=2, rivals=True)
    classifier.build((None, 8))
    assert not np.asarray(getattr(classifier, table)).any()
