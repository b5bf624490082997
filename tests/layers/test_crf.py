"""The CRF against tensorflow-addons' golden values and against brute force over all taggings."""

import importlib.util
import itertools
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.errors import StrtfError
from strtf.layers.crf import (
    Crf,
    crf_decode,
    crf_log_likelihood,
    crf_log_norm,
    crf_sequence_score,
    crf_span_log_marginals,
)
from strtf.text.bieos import TagScheme

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = np.load(ROOT / "tests" / "golden" / "tfa_crf.npz")
CASES = sorted({key.split("/")[0] for key in GOLDEN.files})
OUT, B, IN, E, S = BIEOS = range(5)
FORBIDDEN = -1e4


def golden(case):
    return {key.split("/")[1]: GOLDEN[key] for key in GOLDEN.files if key.startswith(f"{case}/")}


def legal_crf():
    """A CRF over one entity type that allows exactly the well-formed BIEOS taggings."""
    opens, closes = {B, IN}, {OUT, E, S}  # a tag that must be continued; one that must not
    continues = {IN, E}
    allowed = [[(i in opens) == (j in continues) for j in BIEOS] for i in BIEOS]
    return Crf(
        5,
        start_penalty=[FORBIDDEN if tag in continues else 0.0 for tag in BIEOS],
        transition_penalty=np.where(allowed, 0.0, FORBIDDEN),
        end_penalty=[0.0 if tag in closes else FORBIDDEN for tag in BIEOS],
    )


def brute_force(emissions, transitions):
    """All taggings [C ** T, T] of emissions [T, C] and their scores, in float64."""
    emissions, transitions = np.asarray(emissions, "float64"), np.asarray(transitions, "float64")
    taggings = np.array(list(itertools.product(range(emissions.shape[1]), repeat=len(emissions))))
    scores = emissions[np.arange(len(emissions)), taggings].sum(1)
    return taggings, scores + transitions[taggings[:, :-1], taggings[:, 1:]].sum(1)


def log_sum_exp(x):
    return x.max() + np.log(np.exp(x - x.max()).sum()) if x.size else -np.inf


def random_potentials(seed, batch, steps, num_tags, scale=1.0):
    rng = np.random.default_rng(seed)
    emissions = scale * rng.normal(size=(batch, steps, num_tags)).astype("float32")
    return emissions, scale * rng.normal(size=(num_tags, num_tags)).astype("float32")


def gradients(emissions, tags, lengths, transitions):
    emissions, transitions = tf.constant(emissions), tf.constant(transitions)
    with tf.GradientTape() as tape:
        tape.watch([emissions, transitions])
        total = tf.reduce_sum(crf_log_likelihood(emissions, tags, lengths, transitions))
    return [tf.convert_to_tensor(g).numpy() for g in tape.gradient(total, [emissions, transitions])]


# --- tensorflow-addons ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_likelihood_equals_tensorflow_addons(case):
    g = golden(case)
    arguments = g["inputs"], g["tags"], g["lengths"], g["transitions"]
    np.testing.assert_allclose(crf_log_likelihood(*arguments), g["log_likelihood"], rtol=1e-5)
    np.testing.assert_allclose(crf_sequence_score(*arguments), g["sequence_score"], rtol=1e-5)
    log_norm = crf_log_norm(g["inputs"], g["lengths"], g["transitions"])
    np.testing.assert_allclose(log_norm, g["log_norm"], rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_tensorflow_addons(case):
    g = golden(case)
    by_inputs, by_transitions = gradients(g["inputs"], g["tags"], g["lengths"], g["transitions"])
    # Both are float32: differences of probabilities, hence also an absolute tolerance.
    np.testing.assert_allclose(by_inputs, g["inputs_gradient"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_transitions, g["transitions_gradient"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_decode_equals_tensorflow_addons(case):
    g = golden(case)
    tags, best_score = map(np.asarray, crf_decode(g["inputs"], g["transitions"], g["lengths"]))
    filled = g["lengths"] > 0
    np.testing.assert_array_equal(tags[filled], g["decoded"][filled])
    np.testing.assert_allclose(best_score[filled], g["best_score"][filled], rtol=1e-5)


# --- brute force ------------------------------------------------------------------------------------------

TINY = {"seed": st.integers(0, 9999), "steps": st.integers(1, 4), "scale": st.sampled_from([1.0, 30.0])}


@settings(deadline=None, max_examples=15)
@given(**TINY, num_tags=st.integers(1, 4))
def test_log_norm_sums_over_all_taggings(seed, steps, scale, num_tags):
    emissions, transitions = random_potentials(seed, 1, steps + 1, num_tags, scale)  # one padded step
    _, scores = brute_force(emissions[0, :steps], transitions)
    np.testing.assert_allclose(crf_log_norm(emissions, [steps], transitions)[0], log_sum_exp(scores), rtol=1e-5)


@settings(deadline=None, max_examples=15)
@given(**TINY, num_tags=st.integers(1, 4))
def test_decode_finds_the_best_tagging(seed, steps, scale, num_tags):
    emissions, transitions = random_potentials(seed, 1, steps + 1, num_tags, scale)
    taggings, scores = brute_force(emissions[0, :steps], transitions)
    tags, best_score = crf_decode(emissions, transitions, [steps])
    assert np.asarray(tags)[0].tolist() == [*taggings[scores.argmax()], 0]
    np.testing.assert_allclose(best_score[0], scores.max(), rtol=1e-5, atol=1e-5)


def segment_log_marginal(taggings, scores, start, end):
    segment = [S] if end - start == 1 else [B] + [IN] * (end - start - 2) + [E]
    holds = (taggings[:, start:end] == segment).all(1)
    return log_sum_exp(scores[holds]) - log_sum_exp(scores)


@settings(deadline=None, max_examples=15)
@given(**TINY | {"steps": st.integers(1, 5)})
def test_span_log_marginals_sum_over_the_tags_around(seed, steps, scale):
    emissions, transitions = random_potentials(seed, 2, 5, 5, scale)
    spans = [(s, e) for s in range(steps) for e in range(s + 1, steps + 1)]
    starts, ends = np.array(spans).T
    result = crf_span_log_marginals(
        emissions, transitions, [5, steps], np.ones_like(starts), starts, ends, *_bies(len(spans))
    )
    brute = brute_force(emissions[1, :steps], transitions)
    expected = [segment_log_marginal(*brute, *span) for span in spans]
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=5e-5)


def _bies(count):
    return (np.full(count, tag) for tag in (B, IN, E, S))


def test_gradients_equal_finite_differences():
    emissions, transitions = (x.astype("float64") for x in random_potentials(1, 2, 4, 3))
    tags, lengths = np.array([[0, 2, 1, 1], [2, 0, 0, 0]]), [4, 2]

    def total(x, a):
        return float(tf.reduce_sum(crf_log_likelihood(x, tags, lengths, a)))

    for which, gradient in enumerate(gradients(emissions, tags, lengths, transitions)):
        numeric = np.zeros_like(gradient)
        for index in np.ndindex(gradient.shape):
            ends = []
            for delta in (1e-5, -1e-5):
                moved = [emissions.copy(), transitions.copy()]
                moved[which][index] += delta
                ends.append(total(*moved))
            numeric[index] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(gradient, numeric, atol=1e-9)


# --- shapes, dtypes, compilation --------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 6])
def test_compiled_with_unknown_shapes_equals_eager(steps):
    emissions, transitions = random_potentials(2, 3, steps, 5)
    tags = np.random.default_rng(3).integers(0, 5, (3, steps))
    lengths = np.array([steps, 1, 0])
    spans = [0, 1], [0, 0], [steps, 1], *_bies(2)

    def everything(emissions, tags, lengths):
        a = tf.constant(transitions)
        with tf.GradientTape() as tape:
            tape.watch([emissions, a])
            likelihood = crf_log_likelihood(emissions, tags, lengths, a)
        by_emissions, by_transitions = tape.gradient(likelihood, [emissions, a])
        marginals = crf_span_log_marginals(emissions, a, lengths, *spans)
        return likelihood, by_emissions, by_transitions, marginals, *crf_decode(emissions, a, lengths)

    arguments = tf.constant(emissions), tf.constant(tags), tf.constant(lengths)
    signature = [tf.TensorSpec([None] * x.shape.rank, x.dtype) for x in arguments]
    signature[0] = tf.TensorSpec([None, None, 5])
    expected = everything(*arguments)
    for jit in (False, True):
        compiled = tf.function(everything, input_signature=signature, jit_compile=jit)(*arguments)
        for ours, theirs in zip(compiled, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", [0, -1])  # -1: a row of padding whose [CLS] was taken off
def test_empty_sentences_score_zero_and_get_tag_zero(length):
    emissions, transitions = random_potentials(4, 2, 3, 4)
    likelihood = crf_log_likelihood(emissions, np.ones((2, 3), int), [length, 3], transitions)
    tags, best_score = map(np.asarray, crf_decode(emissions, transitions, [length, 3]))
    assert (float(likelihood[0]), best_score[0], tags[0].tolist()) == (0.0, 0.0, [0, 0, 0])


def test_an_empty_batch_is_allowed():
    tags, best_score = crf_decode(np.zeros((0, 3, 4), "float32"), np.zeros((4, 4)), np.zeros(0, "int32"))
    assert tuple(tags.shape) == (0, 3) and tuple(best_score.shape) == (0,)


def test_padding_is_never_read():
    emissions, transitions = random_potentials(5, 1, 4, 3)
    clean = gradients(emissions[:, :2], [[1, 2]], [2], transitions)
    emissions[:, 2:] = np.nan
    padded = gradients(emissions, [[1, 2, -1, 99]], [2], transitions)
    np.testing.assert_allclose(padded[0][:, :2], clean[0], rtol=1e-6)
    np.testing.assert_array_equal(padded[0][:, 2:], 0.0)
    np.testing.assert_allclose(padded[1], clean[1], rtol=1e-6)


@pytest.mark.parametrize(
    ("given_dtype", "dtype"), [("bfloat16", "float32"), ("float16", "float32"), ("float64", "float64")]
)
def test_computes_in_float32_or_float64(given_dtype, dtype):
    emissions = tf.cast(random_potentials(6, 1, 3, 3)[0], given_dtype)
    assert crf_log_norm(emissions, [3], np.zeros((3, 3), "float32")).dtype == dtype


def test_long_sentences_keep_their_marginals_exact():
    emissions, transitions = random_potentials(7, 1, 200, 5, scale=8.0)
    starts = np.arange(0, 190, 7)
    spans = np.zeros_like(starts), starts, starts + 6, *_bies(len(starts))
    exact = crf_span_log_marginals(emissions.astype("float64"), transitions, [200], *spans)
    np.testing.assert_allclose(crf_span_log_marginals(emissions, transitions, [200], *spans), exact, rtol=1e-4)


@pytest.mark.parametrize("place", [0, -1, 2])
def test_padding_spans_get_zero(place):
    emissions, transitions = random_potentials(8, 1, 3, 5)
    spans = [0], [place], [place], *_bies(1)
    assert float(crf_span_log_marginals(emissions, transitions, [3], *spans)[0]) == 0.0


def test_mismatched_shapes_are_refused():
    with pytest.raises(StrtfError, match=r"transitions must be \[C, C\].*Received: transitions \(4, 4\)"):
        crf_log_norm(np.zeros((1, 2, 3), "float32"), [2], np.zeros((4, 4)))


# --- the layer --------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 9999), lengths=st.lists(st.integers(1, 6), min_size=3, max_size=3))
def test_legal_decoding_is_well_formed(seed, lengths):
    crf = legal_crf()
    emissions, _ = random_potentials(seed, 3, 6, 5, scale=20.0)
    for row, length in zip(np.asarray(crf.decode(emissions, lengths)[0]), lengths, strict=True):
        tags = row[:length]
        assert crf.start_penalty[tags[0]] == crf.end_penalty[tags[-1]] == 0.0
        assert not crf.transition_penalty[tags[:-1], tags[1:]].any()


def test_free_decoding_ignores_the_penalties():
    crf = legal_crf()
    emissions, _ = random_potentials(9, 2, 6, 5, scale=20.0)
    expected, _ = crf_decode(emissions, crf.transitions, [6, 6])
    np.testing.assert_array_equal(crf.decode(emissions, [6, 6], legal=False)[0], expected)


def test_training_ignores_the_penalties():
    crf = legal_crf()
    emissions, _ = random_potentials(10, 1, 3, 5)
    illegal = [[E, E, B]]
    expected = crf_log_likelihood(emissions, illegal, [3], crf.transitions)
    np.testing.assert_allclose(crf.log_likelihood(emissions, illegal, [3]), expected)
    assert float(expected[0]) > FORBIDDEN / 2


def test_each_token_is_outside_or_in_one_legal_span():
    crf, length = legal_crf(), 9
    emissions, transitions = random_potentials(11, 2, 12, 5, scale=3.0)
    crf.transitions.assign(transitions)
    spans = [(s, e) for s in range(length) for e in range(s + 1, length + 1)]
    starts, ends = np.array(spans).T
    ones = np.ones_like(starts)
    entity = np.exp(crf.span_log_marginals(emissions, [12, length], ones, starts, ends, *_bies(len(spans))))
    time = np.arange(length)
    outside = np.exp(
        crf.span_log_marginals(emissions, [12, length], ones[time], time, time + 1, *[np.full(length, OUT)] * 4)
    )
    covering = [entity[(starts <= t) & (t < ends)].sum() for t in time]
    np.testing.assert_allclose(outside + covering, 1.0, rtol=1e-4)


def test_penalties_keep_everything_finite():
    crf = legal_crf()
    emissions, _ = random_potentials(12, 1, 6, 5, scale=50.0)
    spans = np.zeros(3, int), [0, 2, 5], [1, 6, 6], [E] * 3, [OUT] * 3, [B] * 3, [IN] * 3  # none is legal
    assert np.isfinite(crf.span_log_marginals(emissions, [6], *spans)).all()
    penalised = crf.transition_penalty + crf.transitions.numpy()
    for gradient in gradients(emissions, [[OUT, B, E, OUT, OUT, S]], [6], penalised):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "bfloat16", "float64"])
def test_transitions_are_float32_under_every_policy(policy):
    class Holder(keras.layers.Layer):
        def call(self, x):
            return keras.ops.convert_to_tensor(self.crf.transitions)

    holder = Holder(dtype=policy)
    holder.crf = Crf(3, dtype=policy)
    assert holder(np.zeros(1)).dtype == "float32"


def test_config_round_trip():
    crf = legal_crf()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(crf))
    assert copy.get_config() == crf.get_config()
    copy.set_weights(crf.get_weights())
    emissions, _ = random_potentials(13, 2, 5, 5, scale=5.0)
    np.testing.assert_array_equal(copy.decode(emissions, [5, 3])[0], crf.decode(emissions, [5, 3])[0])


def test_transitions_learn_from_the_loss():
    crf = Crf(3)
    emissions, _ = random_potentials(14, 2, 4, 3)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(crf.log_likelihood(emissions, [[0, 1, 2, 0]] * 2, [4, 2]))
    (gradient,) = tape.gradient(loss, crf.trainable_variables)
    assert isinstance(gradient, tf.Tensor) and np.abs(gradient).max() > 0


@pytest.mark.parametrize(
    ("penalty", "received"), [([0.0, 0.0], r"shape \(2,\)"), ([0.0, -np.inf, 0.0], "1 not finite")]
)
def test_unfit_penalties_are_refused(penalty, received):
    with pytest.raises(StrtfError, match=rf"start_penalty must be finite and of shape \(3,\)\. .*{received}"):
        Crf(3, start_penalty=penalty)


# --- other backends ---------------------------------------------------------------------------------------

ON_JAX = """
import sys, numpy as np, keras
from strtf.layers.crf import crf_decode, crf_log_likelihood, crf_span_log_marginals
assert keras.backend.backend() == "jax"
import jax
x, y, lengths, a, spans = np.load(sys.argv[1]).values()
f = jax.jit(lambda x, a: crf_log_likelihood(x, y, lengths, a))
g = jax.grad(lambda x: f(x, a).sum())(x)
marginals = crf_span_log_marginals(x, a, lengths, *spans)
np.savez(sys.argv[2], f=f(x, a), g=g, m=marginals, t=crf_decode(x, a, lengths)[0])
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_jax_equals_tensorflow(tmp_path):
    x, a = random_potentials(15, 3, 6, 5)
    y, lengths = np.random.default_rng(15).integers(0, 5, (3, 6)), np.array([6, 1, 3])
    spans = np.array([[0, 2], [1, 0], [5, 2], [B] * 2, [IN] * 2, [E] * 2, [S] * 2])
    np.savez(tmp_path / "in.npz", x=x, y=y, lengths=lengths, a=a, spans=spans)
    python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": python_path}
    command = [sys.executable, "-c", ON_JAX, tmp_path / "in.npz", tmp_path / "out.npz"]
    subprocess.run(command, env=environment, check=True)
    out = np.load(tmp_path / "out.npz")
    np.testing.assert_allclose(out["f"], crf_log_likelihood(x, y, lengths, a), rtol=1e-5)
    np.testing.assert_allclose(out["g"], gradients(x, y, lengths, a)[0], atol=1e-6)
    np.testing.assert_allclose(out["m"], crf_span_log_marginals(x, a, lengths, *spans), rtol=1e-5)
    np.testing.assert_array_equal(out["t"], crf_decode(x, a, lengths)[0])


def test_marginals_of_long_sentences_are_fine_in_float32():
    """Held to float64: messages that grow with the sentence would round away the last digits of a probability."""
    rng = np.random.default_rng(0)
    scheme = TagScheme(("A", "B"))
    transitions = rng.normal(1.0, 0.5, (scheme.num_tags,) * 2) + scheme.transition_penalty()
    emissions = 3.0 * rng.normal(size=(2, 512, scheme.num_tags)) + 5.0 * (np.arange(scheme.num_tags) == 0)
    starts = np.arange(0, 500, 7)
    place = [np.repeat([0, 1], len(starts)), np.tile(starts, 2), np.tile(starts + 2, 2)]
    tags = [np.full(2 * len(starts), tag) for tag in scheme.span_tags("A")]
    rough, fine = (
        np.exp(crf_span_log_marginals(emissions.astype(dtype), transitions.astype(dtype), [512, 500], *place, *tags))
        for dtype in ("float32", "float64")
    )
    assert fine.max() > 0.2
    np.testing.assert_allclose(rough, fine, rtol=0, atol=3e-6)
