import pytest

from experiments.search import table
from strtf.config import Experiment
from strtf.errors import StrtfError
from strtf.run_dir import write_json


def test_development_scores_of_the_best_epoch(tmp_path):
    (tmp_path / "search").mkdir()
    for name, best in (("b_1e-3-seed0", 2), ("a_3e-3-seed0", 1), ("a_3e-3-seed1", 2)):
        record = {
            "experiment": Experiment().to_json(),
            "epochs": 2,
            "best_epoch": best,
            "ner": {"f1": 0.99},  # of the test split
            "dev_f1": [{"ner": 0.5, "rc_predicted": 0.25}, {"ner": 0.75, "rc_predicted": 0.125}],
        }
        write_json(tmp_path / "search" / f"{name}.json", record)
    assert table(tmp_path / "search").splitlines()[2:] == [
        "| a_3e-3 | 62.5 ± 17.7 | 18.8 ± 8.8 * |  | 1, 2 | 2 |",
        "| b_1e-3 | 75.0 | 12.5 * |  | 2 | 2 |",
    ]


def test_trials_of_one_name_in_two_folders_are_two(tmp_path):
    record = {"experiment": Experiment().to_json(), "epochs": 1, "best_epoch": 1, "dev_f1": [{"ner": 0.5}]}
    for folder in ("diakg_700", "conll04"):
        (tmp_path / folder).mkdir()
        write_json(tmp_path / folder / "ours-seed0.json", record)
    names = [line.split("|")[1].strip() for line in table(tmp_path).splitlines()[2:]]
    assert names == ["conll04/ours", "diakg_700/ours"]


def test_no_results_are_an_error(tmp_path):
    with pytest.raises(StrtfError, match="--results must hold results"):
        table(tmp_path)
