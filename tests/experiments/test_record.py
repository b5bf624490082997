"""Records name no machine, and trace a score to options and flag files."""

import pathlib

import pytest

from experiments.record import portable, portable_argument, portable_experiment
from strtf.config import DataOptions, Experiment, ModelOptions


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("", ""),
        ("angiography", "angiography"),
        ("checkpoints/zh_small", "checkpoints/zh_small"),
        ("/somewhere/diakg_flat/", "diakg_flat"),
        ("../beside/diakg_flat", "diakg_flat"),
        (str(pathlib.Path.cwd() / "checkpoints" / "zh_small"), "checkpoints/zh_small"),
        ("hf://google-bert/bert-base-chinese", "hf://google-bert/bert-base-chinese"),
    ],
)
def test_paths_say_nothing_of_the_machine(path, written):
    assert portable(path) == written


def test_arguments_that_are_paths():
    assert portable_argument("--data_dir=/somewhere/diakg_flat") == "--data_dir=diakg_flat"
    assert portable_argument("--flagfile=experiments/paper.flags") == "--flagfile=experiments/paper.flags"
    assert portable_argument("--option=/x") == "--option=/x"
    assert portable_argument("--rc_distance") == "--rc_distance"


@pytest.mark.parametrize("path", ["/somewhere/diakg_flat", "data/diakg_flat/", "../diakg_flat", "diakg_flat"])
def test_data_are_the_same_wherever_they_lie(path):
    assert portable_experiment(Experiment(data=DataOptions(data_dir=path)))["data"]["data_dir"] == "diakg_flat"
    assert portable_argument(f"--data_dir={path}") == "--data_dir=diakg_flat"


def test_all_options_are_recorded_and_come_back():
    experiment = Experiment(data=DataOptions(data_dir="/somewhere/corpus"), model=ModelOptions(num_task_blocks=6))
    recorded = portable_experiment(experiment)
    assert recorded["data"]["data_dir"] == "corpus"
    assert Experiment.from_json(recorded).model == experiment.model


def test_operational_options_can_be_left_out():
    values = portable_experiment(Experiment(), operational=False)
    assert "rc_compute" not in values["model"] and "rc_mask" in values["model"]
