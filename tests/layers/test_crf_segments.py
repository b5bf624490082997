"""Recurrences by segments of time against tensorflow-addons' golden values and against the plain recurrence."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.layers import crf
from strtf.layers.crf import crf_decode, crf_log_norm, crf_span_log_marginals

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = np.load(ROOT / "tests" / "golden" / "tfa_crf.npz")
CASES = sorted({key.split("/")[0] for key in GOLDEN.files})


def by_segments(function, *arguments):
    """What a function of `crf` returns on an accelerator under JAX."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crf, "on_jax_accelerator", lambda: True)
        return function(*arguments)


def with_gradients(function, emissions, lengths, transitions):
    emissions, transitions = tf.constant(emissions), tf.constant(transitions)
    with tf.GradientTape() as tape:
        tape.watch([emissions, transitions])
        values = function(emissions, lengths, transitions)
        total = tf.reduce_sum(values)
    return values, *map(tf.convert_to_tensor, tape.gradient(total, [emissions, transitions]))


@pytest.mark.parametrize("case", CASES)
def test_norm_equals_tensorflow_addons(case):
    inputs, lengths, transitions, log_norm = (
        GOLDEN[f"{case}/{key}"] for key in ("inputs", "lengths", "transitions", "log_norm")
    )
    np.testing.assert_allclose(by_segments(crf_log_norm, inputs, lengths, transitions), log_norm, rtol=1e-5)


SENTENCES = {
    "seed": st.integers(0, 9999),
    "lengths": st.lists(st.integers(0, 11), min_size=1, max_size=4),
    "padding": st.integers(1, 3),
    "num_tags": st.integers(4, 6),
    "scale": st.sampled_from([1.0, 30.0]),
    "forbidden": st.booleans(),
}


def potentials(seed, lengths, padding, num_tags, scale, forbidden):
    rng = np.random.default_rng(seed)
    emissions = scale * rng.normal(size=(len(lengths), max(lengths) + padding, num_tags))
    transitions = scale * rng.normal(size=(num_tags, num_tags))
    if forbidden:
        transitions[0, -1] = -1e4
    return emissions, transitions


@settings(deadline=None, max_examples=25)
@given(**SENTENCES)
def test_norm_and_gradients_equal_the_recurrence(lengths, **drawn):
    emissions, transitions = potentials(lengths=lengths, **drawn)
    expected = with_gradients(crf_log_norm, emissions, lengths, transitions)
    found = by_segments(with_gradients, crf_log_norm, emissions, lengths, transitions)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=25)
@given(**SENTENCES)
def test_the_best_tagging_is_that_of_the_recurrence(lengths, **drawn):
    emissions, transitions = potentials(lengths=lengths, **drawn)
    expected = crf_decode(emissions, transitions, lengths)
    found = by_segments(crf_decode, emissions, transitions, lengths)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)


@settings(deadline=None, max_examples=25)
@given(**SENTENCES)
def test_marginals_equal_the_recurrence(seed, lengths, **drawn):
    emissions, transitions = potentials(seed, lengths, **drawn)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(lengths), 5)
    starts = np.array([rng.integers(0, max(lengths[row], 1)) for row in rows])
    ends = np.array(
        [rng.integers(start, lengths[row] + 1) for row, start in zip(rows, starts, strict=True)]
    )  # some empty
    tags = np.tile([[0], [1], [2], [3]], 5)
    arguments = emissions, transitions, lengths, rows, starts, ends, *tags
    expected, found = crf_span_log_marginals(*arguments), by_segments(crf_span_log_marginals, *arguments)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_many_tags_go_by_the_recurrence(monkeypatch):
    """The work of segments has the third power of the tags."""
    monkeypatch.setattr(crf, "on_jax_accelerator", lambda: True)
    for name in ("messages_by_segments", "last_message_by_segments", "path_by_segments"):
        monkeypatch.setattr(crf, name, None)
    transitions = np.zeros((crf.MOST_TAGS + 1,) * 2)
    emissions = np.zeros((1, 3, crf.MOST_TAGS + 1))
    assert crf_log_norm(emissions, [3], transitions).shape == (1,)
    assert crf_decode(emissions, transitions, [3])[0].shape == (1, 3)


def test_on_jax_as_the_recurrences():
    command = [sys.executable, "-m", "tests.layers.crf_segments_on_jax"]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"KERAS_BACKEND": "jax"})
