"""A checkpoint holds everything: model, optimizer, random states, and where the training stands."""

import re

import numpy as np
import pytest

from strtf.config import Precision, TrainingOptions
from strtf.errors import StrtfError
from strtf.models.build import assign_named, named_values
from strtf.run_dir import RunDir, read_tensors, write_tensors
from strtf.training.optimizer import make_optimizer
from strtf.training.state import TrainingState


def pair_of(tiny_model, seed=0, precision=Precision.FLOAT32):
    """A model and its optimizer, with every variable away from its initial value."""
    model = tiny_model(dropout=0.1, seed=seed, precision=precision)
    optimizer = make_optimizer(TrainingOptions(precision=precision), 10, model)
    rng = np.random.default_rng(seed)
    for variable in (*model.variables, *optimizer.variables):
        variable.assign(rng.integers(1, 100, variable.shape).astype(variable.dtype))
    return model, optimizer


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.MIXED_FLOAT16])
def test_everything_comes_back_into_fresh_objects(tiny_model, tmp_path, precision):
    model, optimizer = pair_of(tiny_model, 1, precision)
    state = TrainingState(3, 2, 0.1 + 0.2, 1, {"loss": 1 / 3}, [{"epoch": 1, "loss": 1 / 7}])
    state.save(RunDir(tmp_path), model, optimizer)
    fresh_model, fresh_optimizer = pair_of(tiny_model, 2, precision)
    assert TrainingState.restore(RunDir(tmp_path), fresh_model, fresh_optimizer) == state
    for ours, theirs in ((model, fresh_model), (optimizer, fresh_optimizer)):
        expected, found = named_values(ours.variables), named_values(theirs.variables)
        assert expected.keys() == found.keys()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_random_states_and_step_counters_are_among_them(tiny_model, tmp_path):
    TrainingState().save(RunDir(tmp_path), *pair_of(tiny_model))
    names = read_tensors(RunDir(tmp_path).checkpoint)[0].keys()
    assert any(re.fullmatch(r"model/seed_generator/.*", name) for name in names)
    assert any(name.startswith("optimizer/") and name.endswith("iteration") for name in names)


def test_names_do_not_depend_on_what_was_built_before(tiny_model):
    first, second = pair_of(tiny_model), pair_of(tiny_model)
    for ours, theirs in zip(first, second, strict=True):
        assert [*named_values(ours.variables)] == [*named_values(theirs.variables)]


def test_another_models_checkpoint_is_refused_with_names_and_shapes(tiny_model, tmp_path):
    model, optimizer = pair_of(tiny_model)
    TrainingState().save(RunDir(tmp_path), model, optimizer)
    tensors, state = read_tensors(RunDir(tmp_path).checkpoint)
    del tensors["model/crf/transitions"]
    tensors["model/tag_dense/bias"] = np.zeros(3, np.float32)
    tensors["model/other"] = np.zeros(1, np.float32)
    write_tensors(RunDir(tmp_path).checkpoint, tensors, state)
    with pytest.raises(StrtfError) as caught:
        TrainingState.restore(RunDir(tmp_path), model, optimizer)
    for complaint in ("crf/transitions missing", "other unexpected", "tag_dense/bias has shape (3,), not (9,)"):
        assert complaint in str(caught.value)
    assert "checkpoint.safetensors must fit the run's config" in str(caught.value)


def test_a_state_of_other_names_is_refused(tiny_model, tmp_path):
    model, optimizer = pair_of(tiny_model)
    TrainingState().save(RunDir(tmp_path), model, optimizer)
    tensors, state = read_tensors(RunDir(tmp_path).checkpoint)
    del state["best_f1"], state["epoch"]
    write_tensors(RunDir(tmp_path).checkpoint, tensors, state | {"other": 1})
    with pytest.raises(StrtfError, match="Received: best_f1 missing; epoch missing; other unexpected. Restore it"):
        TrainingState.restore(RunDir(tmp_path), model, optimizer)


def test_nothing_is_assigned_where_something_does_not_fit(tiny_model):
    model = tiny_model()
    before = named_values(model.variables)
    values = {name: value + 1 for name, value in before.items()} | {"other": np.zeros(1)}
    with pytest.raises(StrtfError, match="other unexpected"):
        assign_named(model.variables, values, "x.safetensors")
    assert all(np.array_equal(value, before[name]) for name, value in named_values(model.variables).items())
