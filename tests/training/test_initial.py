"""Beginning with the weights of another run."""

import dataclasses
import shutil

import numpy as np
import pytest

from strtf.config import Experiment, ModelOptions, System, Tasks, TrainingOptions
from strtf.errors import StrtfError
from strtf.models.build import build_model, named_values
from strtf.pretrained.load import open_pretrained
from strtf.run_dir import RunDir, read_tensors, write_json, write_tensors
from strtf.training.initial import begin_with
from strtf.training.train import train


@pytest.fixture(scope="module")
def pretrained(two_block_encoder_dir):
    return open_pretrained(str(two_block_encoder_dir))


@pytest.fixture(scope="module")
def make(pretrained, tiny_schema):
    """make(seed, schema, …): a model with random weights of its own, and its options."""

    def model(seed=0, schema=tiny_schema, **options):
        options = ModelOptions(**{"num_task_blocks": 1, "max_tokens": 48, "units": 8, "embedding_size": 8} | options)
        experiment = Experiment(model=options, training=TrainingOptions())
        made, rng = build_model(experiment, pretrained.config, schema), np.random.default_rng(seed)
        for variable in made.trainable_variables:
            variable.assign(rng.normal(size=variable.shape))
        return made, experiment

    return model


@pytest.fixture
def make_run(make, pretrained, tiny_schema, tmp_path):
    """make_run(options): a run directory with other weights."""

    def run(**options):
        made, experiment = make(seed=1, **options)
        run_dir = RunDir(tmp_path / "earlier")
        run_dir.path.mkdir()
        write_json(run_dir.config, experiment.to_json())
        write_json(run_dir.schema, tiny_schema.to_json())
        write_json(run_dir.encoder, pretrained.config.to_json())
        pretrained.vocabulary.save(run_dir.vocabulary)
        write_tensors(run_dir.weights, named_values(made.trainable_variables))
        return run_dir

    return run


def taken(model, before, run_dir):
    """Names of the variables that have the run's values; the others have kept theirs."""
    now, theirs = named_values(model.trainable_variables), read_tensors(run_dir.weights)[0]
    names = {name for name, value in now.items() if name in theirs and np.array_equal(value, theirs[name])}
    assert all(np.array_equal(now[name], before[name]) for name in now.keys() - names)
    return names


@pytest.mark.parametrize("system", [System.FOCUSED_ATTENTION, System.JOINT_BILSTM])
def test_all_weights_where_the_labels_are_the_same(make, make_run, pretrained, tiny_schema, system):
    options = {"system": system}
    (model, _), run_dir = make(**options), make_run(**options)
    before = named_values(model.trainable_variables)
    assert begin_with(model, run_dir, tiny_schema, pretrained).startswith("Beginning with the weights of")
    assert taken(model, before, run_dir) == before.keys()


def other_labels(schema):
    return dataclasses.replace(schema, entity_types=tuple(f"{name}2" for name in schema.entity_types))


def test_the_encoder_alone_where_they_are_others(make, make_run, pretrained, tiny_schema):
    """As many labels of other names would have weights of the same shapes."""
    schema, run_dir = other_labels(tiny_schema), make_run()
    model, _ = make(schema=schema)
    before = named_values(model.trainable_variables)
    said = begin_with(model, run_dir, schema, pretrained)
    assert "Beginning with the encoder of" in said and str(run_dir.schema) in said
    assert taken(model, before, run_dir) == named_values(model.encoder.trainable_variables).keys()


def test_what_does_not_fit(make, make_run, pretrained, tiny_schema, tmp_path):
    (model, _), run_dir = make(), make_run()
    with pytest.raises(StrtfError, match=r"--initial_run must hold a trained run. Received: .*none"):
        begin_with(model, RunDir(tmp_path / "none"), tiny_schema, pretrained)
    with pytest.raises(StrtfError, match="must be a run of --system=spert, as this one. Received: focused_attention"):
        begin_with(make(system=System.SPERT)[0], run_dir, tiny_schema, pretrained)
    with pytest.raises(StrtfError, match=r"must fit the run's config. Received: .*tag_dense.* has shape"):
        begin_with(make(tag_layers=2)[0], run_dir, tiny_schema, pretrained)
    larger = dataclasses.replace(pretrained, config=dataclasses.replace(pretrained.config, num_blocks=3))
    with pytest.raises(StrtfError, match="must be a run with the same encoder"):
        begin_with(model, run_dir, tiny_schema, larger)


def test_other_labels_need_something_pretrained(make, make_run, pretrained, tiny_schema):
    options = {"system": System.BILSTM_CRF, "tasks": Tasks.NER}
    run_dir, schema = make_run(**options), other_labels(tiny_schema)
    with pytest.raises(StrtfError, match=r"must have the same entity types.*--schema=.*schema.json"):
        begin_with(make(schema=schema, **options)[0], run_dir, schema, pretrained)


def test_a_training_begins_with_them_and_goes_on_without_them(tiny_experiment, tmp_path, capsys):
    earlier, run_dir = RunDir(tmp_path / "earlier"), RunDir(tmp_path / "run")
    train(tiny_experiment(epochs=1), earlier)
    experiment = tiny_experiment(
        epochs=1, learning_rate=0.0, head_learning_rate=0.0, initial_run=str(earlier.path), seed=4
    )
    train(experiment, run_dir)
    assert f"Beginning with the weights of {earlier.path}." in capsys.readouterr().out
    found, expected = (read_tensors(run.weights)[0] for run in (run_dir, earlier))
    assert all(np.array_equal(found[name], value) for name, value in expected.items())
    shutil.rmtree(earlier.path)
    assert train(experiment, run_dir, resume=True).epoch == 1
