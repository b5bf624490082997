"""The formula against the products that a traced model really holds."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from strtf.config import Experiment, ModelOptions, RcFeatures, RcMask, from_values
from strtf.models.build import build_model
from strtf.models.flops import pair_flops, tag_flops

LENGTH, SIZES = 14, [7, 7, 7]  # pairs of one size: no padding
PAIRS = [(1, 4, 5, 8), (2, 5, 7, 10), (1, 3, 8, 12)]
PRODUCTS = {"MatMul", "BatchMatMulV2"}


def counted(function, *arguments):
    """2·m·k·n summed over the matrix products of a function's graph, whose shapes must be known."""
    graph = tf.function(function, autograph=False).get_concrete_function(*arguments).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert not kinds & {"Einsum", "While", "StatelessWhile", "PartitionedCall", "StatefulPartitionedCall"}
    return sum(_flops(operation) for operation in graph.get_operations() if operation.type in PRODUCTS)


def _flops(operation):
    transposed = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
    return 2 * int(np.prod(operation.outputs[0].shape)) * operation.inputs[0].shape[-2 if transposed else -1]


@pytest.fixture
def batch(pair_batch):
    return {name: tf.constant(value) for name, value in pair_batch([(LENGTH, PAIRS)]).items()}


def test_tagging(make_model, tiny_config, batch):
    model = make_model(num_task_blocks=2)
    found = counted(lambda batch: model.emissions(model.encode(batch)), batch)
    assert found == tag_flops(tiny_config, [LENGTH], num_tags=9)


@pytest.mark.parametrize(
    "options",
    [{"rc_mask": mask, "num_task_blocks": k} for mask in ("pair_focused", "cls_focused") for k in (1, 2, 3)]
    + [{"rc_features": "cls", "num_task_blocks": k} for k in (1, 2)]
    + [{"rc_context": False, "num_task_blocks": 2}]
    + [{"rc_compute": "dense", "num_task_blocks": 2}],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_relation_pass(make_model, tiny_config, batch, options):
    model = make_model(**options)
    states = model.encode(batch)
    found = counted(lambda batch: model.classify_pairs(batch, states), batch)
    options = Experiment(model=from_values(ModelOptions, options)).model
    assert found == pair_flops(tiny_config, options, LENGTH, SIZES, num_classes=4)


@pytest.mark.parametrize("num_task_blocks", [5, 6])
def test_blocks_between_under_eq_13(tiny_config, tiny_schema, batch, num_task_blocks):
    config = dataclasses.replace(tiny_config, num_blocks=6)
    options = ModelOptions(
        rc_mask=RcMask.CLS_FOCUSED, rc_features=RcFeatures.CLS, num_task_blocks=num_task_blocks, max_tokens=64
    )
    model = build_model(Experiment(model=options), config, tiny_schema)
    states = model.encode(batch)
    found = counted(lambda batch: model.classify_pairs(batch, states), batch)
    assert found == pair_flops(config, options, LENGTH, SIZES, num_classes=4)


def test_no_pairs_cost_nothing(tiny_config):
    assert pair_flops(tiny_config, ModelOptions(rc_mask=RcMask.CLS_FOCUSED), LENGTH, [], num_classes=4) == 0
