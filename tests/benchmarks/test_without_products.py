"""Products that multiply nothing: shapes and types of the real ones, and none left in what is traced."""

import numpy as np
import pytest
import tensorflow as tf


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_keeps_its_shapes_and_types_and_has_no_product(make_model, pair_batch, dtype):
    from benchmarks.without_products import without_products

    batch = {name: tf.constant(value) for name, value in pair_batch([(11, [(1, 3, 3, 5)]), (7, [])]).items()}
    model = make_model(precision=f"mixed_{dtype}" if dtype == "bfloat16" else dtype)

    def run(batch):
        states = model.encode(batch)
        return {"states": states, "emissions": model.emissions(states), "logits": model.classify_pairs(batch, states)}

    def traced():
        return tf.function(run, autograph=False).get_concrete_function(batch)

    plain = traced()
    with without_products():
        bare = traced()
    assert tf.nest.map_structure(lambda x: (x.shape, x.dtype), bare(batch)) == tf.nest.map_structure(
        lambda x: (x.shape, x.dtype), plain(batch)
    )
    assert products(plain) > 10 and products(bare) == 0


def products(function):
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    return sum("MatMul" in node.op or node.op == "Einsum" for node in nodes)


@pytest.mark.parametrize("equation", ["gqhd,gjhd->ghqj", "ghqj,gjhd->gqhd"])
def test_einsum_has_the_shape_of_the_real_one(equation):
    from benchmarks.without_products import without_products

    sizes = {"g": 2, "q": 3, "h": 4, "d": 5, "j": 7}
    operands = [tf.random.normal([sizes[axis] for axis in axes]) for axes in equation.split("->")[0].split(",")]
    real = tf.einsum(equation, *operands)
    with without_products():
        assert tf.einsum(equation, *operands).shape == real.shape
    assert np.abs(tf.einsum(equation, *operands) - real).max() == 0
