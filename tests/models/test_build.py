import contextlib
import dataclasses

import numpy as np
import pytest

from strtf.config import Experiment, ModelOptions, System, Tasks
from strtf.errors import StrtfError
from strtf.models.build import SYSTEMS, assign_named, build_model, named_values


def experiment(**model):
    return Experiment(model=ModelOptions(**{"max_tokens": 64, "num_task_blocks": 2} | model))


class TestBuildModel:
    def test_more_task_blocks_than_blocks(self, tiny_config, tiny_schema):
        with pytest.raises(StrtfError, match=r"--num_task_blocks \(K\) must be at most 3, .* Received: 4"):
            build_model(experiment(num_task_blocks=4), tiny_config, tiny_schema)

    def test_windows_longer_than_the_positions(self, tiny_config, tiny_schema):
        with pytest.raises(StrtfError, match=r"--max_tokens must be at most 64, .* Received: 65"):
            build_model(experiment(max_tokens=65), tiny_config, tiny_schema)

    @pytest.mark.parametrize("system", ["spert", "joint_bilstm"])
    def test_positions_bind_only_pretrained_encoders(self, tiny_config, tiny_schema, system):
        bound = {"spert": pytest.raises(StrtfError, match="--max_tokens must be at most 64")}
        with bound.get(system, contextlib.nullcontext()):
            build_model(experiment(system=System(system), max_tokens=65), tiny_config, tiny_schema)

    def test_every_system_has_a_model(self):
        assert SYSTEMS.keys() == set(System)

    def test_k_0_where_relations_are_trained(self):
        with pytest.raises(StrtfError, match="num_task_blocks must be at least 1"):
            experiment(num_task_blocks=0)

    @pytest.mark.parametrize(("tasks", "num_task_blocks"), [(Tasks.JOINT, 3), (Tasks.NER, 0)])
    def test_k_at_its_bounds(self, tiny_config, tiny_schema, tasks, num_task_blocks):
        model = build_model(experiment(tasks=tasks, num_task_blocks=num_task_blocks), tiny_config, tiny_schema)
        assert len(model.encoder.task_blocks) == num_task_blocks

    def test_tags_and_classes_are_those_of_the_schema(self, tiny_config, tiny_schema):
        model = build_model(experiment(), tiny_config, tiny_schema)
        assert (model.crf.num_tags, model.pair_classifier.num_classes) == (9, 4)


class TestNamedValues:
    def test_second_model_has_the_same_names(self, make_model):
        """Keras numbers the unnamed objects of a process; a checkpoint's names must not depend on that."""
        first, second = (named_values(make_model(dropout=0.2).variables) for _ in range(2))
        assert list(first) == list(second)

    def test_every_variable_is_there(self, make_model):
        model = make_model()
        assert len(named_values(model.variables)) == len(model.variables)

    def test_repeated_path_is_numbered(self, make_model):
        variable = make_model().weights[0]
        assert list(named_values([variable, variable])) == [variable.path, f"{variable.path}#2"]

    def test_assign_restores(self, make_model):
        first, second = make_model(seed=1), make_model(seed=2)
        assign_named(second.variables, named_values(first.variables), "checkpoint")
        for name, value in named_values(second.variables).items():
            np.testing.assert_array_equal(value, named_values(first.variables)[name])


class TestAssignErrors:
    @pytest.fixture
    def model(self, make_model):
        return make_model()

    @pytest.fixture
    def values(self, model):
        return {name: value + 1 for name, value in named_values(model.weights).items()}

    def complaint(self, model, values):
        """The message; checks that no variable changed."""
        before = named_values(model.weights)
        with pytest.raises(StrtfError) as error:
            assign_named(model.weights, values, "run/best.safetensors")
        for name, value in named_values(model.weights).items():
            np.testing.assert_array_equal(value, before[name], err_msg=name)
        return str(error.value)

    def test_missing(self, model, values):
        del values["encoder/embedding/word" if "encoder/embedding/word" in values else next(iter(values))]
        assert " missing" in self.complaint(model, values)

    def test_unexpected(self, model, values):
        assert "extra/kernel unexpected" in self.complaint(model, values | {"extra/kernel": np.zeros(2)})

    def test_shape(self, model, values):
        name = next(iter(values))
        shape = values[name].shape
        message = self.complaint(model, values | {name: np.zeros((3, 3))})
        assert f"{name} has shape (3, 3), not {shape}" in message

    def test_source_and_remedy(self, model):
        message = self.complaint(model, {})
        assert message.startswith("run/best.safetensors must fit the run's config. Received: ")

    def test_long_list_is_cut(self, model, values):
        assert f"; and {len(values) - 8} more" in self.complaint(model, {})


def test_other_width_does_not_fit(make_model, tiny_config, tiny_schema):
    wide = build_model(experiment(), dataclasses.replace(tiny_config, hidden_size=64), tiny_schema)
    with pytest.raises(StrtfError, match="has shape"):
        assign_named(wide.weights, named_values(make_model().weights), "checkpoint")
