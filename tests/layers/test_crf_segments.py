"""The norm by segments of time against tensorflow-addons' golden values and against the plain recurrence."""

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
from strtf.layers.crf import crf_log_norm

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = np.load(ROOT / "tests" / "golden" / "tfa_crf.npz")
CASES = sorted({key.split("/")[0] for key in GOLDEN.files})


def by_segments(*arguments):
    """`crf_log_norm` as on an accelerator under JAX."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crf, "on_jax_accelerator", lambda: True)
        patch.setattr(crf, "MOST_TAGS", 100)
        return crf_log_norm(*arguments)


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
    np.testing.assert_allclose(by_segments(inputs, lengths, transitions), log_norm, rtol=1e-5)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 9999),
    lengths=st.lists(st.integers(0, 11), min_size=1, max_size=4),
    padding=st.integers(1, 3),
    num_tags=st.integers(1, 4),
    scale=st.sampled_from([1.0, 30.0]),
    forbidden=st.booleans(),
)
def test_norm_and_gradients_equal_the_recurrence(seed, lengths, padding, num_tags, scale, forbidden):
    rng = np.random.default_rng(seed)
    emissions = scale * rng.normal(size=(len(lengths), max(lengths) + padding, num_tags))
    transitions = scale * rng.normal(size=(num_tags, num_tags))
    if forbidden:
        transitions[0, -1] = -1e4
    expected = with_gradients(crf_log_norm, emissions, lengths, transitions)
    found = with_gradients(by_segments, emissions, lengths, transitions)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_many_tags_go_by_the_recurrence(monkeypatch):
    """The work of segments has the third power of the tags."""
    monkeypatch.setattr(crf, "on_jax_accelerator", lambda: True)
    monkeypatch.setattr(crf, "log_norm_by_segments", None)
    assert crf_log_norm(np.zeros((1, 3, crf.MOST_TAGS + 1)), [3], np.zeros((crf.MOST_TAGS + 1,) * 2)).shape == (1,)


def test_on_jax_as_the_recurrence():
    command = [sys.executable, "-m", "tests.layers.crf_segments_on_jax"]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"KERAS_BACKEND": "jax"})
