"""Results are held to their shape; what is none is one line that names the file."""

import pytest

from strtf.errors import StrtfError
from strtf.reporting.record import read_record
from strtf.run_dir import read_json, write_json

COUNTS = [(2, 2, 1), (1, 0, 0)]
NO_LINES = {"gold": [1], "predicted": [1], "correct": [1, 1]}


@pytest.fixture
def changed(result):
    """changed(score=…, …): path of a result with other values."""

    def change(**values):
        path = result("table_2_ner/rdcnn", 0, {"ner": COUNTS})
        write_json(path, read_json(path) | values)
        return path

    return change


def test_a_whole_result(changed):
    values = {
        "errors": {"ner": {"gold": {"right": 1}, "predicted": {}}},
        "dev_f1": [{"ner": 0.5, "rc_predicted": None}, {}],
        "best_epoch": 2,
        "rc_gold": {"precision": 1, "recall": 0.0, "f1": 0},
    }
    path = changed(**values)
    assert read_record(path) == read_json(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("row", 3),
        ("seed", None),
        ("seed", True),
        ("ner", 0.5),
        ("ner", {"precision": 0.5, "recall": 0.5}),
        ("ner", {"precision": 0.5, "recall": 0.5, "f1": float("nan")}),
        ("nearest_rule", None),
        ("per_sentence", None),
        ("per_sentence", {"ner": {"predicted": [1], "correct": [1]}}),
        ("per_sentence", {"ner": NO_LINES}),
        ("errors", {"ner": None}),
        ("errors", {"ner": {"gold": {"right": "2"}, "predicted": {}}}),
        ("dev_f1", [0.5]),
    ],
)
def test_other_shapes_are_an_error(changed, name, value):
    path = changed(**{name: value})
    with pytest.raises(StrtfError, match=f"{path} must be a result of .* Received: .*'{name}' of another shape"):
        read_record(path)


def test_a_best_epoch_that_is_none_is_an_error(changed):
    with pytest.raises(StrtfError, match="a best epoch that is none of its epochs"):
        read_record(changed(dev_f1=[{"ner": 0.5}], best_epoch=2))


def test_an_option_that_nobody_knows_names_the_file(changed):
    path = changed(experiment={"training": {"speed": 3}})
    with pytest.raises(StrtfError, match=f"{path} must be a result of .* Received: Options must be among .*'speed'"):
        read_record(path)


@pytest.mark.parametrize("content", [{}, [], "text", None, {"row": "a/b"}, {"row": "a/b", "seed": 0}])
def test_other_json_is_an_error(tmp_path, content):
    write_json(tmp_path / "other.json", content)
    with pytest.raises(StrtfError, match=r"other.json must be a result of `python -m experiments.run`"):
        read_record(tmp_path / "other.json")
