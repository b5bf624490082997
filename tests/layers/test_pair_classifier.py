import numpy as np
import pytest

from strtf.layers.pair_classifier import PairClassifier

CLS = np.random.default_rng(0).normal(size=(6, 8))  # [P, D]


@pytest.fixture
def make_classifier(randomize):
    def make(dropout=0.0, dtype="float64"):
        classifier = PairClassifier(4, 5, dropout, dtype=dtype)
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
    config = make_classifier(dropout=0.3).get_config()
    assert PairClassifier.from_config(config).get_config() == config
