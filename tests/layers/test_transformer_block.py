import math

import keras
import numpy as np
import pytest

from strtf.layers.transformer_block import MASKED_SCORE, TransformerBlock, masked_bias

WIDTH, HEADS, LENGTH = 8, 2, 5
ERF = np.vectorize(math.erf)


@pytest.fixture
def make_block(randomize):
    def make(dropout=0.0, dtype="float64", approximate_gelu=False):
        block = TransformerBlock(HEADS, WIDTH, 12, approximate_gelu, dropout, dtype=dtype)
        block.build((None, WIDTH))
        block.built = True
        return randomize(block)

    return make


@pytest.fixture
def rows():
    return np.random.default_rng(1).normal(size=(2 * LENGTH, WIDTH))  # [G·L, D], two sentences


def run(block, rows, mask, training=False):
    rows = keras.ops.cast(rows, block.compute_dtype)
    qkv = keras.ops.reshape(block.project_qkv(rows), (2, LENGTH, 3 * WIDTH))
    context = block.attend(*block.heads(qkv, 3), mask, training)
    return block.finish(rows, keras.ops.reshape(context, (-1, WIDTH)), training)


def weights_of(block):
    """Weights by their path below the block."""
    return {weight.path.split("/", 1)[1]: np.asarray(weight) for weight in block.weights}


def layer_norm(x, gamma, beta):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12) * gamma + beta


def gelu_erf(x):
    return x * (1 + ERF(x / np.sqrt(2))) / 2


def gelu_tanh(x):
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def reference(w, sentence, allowed, gelu):
    """Post-LayerNorm BERT block of one sentence [L, D], head by head; `allowed` [L, L]."""
    q, k, v = np.split(sentence @ w["qkv_kernel"] + w["qkv_bias"], 3, axis=-1)
    contexts, size = [], WIDTH // HEADS
    for head in range(HEADS):
        columns = slice(head * size, (head + 1) * size)
        scores = np.where(allowed, q[:, columns] @ k[:, columns].T / np.sqrt(size), -np.inf)
        exponentials = np.exp(scores - scores.max(-1, keepdims=True))
        contexts.append(exponentials / exponentials.sum(-1, keepdims=True) @ v[:, columns])
    attended = np.concatenate(contexts, -1) @ w["attention_output/kernel"] + w["attention_output/bias"]
    x = layer_norm(sentence + attended, w["attention_norm/gamma"], w["attention_norm/beta"])
    hidden = gelu(x @ w["intermediate/kernel"] + w["intermediate/bias"])
    return layer_norm(x + hidden @ w["output/kernel"] + w["output/bias"], w["output_norm/gamma"], w["output_norm/beta"])


@pytest.mark.parametrize(("approximate", "gelu"), [(False, gelu_erf), (True, gelu_tanh)])
def test_equals_reference(make_block, rows, approximate, gelu):
    block = make_block(approximate_gelu=approximate)
    allowed = np.tril(np.ones((LENGTH, LENGTH), bool))
    sentences = np.split(rows, 2)
    expected = np.concatenate([reference(weights_of(block), sentence, allowed, gelu) for sentence in sentences])
    np.testing.assert_allclose(run(block, rows, allowed[None]), expected, rtol=0, atol=1e-7)


def test_masked_keys_do_not_matter(make_block, rows):
    block, mask = make_block(), (np.arange(LENGTH) < 3)[None, None]
    changed = rows.copy()
    changed[3:5] += 1.0
    np.testing.assert_array_equal(run(block, rows, mask)[:3], run(block, changed, mask)[:3])


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_row_without_keys_is_finite(make_block, rows, dtype):
    block = make_block(dtype=dtype)
    assert np.isfinite(np.asarray(run(block, rows, np.zeros((1, 1, LENGTH), bool)), np.float32)).all()


class TestAttendOne:
    """The query's way to keys and values that are never projected."""

    def contexts(self, block, rows, mask, training=False):
        """(of attend_one, of attend) for the first row of each sentence: [2, D]."""
        sentences = keras.ops.cast(np.reshape(rows, (2, LENGTH, WIDTH)), block.compute_dtype)
        one = block.attend_one(block.project_q(sentences[:, 0]), sentences, mask, training)
        q, k, v = block.heads(block.project_qkv(sentences), 3)
        return one, block.attend(q[:, :1], k, v, mask)[:, 0]

    @pytest.mark.parametrize("visible", [1, 3, LENGTH])
    def test_equals_attend(self, make_block, rows, visible):
        mask = (np.arange(LENGTH) < np.int64([[visible], [2]]))[:, None]  # [2, 1, L]
        one, reference = self.contexts(make_block(), rows, mask)
        np.testing.assert_allclose(one, reference, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
    def test_half_precision_is_close_to_float32(self, make_block, rows, dtype):
        mask = np.ones((1, 1, LENGTH), bool)
        one, _ = self.contexts(make_block(dtype=dtype), rows, mask)
        _, reference = self.contexts(make_block(dtype="float32"), rows, mask)
        np.testing.assert_allclose(np.asarray(one, np.float32), reference, atol=0.1)

    def test_dropout_is_unbiased(self, make_block, rows):
        """The value's bias shrinks and grows with the weights that dropout leaves."""
        block, many = make_block(dropout=0.5), np.tile(rows.reshape(2, LENGTH, WIDTH), (20_000, 1, 1))
        mask = np.ones((1, 1, LENGTH), bool)
        dropped = block.attend_one(block.project_q(many[:, 0]), many, mask, training=True)
        _, reference = self.contexts(block, rows, mask)
        mean = np.asarray(dropped).reshape(-1, 2, WIDTH).mean(axis=0)
        np.testing.assert_allclose(mean, reference, atol=0.1)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_scores_of_half_precision_are_float32(make_block, dtype):
    half = dtype.removeprefix("mixed_")
    heads = keras.ops.ones((1, HEADS, LENGTH, WIDTH // HEADS), half)
    assert make_block(dtype=dtype).scores(heads, heads).dtype == "float32"


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_close_to_float32(make_block, rows, dtype):
    mask = np.ones((1, 1, LENGTH), bool)
    half = np.asarray(run(make_block(dtype=dtype), rows, mask), np.float32)
    np.testing.assert_allclose(half, run(make_block(dtype="float32"), rows, mask), atol=0.1)


def test_projections_are_slices_of_the_packed_one(make_block, rows):
    block = make_block()
    packed = np.concatenate([block.project_q(rows), block.project_kv(rows)], axis=-1)
    np.testing.assert_allclose(packed, block.project_qkv(rows), rtol=0, atol=1e-12)


def test_masked_bias_is_finite_in_float32():
    np.testing.assert_array_equal(masked_bias(np.array([True, False]), "float32"), np.float32([0.0, MASKED_SCORE]))


class TestDropout:
    def test_off_is_deterministic(self, make_block, rows):
        block, mask = make_block(dropout=0.5), np.ones((1, 1, LENGTH), bool)
        np.testing.assert_array_equal(run(block, rows, mask), run(block, rows, mask))

    def test_on_differs(self, make_block, rows):
        block, mask = make_block(dropout=0.5), np.ones((1, 1, LENGTH), bool)
        assert not np.array_equal(run(block, rows, mask, training=True), run(block, rows, mask, training=True))

    def test_keeps_the_mean(self, make_block):
        dropped = np.asarray(make_block(dropout=0.25).drop(keras.ops.ones((100, 100)), training=True))
        assert set(np.unique(dropped)) == {0.0, np.float32(4 / 3)}


def test_config_round_trip(make_block):
    config = make_block(dropout=0.3, approximate_gelu=True).get_config()
    assert TransformerBlock.from_config(config).get_config() == config


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="hidden_size must be a multiple of num_heads. Received: 8, 3"):
        TransformerBlock(3, 8, 12, False, 0.0)
