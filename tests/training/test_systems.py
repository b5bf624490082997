"""Every system trains by the same step: its losses fall, and one trace serves all shapes."""

import numpy as np
import pytest

from strtf.config import TASKS_OF_SYSTEM, System, TrainingOptions
from strtf.training.averaging import averaged_weights
from strtf.training.optimizer import make_optimizer
from strtf.training.step import word_index
from strtf.training.tensorflow_step import TensorFlowStep


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


class Trained:
    """A system after some steps under every option at once.

    Attributes:
        losses: metrics of each step; still: variables that no step has changed.
    """

    def __init__(self, model, batch):
        options = TrainingOptions(
            learning_rate=3e-3, head_learning_rate=1e-2, task_block_learning_rate=2e-3, warmup=0.0,
            rc_loss_weight=1.0, rc_gradient_share=1.0, ema_decay=0.9, fgm_epsilon=0.5,
        )  # fmt: skip
        self.model, self.optimizer = model, make_optimizer(options, 1000, model)
        self.step = TensorFlowStep(model, self.optimizer, options)
        before = [np.array(variable) for variable in model.trainable_variables]
        self.losses = [self.step(batch) for _ in range(30)]
        pairs = zip(model.trainable_variables, before, strict=True)
        self.still = [variable.path for variable, old in pairs if np.array_equal(variable, old)]


@pytest.fixture(scope="module", params=System)
def trained(request, fresh_model, random_pair_batch):
    return Trained(fresh_model(request.param, TrainingOptions(rdrop_weight=1.0)), random_pair_batch(0))


def test_losses_of_all_tasks_fall(trained):
    first, *_, last = trained.losses
    assert set(first) == {f"loss_{task}" for task in trained.model.tasks} | {"loss", "gradient_norm", "learning_rate"}
    assert all(last[f"loss_{task}"] < 0.7 * first[f"loss_{task}"] for task in trained.model.tasks)


def test_every_weight_learns(trained):
    assert trained.still == []


def test_the_averages_are_finite(trained):
    with averaged_weights(trained.model, trained.optimizer):
        assert all(np.isfinite(variable).all() for variable in trained.model.trainable_variables)


def test_one_trace_serves_all_shapes(trained, random_pair_batch):
    assert np.isfinite(trained.step(random_pair_batch(3, num_sentences=5, max_length=40))["loss"])
    assert trained.step.num_traces == 1


def test_r_drop_is_asked_for(trained):
    assert trained.model.rdrop_weight == 1.0
