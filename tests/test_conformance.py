"""What every model must do: run traced, compiled, in mixed precision, and come back from its named values."""

import numpy as np
import pytest
import tensorflow as tf

from strtf.models.base import Task
from strtf.models.build import assign_named, named_values

MODELS = {
    f"focused_attention-{tasks}-{rc_mask}": {"tasks": tasks, "rc_mask": rc_mask}
    for tasks in ("joint", "ner", "rc")
    for rc_mask in ("cls_focused", "pair_focused")
}
MODELS["focused_attention-joint-entities"] = {"rc_mask": "pair_focused", "rc_features": "cls_and_entities"}
MODELS["focused_attention-rc-distance"] = {"tasks": "rc", "rc_mask": "cls_focused", "rc_distance": True}
BASELINES = {
    "bilstm_crf": ("ner",),
    "rdcnn": ("ner",),
    "cnn": ("rc",),
    "rcn": ("rc",),
    "joint_bilstm": ("joint", "ner", "rc"),
    "spert": ("joint", "ner", "rc"),
}
MODELS |= {
    f"{system}-{tasks}": {"system": system, "tasks": tasks, "embedding_size": 12, "units": 10}
    for system, choices in BASELINES.items()
    for tasks in choices
}
# the joint models hold the computations of the others of their system, and XLA takes its time
COMPILED = {
    name: options
    for name, options in MODELS.items()
    if options.get("tasks", "joint") == "joint" or len(BASELINES.get(options.get("system"), "12")) == 1
}
every_model = pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
SENTENCES = [(11, [(1, 3, 3, 5), (1, 3, 7, 8)]), (7, []), (14, [(2, 6, 9, 12)])]


@pytest.fixture
def batch(pair_batch):
    return {name: tf.constant(value) for name, value in pair_batch(SENTENCES).items()}


def outputs(model, batch):
    """All that a model computes, by name."""
    states = model.encode(batch)
    values = {f"loss_{task}": loss for task, loss in model.task_losses(batch).items()}
    if Task.NER in model.tasks:
        values |= dict(zip(("tags", "emissions"), model.tag(batch, states), strict=True))
    if Task.RC in model.tasks:
        values["logits"] = model.classify_pairs(batch, states)
    return values


def assert_close(got, expected, atol):
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=0, atol=atol, err_msg=name)


@every_model
def test_traced_equals_eager(make_model, batch, options):
    model = make_model(num_task_blocks=3, **options)
    assert_close(tf.function(outputs)(model, batch), outputs(model, batch), atol=1e-4)


@pytest.mark.parametrize("options", COMPILED.values(), ids=COMPILED)
def test_compiled_equals_eager(make_model, batch, options):
    model = make_model(num_task_blocks=3, **options)
    assert_close(tf.function(outputs, jit_compile=True)(model, batch), outputs(model, batch), atol=1e-4)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@every_model
def test_mixed_precision_is_float32_outside_and_finite(make_model, batch, options, precision):
    for name, value in outputs(make_model(precision=precision, **options), batch).items():
        assert value.dtype in (tf.float32, tf.int32), name
        assert np.isfinite(value).all(), name


@every_model
def test_named_values_bring_a_model_back(make_model, batch, options):
    first, second = make_model(seed=1, **options), make_model(seed=2, **options)
    assign_named(second.variables, named_values(first.variables), "checkpoint")
    assert_close(outputs(second, batch), outputs(first, batch), atol=0)
