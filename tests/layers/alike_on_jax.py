"""Blocks in one loop against the same one by one, dropout on: KERAS_BACKEND=jax python -m tests.layers.alike_on_jax"""

import jax
import keras
import numpy as np

from strtf.layers.alike import apply_in_turn
from strtf.layers.transformer_block import TransformerBlock


def main() -> None:
    keras.utils.set_random_seed(0)
    blocks = [TransformerBlock(2, 8, 16, False, 0.5) for _ in range(3)]
    for block in blocks:
        block.build((None, 8))
    variables = [variable for block in blocks for variable in block.variables]
    rows, given = np.random.default_rng(0).normal(size=(4, 8)).astype("float32"), [v.value for v in variables]

    def results(run, values):
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            out = run(rows)
        return out, [scope.get_current_value(variable) for variable in variables if not variable.trainable]

    def step(block, rows):
        return block.finish(rows, rows, training=True)

    def one_by_one(rows):
        for block in blocks:
            rows = step(block, rows)
        return rows

    found = jax.jit(lambda values: results(lambda rows: apply_in_turn(blocks, rows, step), values))(given)
    expected = jax.jit(lambda values: results(one_by_one, values))(given)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-5)
    seeds = np.array(found[1])
    np.testing.assert_array_equal(seeds, expected[1])
    assert np.any(seeds != np.array([block.seed_generator.state.value for block in blocks]))


if __name__ == "__main__":
    main()
