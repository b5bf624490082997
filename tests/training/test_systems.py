"""Every system trains by the same step: its losses fall, and one trace serves all shapes."""

import numpy as np
import pytest

from strtf.config import TASKS_OF_SYSTEM, System, TrainingOptions
from strtf.training.averaging import averaged_weights
from strtf.training.optimizer import make_optimizer
from strtf.training.step import word_index
from strtf.training.tensorflow_step import TensorFlowStep

# of the focused attention model, see `test_tensorflow_step.py`
OTHERS = [system for system in System if system is not System.FOCUSED_ATTENTION]


@pytest.fixture(scope="module")
def fresh_model(tiny_config, tiny_schema):
    import keras

    from strtf.config import Experiment, ModelOptions
    from strtf.models.build import build_model

    def make(system, training=None):
        keras.utils.set_random_seed(0)
        tasks = TASKS_OF_SYSTEM[system][0]
        options = ModelOptions(system=system, tasks=tasks, max_tokens=64, embedding_size=16, units=16)
        return build_model(Experiment(model=options, training=training or TrainingOptions()), tiny_config, tiny_schema)

    return make


@pytest.mark.parametrize("system", System)
def test_the_table_of_words(fresh_model, tiny_config, system):
    model = fresh_model(system)
    variable = model.trainable_variables[word_index(model)]
    assert "embedding" in variable.path and variable.shape[0] == tiny_config.vocabulary_size


@pytest.mark.parametrize("system", System)
def test_every_option_at_once(fresh_model, random_pair_batch, system):
    options = TrainingOptions(
        task_block_learning_rate=1e-3, ema_decay=0.9, fgm_epsilon=0.5, rdrop_weight=1.0, head_learning_rate=1e-2
    )
    model = fresh_model(system, options)
    optimizer = make_optimizer(options, 10, model)
    step, batch = TensorFlowStep(model, optimizer, options), random_pair_batch(0)
    first, *_, last = (step(batch) for _ in range(5))
    assert last["loss"] < first["loss"]
    with averaged_weights(model, optimizer):
        assert all(np.isfinite(variable).all() for variable in model.trainable_variables)
    assert model.rdrop_weight == 1.0 and step.num_traces == 1


@pytest.mark.parametrize("system", OTHERS)
def test_losses_fall_in_one_trace(fresh_model, random_pair_batch, system):
    model = fresh_model(system)
    options = TrainingOptions(learning_rate=3e-3, head_learning_rate=1e-2, warmup=0.0, rc_loss_weight=1.0)
    step = TensorFlowStep(model, make_optimizer(options, 1000, model), options)
    before = [np.array(variable) for variable in model.trainable_variables]
    batch = random_pair_batch(0)
    losses = [step(batch) for _ in range(30)]
    assert set(losses[0]) == {f"loss_{task}" for task in model.tasks} | {"loss", "gradient_norm", "learning_rate"}
    for task in model.tasks:
        assert losses[-1][f"loss_{task}"] < 0.7 * losses[0][f"loss_{task}"]
    assert np.isfinite(step(random_pair_batch(3, num_sentences=5, max_length=40))["loss"])
    assert step.num_traces == 1
    still = [v.path for v, old in zip(model.trainable_variables, before, strict=True) if np.array_equal(v, old)]
    assert still == []
