"""Means, spreads, p-values and floors of a table, against numbers worked out by hand."""

import statistics

import numpy as np
import pytest

from strtf.evaluation.bootstrap import p_value
from strtf.evaluation.scores import Score
from strtf.reporting import paper
from strtf.reporting.results import read_results
from strtf.reporting.tables import layout, measurements

GOLD = [4, 3, 5, 2, 6, 4, 3, 5]


def counts(correct, extra=0):
    return [(gold, c + extra, c) for gold, c in zip(GOLD, correct, strict=True)]


OURS = [counts(GOLD), counts([3, *GOLD[1:]])]
SECOND = counts([2, 2, 4, 1, 5, 3, 2, 4])
WORST = counts([0] * 8, extra=1)


@pytest.fixture
def table_3(result, tmp_path):
    for seed, found in enumerate(OURS):
        result("table_3_rc/focused_attention", seed, {"rc_gold": found, "ner": found})
    result(
        "table_3_rc/cnn", 0, {"rc_gold": SECOND}, rules={"type_pair_rule": (32, 64, 32), "nearest_rule": (32, 32, 16)}
    )
    result("table_3_rc/rcn", 0, {"rc_gold": WORST})
    return measurements(paper.TABLE_3, read_results(str(tmp_path))["reports"])


def line(frame, row, score, metric):
    (found,) = frame[(frame["row"] == row) & (frame["score"] == score) & (frame["metric"] == metric)].to_dict("records")
    return found


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_mean_and_deviation_over_seeds(table_3, metric):
    values = [100 * getattr(Score(*map(int, np.sum(found, axis=0))), metric) for found in OURS]
    found = line(table_3, "focused_attention", "rc_gold", metric)
    assert found["mean"] == pytest.approx(statistics.mean(values))
    assert found["sd"] == pytest.approx(statistics.stdev(values))
    assert found["seeds"] == 2


def test_the_papers_numbers_stand_beside(table_3):
    assert [line(table_3, "cnn", "rc_gold", m)["paper"] for m in ("precision", "recall", "f1")] == [94.49, 95.24, 94.86]


def test_one_seed_has_no_deviation(table_3):
    assert np.isnan(line(table_3, "cnn", "rc_gold", "f1")["sd"])


def test_rows_that_are_missing(table_3):
    found = line(table_3, "joint_bilstm", "rc_gold", "f1")
    assert np.isnan(found["mean"]) and found["seeds"] == 0 and found["paper"] == 92.88


def test_p_is_ours_against_the_second_best(table_3):
    expected = p_value(np.array(OURS), np.array([SECOND]))
    assert line(table_3, "focused_attention", "rc_gold", "f1")["p_value"] == expected < 1
    assert table_3["p_value"].notna().sum() == 1


def test_without_a_row_of_ours_the_best_is_compared(result, tmp_path):
    for row, found in (("k1_eq13", SECOND), ("k2_eq14", counts(GOLD)), ("k6_eq13", WORST)):
        result(f"table_5_k_and_mask/{row}", 0, {"ner": found, "rc_predicted": found})
    frame = measurements(paper.TABLE_5, read_results(str(tmp_path))["reports"])
    expected = p_value(np.array([counts(GOLD)]), np.array([SECOND]))
    for score in ("ner", "rc_predicted"):
        assert line(frame, "k2_eq14", score, "f1")["p_value"] == expected
    assert frame["p_value"].notna().sum() == 2


def test_a_row_alone_has_no_p(result, tmp_path):
    result("table_3_rc/focused_attention", 0, {"rc_gold": SECOND})
    assert measurements(paper.TABLE_3, read_results(str(tmp_path))["reports"])["p_value"].isna().all()


def test_the_rules_are_the_floor_of_relations(table_3):
    assert line(table_3, "type_pair_rule", "rc_gold", "recall")["mean"] == 100.0
    assert line(table_3, "nearest_rule", "rc_gold", "precision")["mean"] == 50.0


def test_ner_has_no_floor(result, tmp_path):
    result("table_2_ner/rdcnn", 0, {"ner": SECOND}, rules={"type_pair_rule": (32, 64, 32)})
    frame = measurements(paper.TABLE_2, read_results(str(tmp_path))["reports"])
    assert "type_pair_rule" not in set(frame["row"])


def test_what_a_reader_sees(table_3):
    table = layout(paper.TABLE_3, table_3).set_index("")
    assert list(table.columns) == ["paper", "P", "R", "F1", "p", "seeds"]
    assert list(table.loc["CNN"]) == ["94.49 / 95.24 / 94.86", "100.00", "71.88", "83.64", "—", "1"]
    assert list(table.loc["Joint-Bi-LSTM"]) == ["92.92 / 92.86 / 92.88", "—", "—", "—", "—", "not yet"]
    assert list(table.loc["type-pair rule, gold entities"]) == ["—", "50.00", "100.00", "66.67", "—", "—"]
    assert table.loc["Our model", "R"] == "98.44 ± 2.21"


def test_a_p_value_below_a_thousandth(result, tmp_path):
    result("table_3_rc/focused_attention", 0, {"rc_gold": counts(GOLD)})
    result("table_3_rc/rcn", 0, {"rc_gold": WORST})
    frame = measurements(paper.TABLE_3, read_results(str(tmp_path))["reports"])
    assert layout(paper.TABLE_3, frame).set_index("").loc["Our model", "p"] == "< 0.001"


def test_a_task_that_a_row_does_not_have(result, tmp_path):
    result("table_6_ablation/only_ner", 0, {"ner": SECOND})
    frame = measurements(paper.TABLE_6, read_results(str(tmp_path))["reports"])
    row = layout(paper.TABLE_6, frame).set_index("").loc["Only NER"]
    assert (row["NER F1"], row["RC gold paper"], row["RC gold F1"], row["seeds"]) == ("83.64", "—", "—", "1")


def test_mentions_that_training_showed_and_others_are_the_rows_of_table_2(result, tmp_path):
    result("table_2_ner/rdcnn", 0, {"ner": counts(GOLD), "ner_seen": counts(GOLD), "ner_unseen": WORST})
    frame = measurements(paper.MENTIONS, read_results(str(tmp_path))["reports"])
    table = layout(paper.MENTIONS, frame).set_index("")
    assert [column for column in table.columns if "paper" in column] == []
    assert list(table.loc["RDCNN"]) == ["100.00", "100.00", "100.00", "—", "0.00", "0.00", "0.00", "—", "1"]
