"""Writes tfa_crf.npz: what tensorflow-addons' CRF computes, as golden values for `strtf.layers.crf`.

tensorflow-addons 0.23.0 is the last release and does not import beside today's TensorFlow, so it gets a
Python 3.11 environment of its own:

    python3.11 -m venv tfa
    tfa/bin/pip install tensorflow-cpu==2.15.1 tensorflow-addons==0.23.0 "numpy==1.26.*"
    tfa/bin/python tests/golden/make_tfa_crf.py

Each case `<name>` holds, under `<name>/<key>`:
    inputs [B, T, C] float32 · tags [B, T] int32 · lengths [B] int32 · transitions [C, C] float32
    log_likelihood, log_norm, sequence_score [B] float32
    inputs_gradient [B, T, C], transitions_gradient [C, C] float32: of the sum of log_likelihood
    decoded [B, T] int32 (meaningless past the length) · best_score [B] float32
"""

import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

# name: (B, T, C, scale of the potentials, scale of the transitions, lengths)
CASES = {
    "two_tags": (4, 5, 2, 1.0, 1.0, [5, 4, 2, 1]),
    "bieos": (6, 12, 9, 2.0, 1.0, [12, 1, 7, 11, 3, 12]),
    "many_tags": (4, 40, 21, 3.0, 1.0, [40, 1, 17, 33]),
    "one_step": (3, 1, 5, 1.0, 1.0, [1, 1, 1]),
    "empty_rows": (3, 6, 5, 1.0, 1.0, [0, 6, 0]),
    "empty_row_one_step": (2, 1, 3, 1.0, 1.0, [0, 1]),
    "large": (5, 16, 7, 50.0, 50.0, [16, 1, 9, 16, 2]),
    "large_emissions": (3, 10, 5, 50.0, 1.0, [10, 4, 1]),
    "large_transitions": (3, 10, 5, 1.0, 50.0, [10, 4, 1]),
}


def make_case(rng, batch, steps, num_tags, scale, transition_scale, lengths):
    inputs = rng.uniform(-scale, scale, (batch, steps, num_tags)).astype(np.float32)
    transitions = rng.uniform(-transition_scale, transition_scale, (num_tags, num_tags)).astype(np.float32)
    tags = rng.integers(0, num_tags, (batch, steps)).astype(np.int32)
    lengths = np.asarray(lengths, np.int32)
    potentials, weights = tf.constant(inputs), tf.constant(transitions)
    with tf.GradientTape() as tape:
        tape.watch([potentials, weights])
        log_likelihood, _ = tfa.text.crf_log_likelihood(potentials, tags, lengths, weights)
    inputs_gradient, transitions_gradient = tape.gradient(
        log_likelihood, [potentials, weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    decoded, best_score = tfa.text.crf_decode(potentials, weights, lengths)
    return {
        "inputs": inputs,
        "tags": tags,
        "lengths": lengths,
        "transitions": transitions,
        "log_likelihood": log_likelihood.numpy(),
        "log_norm": tfa.text.crf_log_norm(potentials, lengths, weights).numpy(),
        "sequence_score": tfa.text.crf_sequence_score(potentials, tags, lengths, weights).numpy(),
        "inputs_gradient": inputs_gradient.numpy(),
        "transitions_gradient": tf.convert_to_tensor(transitions_gradient).numpy(),
        "decoded": decoded.numpy().astype(np.int32),
        "best_score": best_score.numpy(),
    }


def main():
    rng = np.random.default_rng(1908)
    arrays = {f"{name}/{key}": value for name, case in CASES.items() for key, value in make_case(rng, *case).items()}
    np.savez_compressed(pathlib.Path(__file__).with_name("tfa_crf.npz"), **arrays)


if __name__ == "__main__":
    main()
