"""Kinds of errors of a table's rows."""

from strtf.reporting import paper
from strtf.reporting.error_counts import error_counts

FIRST = {"gold": {"right": 7, "wrong type": 1, "missed, made up": 2}, "predicted": {"right": 7, "wrong type": 1}}
SECOND = {"gold": {"right": 9, "missed, made up": 1}, "predicted": {"right": 9, "missed, made up": 4}}


def test_means_of_both_sides_by_kind():
    records = {
        ("table_2_ner", "rdcnn"): [{"errors": {"ner": FIRST}}, {"errors": {"ner": SECOND}}],
        ("table_2_ner", "bilstm_crf"): [{"errors": {"ner": SECOND}}, {}],
    }
    table = error_counts(paper.TABLE_2, "ner", records).set_index("")
    assert list(table.index) == ["Bi-LSTM", "RDCNN"]
    assert table.loc["RDCNN"].to_dict() == {
        "right": "8 / 8", "wrong type": "0 / 0", "wrong boundary": "0 / 0", "wrong boundary and type": "0 / 0",
        "missed, made up": "2 / 2", "seeds": "2",
    }  # fmt: skip
    assert table.loc["Bi-LSTM", "missed, made up"] == "1 / 4" and table.loc["Bi-LSTM", "seeds"] == "1"


def test_results_without_errors_have_no_table():
    assert error_counts(paper.TABLE_4, "rc_predicted", {("table_4_joint", "joint_bilstm"): [{"ner": {}}]}).empty
