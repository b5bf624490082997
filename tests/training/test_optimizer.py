"""Learning rates over time and by part of the model, and what decays."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from strtf.config import Precision, TrainingOptions
from strtf.training.optimizer import WarmupLinearDecay, make_optimizer


def rates(schedule, steps):
    return [float(schedule(step)) for step in range(steps)]


def test_rate_rises_then_falls_to_zero():
    schedule = WarmupLinearDecay(peak=1.0, warmup_steps=4, total_steps=10)
    expected = [0.25, 0.5, 0.75, 1.0, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0.0, 0.0]
    np.testing.assert_allclose(rates(schedule, 12), expected, rtol=1e-6)


def test_without_warmup_the_first_step_has_the_peak():
    assert rates(WarmupLinearDecay(0.5, 0, 4), 1) == [0.5]


def test_warmup_over_all_steps_never_falls_before_the_end():
    np.testing.assert_allclose(rates(WarmupLinearDecay(1.0, 4, 4), 4), [0.25, 0.5, 0.75, 1.0])


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(st.integers(0, 20), st.integers(1, 40), st.floats(1e-6, 1.0))
def test_every_step_of_a_run_learns_and_none_above_the_peak(warmup, total, peak):
    found = rates(WarmupLinearDecay(peak, min(warmup, total), total), total)
    assert all(0.0 < rate <= peak * (1 + 1e-6) for rate in found)
    top = int(np.argmax(found))
    assert found[: top + 1] == sorted(found[: top + 1]) and found[top:] == sorted(found[top:], reverse=True)


def test_schedule_round_trips_through_its_config():
    schedule = WarmupLinearDecay(1e-3, 3, 9)
    assert rates(WarmupLinearDecay.from_config(schedule.get_config()), 10) == rates(schedule, 10)


def step_on_zero_gradients(model, options, total_steps=10):
    """{variable's path: (before, after)} of one step."""
    variables = model.trainable_variables
    for variable in variables:
        if variable.name != "transitions":
            variable.assign(variable + 0.5)  # biases begin at zero, which decay would not change
    optimizer = make_optimizer(options, total_steps, model)
    before = [ops.convert_to_numpy(variable) for variable in variables]
    optimizer.apply([ops.zeros_like(variable.value) for variable in variables], variables)
    after = [ops.convert_to_numpy(variable) for variable in variables]
    return {v.path: pair for v, *pair in zip(variables, before, after, strict=True)}


@pytest.fixture(scope="module", params=[Precision.FLOAT32, Precision.MIXED_FLOAT16])
def decayed(request, tiny_model):
    options = TrainingOptions(
        learning_rate=1e-2, head_learning_rate=5e-2, weight_decay=0.1, warmup=0.0, precision=request.param
    )
    return step_on_zero_gradients(tiny_model(precision=request.param), options)


def test_biases_and_layer_norm_are_spared(decayed):
    spared = {path for path, (before, after) in decayed.items() if np.array_equal(before, after)}
    assert spared == {path for path in decayed if path.endswith(("bias", "gamma", "beta"))}


def test_encoder_and_heads_decay_at_their_own_rates(decayed):
    for path, (before, after) in decayed.items():
        if path.endswith(("bias", "gamma", "beta")):
            continue
        rate = 1e-2 if path.startswith("encoder/") and not path.endswith("/form") else 5e-2
        np.testing.assert_allclose(after, before * (1 - rate * 0.1), rtol=1e-5, err_msg=path)


def test_some_variables_are_of_the_heads(decayed):
    heads = {path.split("/")[0] for path in decayed if not path.startswith("encoder/")}
    assert heads == {"tag_dense", "crf", "pair_classifier"}


def test_a_system_without_pretrained_weights_learns_at_the_rate_of_heads(make_model):
    model = make_model(system="rdcnn", tasks="ner", units=8)
    options = TrainingOptions(learning_rate=1e-2, head_learning_rate=5e-2, weight_decay=0.1, warmup=0.0)
    for path, (before, after) in step_on_zero_gradients(model, options).items():
        if not path.endswith("bias"):
            np.testing.assert_allclose(after, before * (1 - 5e-2 * 0.1), rtol=1e-5, err_msg=path)


def test_warmup_is_a_share_of_all_steps(tiny_model):
    model = tiny_model()
    options = TrainingOptions(learning_rate=1.0, head_learning_rate=2.0, warmup=0.2)
    encoder, heads = make_optimizer(options, 20, model).optimizers
    assert (float(encoder.learning_rate), float(heads.learning_rate)) == (0.25, 0.5)


def test_task_blocks_have_a_rate_of_their_own(tiny_model):
    """Of two blocks, K = 1."""
    options = TrainingOptions(
        learning_rate=1e-2, task_block_learning_rate=2e-2, head_learning_rate=5e-2, weight_decay=0.1, warmup=0.0
    )
    for path, (before, after) in step_on_zero_gradients(tiny_model(), options).items():
        if path.endswith(("bias", "gamma", "beta")):
            continue
        is_fresh = not path.startswith("encoder/") or path.endswith("/form")
        rate = 5e-2 if is_fresh else 2e-2 if "block_02" in path else 1e-2
        np.testing.assert_allclose(after, before * (1 - rate * 0.1), rtol=1e-5, err_msg=path)


def test_the_encoders_rate_is_the_first(tiny_model):
    """It is the one that is logged."""
    options = TrainingOptions(learning_rate=1.0, task_block_learning_rate=2.0, head_learning_rate=3.0, warmup=0.0)
    assert [float(o.learning_rate) for o in make_optimizer(options, 20, tiny_model()).optimizers] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("system", "tasks", "groups"), [("spert", "joint", 2), ("rdcnn", "ner", 1)])
def test_systems_without_task_blocks_ignore_their_rate(make_model, system, tasks, groups):
    options = TrainingOptions(task_block_learning_rate=2.0)
    assert len(make_optimizer(options, 20, make_model(system=system, tasks=tasks, units=8)).optimizers) == groups
