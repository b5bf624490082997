"""Maxima over spans against numpy, span by span."""

import numpy as np
import pytest
import tensorflow as tf

from strtf.layers.span_max import SpanMax

B, T, D = 3, 13, 5


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(B, T, D)).astype(np.float32)


@pytest.fixture(scope="module")
def every_span():
    spans = [(b, i, j) for b in range(B) for i in range(T) for j in range(i, T + 1)]
    return np.array(spans, np.int32).T


def pooled(rows, spans, longest=16):
    span_max = SpanMax(D, longest)
    return span_max.pool(span_max.tables(rows), tf.shape(rows)[1], *spans)


def by_hand(rows, sentence, start, end):
    empty = np.zeros(rows.shape[-1], rows.dtype)
    return np.stack([rows[b, i:j].max(axis=0) if j > i else empty for b, i, j in zip(sentence, start, end)])  # noqa: B905


@pytest.mark.parametrize("longest", [13, 16, 512])
def test_every_span_has_the_maximum_of_its_rows(rows, every_span, longest):
    found = pooled(tf.constant(rows), every_span, longest)
    np.testing.assert_array_equal(found, by_hand(rows, *every_span))


def test_an_end_before_the_start_is_an_empty_span(rows):
    assert not np.asarray(pooled(tf.constant(rows), np.int32([[1], [4], [2]]))).any()


def test_one_token_is_its_row(rows):
    found = pooled(tf.constant(rows), np.int32([[2], [7], [8]]), longest=1)
    np.testing.assert_array_equal(found[0], rows[2, 7])


def test_sizes_need_not_be_known_while_tracing(rows, every_span):
    @tf.function(input_signature=[tf.TensorSpec([None, None, D]), tf.TensorSpec([3, None], tf.int32)], autograph=False)
    def traced(rows, spans):
        return pooled(rows, tf.unstack(spans), longest=64)

    np.testing.assert_array_equal(traced(rows, every_span), by_hand(rows, *every_span))


def test_gradient_goes_once_to_each_maximum(rows):
    """Of a span whose two stretches overlap, and of an empty one."""
    rows, spans = tf.constant(rows), np.int32([[1, 0], [2, 3], [9, 3]])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        total = tf.reduce_sum(pooled(rows, spans))
    expected = np.zeros((B, T, D), np.float32)
    expected[1, 2 + rows.numpy()[1, 2:9].argmax(axis=0), np.arange(D)] = 1.0
    np.testing.assert_array_equal(tf.convert_to_tensor(tape.gradient(total, rows)), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_finite_and_in_its_dtype(rows, every_span, dtype):
    low = tf.cast(rows - 1000.0, dtype)
    found = pooled(low, every_span)
    assert found.dtype == dtype
    assert np.asarray(tf.cast(found, "float32")).min() >= np.asarray(tf.cast(low, "float32")).min()
