"""What the picture of the development scores draws."""

import pytest

from strtf.errors import StrtfError
from strtf.reporting.learning_curves import PLACES, curves, draw_learning_curves, look
from strtf.reporting.results import read_results
from strtf.run_dir import read_json, write_json


def add(path, dev_f1, best_epoch):
    """Development scores for a result that is there."""
    write_json(path, read_json(path) | {"dev_f1": dev_f1, "best_epoch": best_epoch})


@pytest.fixture
def records(result, tmp_path):
    both = [{"ner": 0.5, "rc_predicted": 0.25}, {"ner": 0.75, "rc_predicted": 0.5}]
    add(result("table_2_ner/focused_attention", 0, {}), both, 2)
    add(result("table_2_ner/focused_attention", 1, {}), both[:1], 1)
    add(result("table_3_rc/focused_attention", 0, {}), both, 2)
    add(result("table_6_ablation/only_ner", 0, {}, epochs=3), [{"ner": 0.5, "rc_predicted": None}], 1)
    result("table_6_ablation/only_rc", 0, {}, epochs=4)
    add(result("search/rdcnn_1e-3", 0, {}, epochs=5), both, 2)
    add(result("quickstart", 0, {}, epochs=6), both, 2)
    return read_results(str(tmp_path))["reports"]


def test_a_line_for_each_seed_and_a_row_for_each_experiment(records):
    assert curves(records, "ner") == {
        "table_2_ner/focused_attention": [([50.0, 75.0], 2), ([50.0], 1)],
        "table_6_ablation/only_ner": [([50.0], 1)],
    }


def test_searches_and_rows_outside_the_tables_are_left_out(records):
    assert {("search", "rdcnn_1e-3"), ("", "quickstart")} <= records.keys()
    assert all(name.startswith("table_") for name in curves(records, "ner"))


def test_a_score_that_a_row_does_not_have(records):
    assert set(curves(records, "rc_predicted")) == {"table_2_ner/focused_attention"}
    assert curves(records, "rc_gold") == {}


def test_every_row_of_the_tables_can_look_otherwise():
    assert len({look(number) for number in range(len(PLACES))}) == len(PLACES)


def test_a_png_is_written(records, tmp_path):
    draw_learning_curves(records, "reports", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_no_history_at_all_is_an_error(records, tmp_path):
    without = {place: rows for place, rows in records.items() if place[1] == "only_rc"}
    with pytest.raises(StrtfError, match="--learning_curves must have development scores"):
        draw_learning_curves(without, "reports", tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
