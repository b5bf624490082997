import pytest

from experiments.search import table
from strtf.config import Experiment
from strtf.errors import StrtfError
from strtf.run_dir import write_json

RESULT = {"row": "search/a", "seed": 0, "experiment": Experiment().to_json()}


def test_development_scores_of_the_best_epoch(tmp_path):
    (tmp_path / "search").mkdir()
    for name, best in (("b_1e-3-seed0", 2), ("a_3e-3-seed0", 1), ("a_3e-3-seed1", 2)):
        record = RESULT | {
            "best_epoch": best,
            "ner": {"precision": 0.99, "recall": 0.99, "f1": 0.99},  # of the test split
            "dev_f1": [{"ner": 0.5, "rc_predicted": 0.25}, {"ner": 0.75, "rc_predicted": 0.125}],
        }
        write_json(tmp_path / "search" / f"{name}.json", record)
    assert table(tmp_path / "search").splitlines()[2:] == [
        "| a_3e-3 | 62.5 ± 17.7 | 18.8 ± 8.8 * |  | 1, 2 | 2 |",
        "| b_1e-3 | 75.0 | 12.5 * |  | 2 | 2 |",
    ]


def test_trials_of_one_name_in_two_folders_are_two(tmp_path):
    record = RESULT | {"best_epoch": 1, "dev_f1": [{"ner": 0.5}]}
    for folder in ("diakg_700", "conll04"):
        (tmp_path / folder).mkdir()
        write_json(tmp_path / folder / "ours-seed0.json", record)
    names = [line.split("|")[1].strip() for line in table(tmp_path).splitlines()[2:]]
    assert names == ["conll04/ours", "diakg_700/ours"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"rows": []}, "must be a result of `python -m experiments.run`"),
        (RESULT, "must hold the development scores of its epochs. Received: none"),
        (RESULT | {"dev_f1": [{"ner": 0.5}]}, "must hold the development scores of its epochs. Received: none"),
    ],
)
def test_other_json_is_an_error(tmp_path, content, message):
    write_json(tmp_path / "other.json", content)
    with pytest.raises(StrtfError, match=f"other.json {message}"):
        table(tmp_path)


def test_no_results_are_an_error(tmp_path):
    with pytest.raises(StrtfError, match="--results must hold results"):
        table(tmp_path)
