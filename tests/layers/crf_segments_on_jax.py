"""Recurrences by segments against plain ones, compiled: KERAS_BACKEND=jax python -m tests.layers.crf_segments_on_jax"""

from unittest import mock

import jax
import numpy as np

from strtf.layers import crf


def main() -> None:
    rng = np.random.default_rng(0)
    emissions, transitions = rng.normal(size=(3, 20, 5)).astype("float32"), rng.normal(size=(5, 5)).astype("float32")
    lengths = np.array([20, 7, 0])

    spans = np.array([0, 0, 1]), np.array([0, 15, 2]), np.array([3, 16, 7])
    tags = [np.full(3, tag) for tag in range(4)]

    def computed(emissions, transitions):
        def total(emissions, transitions):
            return crf.crf_log_norm(emissions, lengths, transitions).sum()

        norm = jax.value_and_grad(total, argnums=(0, 1))(emissions, transitions)
        marginals = crf.crf_span_log_marginals(emissions, transitions, lengths, *spans, *tags)
        return norm, crf.crf_decode(emissions, transitions, lengths), marginals

    def results(by_segments):
        with mock.patch.object(crf, "on_jax_accelerator", lambda: by_segments):
            return jax.tree.leaves(jax.jit(lambda *given: computed(*given))(emissions, transitions))

    for found, expected in zip(results(True), results(False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


if __name__ == "__main__":
    main()
