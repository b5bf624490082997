"""The central identity: the rows that the relation pass computes equal the masked blocks written out in full."""

import dataclasses
import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.config import RcCompute, RcFeatures, RcMask
from strtf.layers.pair_classifier import PairClassifier
from strtf.layers.relation_pass import RelationPass
from strtf.layers.str_encoder import EncoderConfig, StrEncoder
from strtf.models.focused_attention import pair_arrays

CONFIG = EncoderConfig(
    vocabulary_size=300, num_blocks=6, hidden_size=16, num_heads=2, intermediate_size=24, max_positions=40
)
NUM_TASK_BLOCKS = range(1, CONFIG.num_blocks + 1)  # K
FORMS = {  # of the pass: mask and features
    "eq_13": (RcMask.CLS_FOCUSED, RcFeatures.CLS),
    "eq_14": (RcMask.PAIR_FOCUSED, RcFeatures.CLS),
    "eq_14_entities": (RcMask.PAIR_FOCUSED, RcFeatures.CLS_AND_ENTITIES),
}
HALF = "mixed_bfloat16"
every_form = pytest.mark.parametrize("form", FORMS)
FAR = (2, 4, 8, 11)
TOUCHING = (1, 3, 3, 6)
ONE_TOKEN = (4, 5, 9, 10)
OVERLAPPING = (1, 5, 3, 7)
NESTED = (1, 8, 3, 5)
IDENTICAL = (2, 5, 2, 5)
SAME_START = (2, 3, 2, 6)
WHOLE_SENTENCE = (1, 6, 6, 12)
SENTENCES = [
    (13, [FAR, TOUCHING, ONE_TOKEN, WHOLE_SENTENCE]),
    (5, []),
    (17, [OVERLAPPING, NESTED, IDENTICAL, SAME_START]),
    (7, [TOUCHING]),
]
padded = {"round_up": lambda size, axis: size + 3}


@pytest.fixture(scope="module")
def make_layers(randomize):
    """make_layers(K, form, dtype): (encoder, pair classifier), dropout off."""

    @functools.cache
    def make(num_task_blocks, form="eq_14", dtype="float64"):
        num_blocks = min(num_task_blocks + 1, CONFIG.num_blocks)  # one shared block says as much as five
        config = dataclasses.replace(CONFIG, num_blocks=num_blocks)
        encoder = StrEncoder(config, num_task_blocks, dropout=0.0, dtype=dtype)
        encoder.build((None, None))
        encoder.built = True
        classifier = PairClassifier(5, CONFIG.hidden_size, dropout=0.0, dtype=dtype)
        rows = 3 if form == "eq_14_entities" else 1
        classifier.build((None, rows * CONFIG.hidden_size))
        classifier.built = True
        return randomize(encoder), randomize(classifier)

    return make


def forward(layers, batch, form, rc_compute):
    """(features [P, D or 3D], logits [P, S])."""
    encoder, classifier = layers
    rc_mask, rc_features = FORMS[form]
    relation_pass = RelationPass(encoder.task_blocks, rc_mask, rc_compute, rc_features, dtype=encoder.dtype_policy)
    states = encoder(batch["token_ids"], batch["lengths"], stop_at=relation_pass.needs_task_block)
    features = relation_pass(states, pair_arrays(batch))
    return features, classifier(features)


def values_and_gradients(layers, batch, form, rc_compute):
    """(features, probabilities, gradient of every weight) of a random linear loss over the real pairs."""
    weights = [weight.value for layer in layers for weight in layer.weights]
    with tf.GradientTape() as tape:
        features, logits = forward(layers, batch, form, rc_compute)
        slope = np.random.default_rng(1).normal(size=logits.shape) * batch["pair_weights"][:, None]
        loss = tf.reduce_sum(logits * tf.cast(slope, logits.dtype))
    gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
    flat = np.concatenate([tf.reshape(tf.convert_to_tensor(g), [-1]).numpy() for g in gradients])
    return features.numpy(), keras.ops.softmax(logits).numpy(), flat


def assert_exact_rows_equal_dense(layers, batch, form, value_error, gradient_error):
    exact = values_and_gradients(layers, batch, form, RcCompute.EXACT_ROWS)
    dense = values_and_gradients(layers, batch, form, RcCompute.DENSE)
    real = batch["pair_weights"] > 0
    for name, got, expected in zip(("features", "probabilities"), exact, dense, strict=False):
        np.testing.assert_allclose(got[real], expected[real], rtol=0, atol=value_error, err_msg=name)
    atol = gradient_error * max(np.abs(dense[2]).max(), 1e-30)
    np.testing.assert_allclose(exact[2], dense[2], rtol=0, atol=atol, err_msg="gradients")


def test_dense_pass_tells_pairs_apart(make_layers, pair_batch):
    """Otherwise the comparisons below would hold for anything."""
    cls, _ = forward(make_layers(4), pair_batch([(13, [FAR, TOUCHING])]), "eq_14", RcCompute.DENSE)
    assert np.abs(cls[0] - cls[1]).max() > 0.1


@every_form
class TestExactRowsEqualDense:
    @pytest.mark.parametrize("num_task_blocks", NUM_TASK_BLOCKS)
    def test_float64(self, make_layers, pair_batch, num_task_blocks, form):
        assert_exact_rows_equal_dense(make_layers(num_task_blocks, form), pair_batch(SENTENCES), form, 1e-10, 1e-10)

    @pytest.mark.parametrize("num_task_blocks", [2, 4, 6])
    def test_float32_padded_axes(self, make_layers, pair_batch, num_task_blocks, form):
        layers = make_layers(num_task_blocks, form, "float32")
        assert_exact_rows_equal_dense(layers, pair_batch(SENTENCES, **padded), form, 1e-5, 1e-4)


@st.composite
def sentences(draw):
    """Ragged sentences with any pairs of spans in text order, overlapping ones included."""
    drawn = []
    for length in draw(st.lists(st.integers(3, 12), min_size=1, max_size=3)):
        start = st.integers(1, length - 2)
        span = start.flatmap(lambda s, length=length: st.tuples(st.just(s), st.integers(s + 1, length - 1)))
        pairs = draw(st.lists(st.tuples(span, span).map(sorted), max_size=3))
        drawn.append((length, [first + second for first, second in pairs]))
    return drawn


@settings(deadline=None, max_examples=15)
@given(sentences(), st.sampled_from(NUM_TASK_BLOCKS), st.sampled_from(list(FORMS)), st.integers(0, 3))
def test_exact_rows_equal_dense_for_any_pairs(make_layers, pair_batch, drawn, num_task_blocks, form, padding):
    batch = pair_batch(drawn, round_up=lambda size, axis: size + padding)
    assert_exact_rows_equal_dense(make_layers(num_task_blocks, form), batch, form, 1e-10, 1e-10)


@pytest.mark.parametrize(("rc_compute", "name"), [(RcCompute.EXACT_ROWS, "qkv_1"), (RcCompute.DENSE, "input_1")])
def test_bfloat16_keeps_the_gradients_of_hundreds_of_pairs(make_layers, pair_batch, rc_compute, name):
    """The 300 pairs of a sentence share its rows, and each adds to their gradients."""
    starts = range(1, 26)
    batch = pair_batch([(28, [(a, a + 1, b, b + 1) for a, b in itertools.combinations(starts, 2)])])
    half, reference = (state_gradient(make_layers(1, dtype=d), batch, rc_compute, name) for d in (HALF, "float32"))
    assert np.linalg.norm(half - reference) < 0.05 * np.linalg.norm(reference)


def state_gradient(layers, batch, rc_compute, name):
    """Gradient of a linear loss, alike for all pairs, for a state [B·T, …] rounded to bfloat16."""
    encoder, _ = layers
    relation_pass = RelationPass(encoder.task_blocks, "pair_focused", rc_compute, dtype=encoder.dtype_policy)
    states = encoder(batch["token_ids"], batch["lengths"], stop_at=relation_pass.needs_task_block)
    state = tf.cast(tf.cast(states[name], "bfloat16"), states[name].dtype)
    with tf.GradientTape() as tape:
        tape.watch(state)
        features = tf.cast(relation_pass(states | {name: state}, pair_arrays(batch)), "float32")  # [P, D]
        loss = tf.reduce_sum(features * np.float32(np.random.default_rng(1).normal(size=CONFIG.hidden_size)))
    return tf.cast(tf.convert_to_tensor(tape.gradient(loss, state)), "float32").numpy()


@every_form
@pytest.mark.parametrize("num_task_blocks", NUM_TASK_BLOCKS)
def test_no_pairs_at_all(make_layers, pair_batch, num_task_blocks, form):
    """The padding pair alone: S_p = {[CLS]}."""
    layers, batch = make_layers(num_task_blocks, form), pair_batch([(6, []), (4, [])])
    exact, dense = (forward(layers, batch, form, rc_compute)[0] for rc_compute in RcCompute)
    np.testing.assert_allclose(exact, dense, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("num_task_blocks", "form"), [(2, "eq_13"), (3, "eq_13"), (5, "eq_13"), (3, "eq_14"), (2, "eq_14_entities")]
)
def test_unknown_shapes(make_layers, pair_batch, num_task_blocks, form):
    """One trace with every axis None serves all batches."""
    layers, batch = make_layers(num_task_blocks, form), pair_batch(SENTENCES)
    names = ("token_ids", "lengths", *pair_arrays(batch))
    signature = {name: tf.TensorSpec([None] * batch[name].ndim, tf.int32) for name in names}
    traced = tf.function(lambda b: forward(layers, b, form, RcCompute.EXACT_ROWS)[0], input_signature=[signature])
    for case in (batch, pair_batch([(9, [TOUCHING])], **padded)):
        got = traced({name: tf.constant(case[name]) for name in names})
        np.testing.assert_allclose(got, forward(layers, case, form, RcCompute.DENSE)[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("rc_compute", RcCompute)
@every_form
class TestInvariance:
    def cls(self, make_layers, batch, form, rc_compute):
        return forward(make_layers(4, form), batch, form, rc_compute)[0][: int(batch["pair_weights"].sum())]

    def test_padding_changes_no_real_pair(self, make_layers, pair_batch, form, rc_compute):
        plain, wide = pair_batch(SENTENCES), pair_batch(SENTENCES, **padded)
        wide["token_ids"][:, : plain["token_ids"].shape[1]] = plain["token_ids"]
        expected = self.cls(make_layers, plain, form, rc_compute)
        np.testing.assert_allclose(self.cls(make_layers, wide, form, rc_compute), expected, rtol=0, atol=1e-12)

    def test_a_pair_does_not_depend_on_the_others(self, make_layers, pair_batch, form, rc_compute):
        both, alone = pair_batch([(13, [FAR, NESTED])]), pair_batch([(13, [NESTED])])
        expected = self.cls(make_layers, alone, form, rc_compute)
        np.testing.assert_allclose(self.cls(make_layers, both, form, rc_compute)[1:], expected, rtol=0, atol=1e-12)

    def test_tokens_of_a_pair_are_a_set(self, make_layers, pair_batch, form, rc_compute):
        batch = pair_batch([(13, [FAR])])
        swapped = batch | {"pair_rows": np.int32([[0, 8, 9, 10, 2, 3]])}  # [CLS], EN2, EN1
        expected = self.cls(make_layers, batch, form, rc_compute)
        np.testing.assert_allclose(self.cls(make_layers, swapped, form, rc_compute), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["eq_14", "eq_14_entities"])
def test_eq_14_in_all_blocks_is_bert_on_the_tokens_of_the_pair(make_layers, pair_batch, form):
    """K = N: nothing but S_p is ever read, so the sentence without its other tokens gives the same rows."""
    encoder, _ = layers = make_layers(CONFIG.num_blocks, form)
    batch = pair_batch([(13, [FAR])])
    rows = encoder.embedding(batch["token_ids"])[0].numpy()[[0, 2, 3, 8, 9, 10]]  # [M, D]
    for block in encoder.blocks:
        q, k, v = block.heads(block.project_qkv(rows)[None], 3)
        rows = block.finish(rows, block.attend(q, k, v, np.ones((1, 1, 6), bool))[0]).numpy()
    expected = np.concatenate([rows[0], rows[1:3].mean(axis=0), rows[3:].mean(axis=0)])
    features = forward(layers, batch, form, RcCompute.EXACT_ROWS)[0][0]
    np.testing.assert_allclose(features, expected[: len(features)], rtol=0, atol=1e-12)


class TestRelationPass:
    def test_blocks_are_those_of_the_encoder(self, make_layers):
        encoder, _ = make_layers(3)
        relation_pass = RelationPass(encoder.task_blocks, RcMask.PAIR_FOCUSED)
        assert [id(block) for block in relation_pass.blocks] == [id(block) for block in encoder.blocks[-3:]]

    def test_adds_no_weights(self, make_layers):
        encoder, _ = make_layers(3)
        own = {id(weight) for weight in RelationPass(encoder.task_blocks, RcMask.CLS_FOCUSED).weights}
        assert own <= {id(weight) for weight in encoder.weights}

    def test_needs_a_block(self):
        with pytest.raises(ValueError, match="num_task_blocks must be at least 1 for a relation pass"):
            RelationPass([], RcMask.PAIR_FOCUSED)

    @every_form
    def test_dropout_differs_between_calls(self, pair_batch, form):
        encoder, (rc_mask, rc_features) = StrEncoder(CONFIG, 4, dropout=0.5), FORMS[form]
        batch = pair_batch([(13, [FAR])])
        states = encoder(batch["token_ids"], batch["lengths"])
        relation_pass = RelationPass(encoder.task_blocks, rc_mask, rc_features=rc_features)
        first, second = (relation_pass(states, pair_arrays(batch), training=True).numpy() for _ in range(2))
        assert np.abs(first - second).max() > 1e-3
