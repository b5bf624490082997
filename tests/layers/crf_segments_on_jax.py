"""The norm by segments against the plain recurrence: KERAS_BACKEND=jax python -m tests.layers.crf_segments_on_jax"""

from unittest import mock

import jax
import numpy as np

from strtf.layers import crf


def main() -> None:
    rng = np.random.default_rng(0)
    emissions, transitions = rng.normal(size=(3, 20, 5)).astype("float32"), rng.normal(size=(5, 5)).astype("float32")
    lengths = np.array([20, 7, 0])

    def results(by_segments):
        def total(emissions, transitions):
            return crf.crf_log_norm(emissions, lengths, transitions).sum()

        with mock.patch.object(crf, "on_jax_accelerator", lambda: by_segments):
            return jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(emissions, transitions)

    for found, expected in zip(*(jax.tree.leaves(results(choice)) for choice in (True, False)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


if __name__ == "__main__":
    main()
