"""What every model must do: run traced, compiled, in mixed precision, and come back from its named values."""

import functools

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
MODELS["focused_attention-rc-context"] = {"tasks": "rc", "rc_context": True}
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
# XLA takes its time: of each system, the model with the most tasks
COMPILED = {
    name: options
    for name, options in MODELS.items()
    if options.get("tasks", "joint") == "joint" or BASELINES.get(options.get("system")) in (("ner",), ("rc",))
}
TRACED = {name: options for name, options in MODELS.items() if name not in COMPILED}  # the compiled are traced too
ENCODERS = {name: options for name, options in MODELS.items() if options.get("system", "spert") == "spert"}
every_model = pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
SENTENCES = [(11, [(1, 3, 3, 5), (1, 3, 7, 8)]), (7, []), (14, [(2, 6, 9, 12)])]


@pytest.fixture
def batch(pair_batch):
    return {name: tf.constant(value) for name, value in pair_batch(SENTENCES).items()}


@pytest.fixture(scope="module")
def plain_model(make_model):
    """plain_model(**options): a model without dropout that no test changes, made once."""
    return functools.cache(functools.partial(make_model, dropout=0.0))


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
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-6 if atol else 0, atol=atol, err_msg=name)


@pytest.mark.parametrize("options", TRACED.values(), ids=TRACED)
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


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("options", ENCODERS.values(), ids=ENCODERS)
def test_weights_that_are_cast_once_give_the_same_numbers(make_model, batch, options, precision):
    trained, loaded = (make_model(precision=precision, trains=trains, **options) for trains in (True, False))
    assign_named(loaded.trainable_variables, named_values(trained.trainable_variables), "checkpoint")
    half = precision.removeprefix("mixed_")
    assert half in {variable.dtype for variable in loaded.trainable_variables}
    assert_close(outputs(loaded, batch), outputs(trained, batch), atol=0)


@every_model
def test_named_values_bring_a_model_back(make_model, batch, options):
    first, second = make_model(seed=1, **options), make_model(seed=2, **options)
    assign_named(second.variables, named_values(first.variables), "checkpoint")
    assert_close(outputs(second, batch), outputs(first, batch), atol=0)


@every_model
def test_padding_changes_nothing(plain_model, pair_batch, options):
    """Padded sentences and pairs, with tokens and tags of any kind in the padding."""
    model, plain = plain_model(**options), pair_batch(SENTENCES)
    wide = pair_batch(SENTENCES, round_up=lambda size, axis: size + 3, seed=1)
    for name in ("token_ids", "tags"):
        for row, (length, _) in enumerate(SENTENCES):
            wide[name][row, :length] = plain[name][row, :length]
    wide["labels"][: len(plain["labels"])] = plain["labels"]
    found, expected = outputs(model, wide), outputs(model, plain)
    length, pairs = plain["token_ids"].shape[1], len(plain["labels"])
    inside = np.arange(1, length) < plain["lengths"][:, None]
    if Task.NER in model.tasks:
        np.testing.assert_array_equal(found.pop("tags")[:, :length], expected.pop("tags"))
        found["emissions"] = found["emissions"].numpy()[:, : length - 1][inside]
        expected["emissions"] = expected["emissions"].numpy()[inside]
    if Task.RC in model.tasks:
        found["logits"] = found["logits"][:pairs]
    assert_close(found, expected, atol=1e-4)


@every_model
def test_neither_company_nor_order_matters(plain_model, pair_batch, options):
    """Each sentence alone, its pairs in reverse, against all together."""
    model, together = plain_model(**options), pair_batch(SENTENCES)
    expected, pairs = outputs(model, together), 0
    for row, (length, spans) in enumerate(SENTENCES):
        alone = pair_batch([(length, spans[::-1])]) | {"token_ids": together["token_ids"][row : row + 1, :length]}
        found = outputs(model, alone)
        if Task.NER in model.tasks:
            np.testing.assert_array_equal(found["tags"][0], expected["tags"][row, :length])
            np.testing.assert_allclose(found["emissions"][0], expected["emissions"][row, : length - 1], atol=1e-4)
        if Task.RC in model.tasks:
            own = expected["logits"][pairs : pairs + len(spans)]
            np.testing.assert_allclose(found["logits"][: len(spans)], own[::-1], atol=1e-4)
        pairs += len(spans)
