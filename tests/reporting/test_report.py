"""All tables of results together."""

import io

import pandas as pd
import pytest

from strtf.config import DataOptions
from strtf.errors import StrtfError
from strtf.reporting.report import report, write_report
from strtf.run_dir import read_json, write_json

COUNTS = [(2, 2, 1), (1, 1, 1)]
ANGIOGRAPHY = DataOptions(data_dir="angiography")


@pytest.fixture
def runs(result, tmp_path):
    result("table_2_ner/rdcnn", 0, {"ner": COUNTS})
    result("table_5_k_and_mask/k4_eq14", 0, {"ner": COUNTS, "rc_predicted": COUNTS})
    return tmp_path / "reports"


def test_tables_with_results_are_printed_and_others_named(runs):
    text = report(str(runs), DataOptions(), "markdown", None)
    assert "## Table II. NER, reports" in text and "## Table V. K and the mask, reports" in text
    assert "## Table III" not in text
    assert text.endswith("No results of reports yet: table_3_rc, table_4_joint, table_6_ablation, relation_heads.\n")
    assert text.count("paired bootstrap") == 1


def test_errors_follow_the_tables(result, tmp_path):
    path = result("table_4_joint/joint_bilstm", 0, {"ner": COUNTS, "rc_predicted": COUNTS})
    errors = {"rc_predicted": {"gold": {"right": 2, "an entity is wrong": 1}, "predicted": {"right": 2}}}
    write_json(path, read_json(path) | {"errors": errors})
    text = report(str(tmp_path / "reports"), DataOptions(), "markdown", None)
    assert text.index("## Table IV") < text.index("## Errors in relations of found entities, reports")
    assert "| 2 / 2 | 1 / 0" in text and "Errors in entities" not in text


def test_a_folder_without_results_is_named_once(result, tmp_path):
    result("table_3_rc/cnn", 0, {"rc_gold": COUNTS})
    assert report(str(tmp_path / "reports"), DataOptions(), "markdown", None).count("table_2_ner") == 1


def test_table_1_comes_first(runs):
    text = report(str(runs), ANGIOGRAPHY, "latex", None)
    assert text.index("Table I. Types of entities and relations, angiography") < text.index("Table II.")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_table_1_is_titled_with_the_corpus_of_whichever_split(tmp_path, split):
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(f'{{"id": "{i}", "text": "a"}}\n' for i in range(9)), encoding="utf-8")
    text = report(None, DataOptions(**{f"{split}_data": str(path)}), "markdown", None)
    assert text.startswith("## Table I. Types of entities and relations, mine.jsonl\n")


def test_corpora_have_tables_of_their_own(result, runs, tmp_path):
    result("table_2_ner/rdcnn", 0, {"ner": COUNTS}, corpus="others")
    text = report(str(tmp_path), DataOptions(), "markdown", None)
    assert text.index("Table II. NER, others") < text.index("Table II. NER, reports")


def test_csv_holds_every_number(runs):
    frame = pd.read_csv(io.StringIO(report(str(runs), DataOptions(), "csv", None)))
    found = frame[(frame["row"] == "rdcnn") & (frame["metric"] == "f1")].iloc[0]
    assert (found["corpus"], found["table"], found["paper"]) == ("reports", "table_2_ner", 95.69)
    assert found["mean"] == pytest.approx(200 / 3)
    assert set(frame["table"]) >= {"table_3_rc", "table_5_k_and_mask"}


def test_csv_of_table_1():
    frame = pd.read_csv(io.StringIO(report(None, ANGIOGRAPHY, "csv", None)))
    assert frame["item"].iloc[0] == "sentences"


def test_the_figure(runs, tmp_path):
    report(str(runs), DataOptions(), "markdown", str(tmp_path / "figure.png"))
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, DataOptions(), "markdown", None), "--runs must be a directory of results, or --data_dir a corpus"),
        (("runs", ANGIOGRAPHY, "csv", None), "--format=csv must have one kind of table"),
        (("runs", DataOptions(), "markdown", "none/figure.png"), "must be a file that can be written"),
        ((None, ANGIOGRAPHY, "markdown", "figure.png"), "--figure must have the results of one corpus. Received: none"),
    ],
)
def test_mistakes(runs, given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StrtfError, match=message):
        report(str(runs) if given[0] else None, *given[1:])


def test_a_figure_of_two_corpora_is_an_error(result, runs, tmp_path):
    result("table_2_ner/rdcnn", 0, {"ner": COUNTS}, corpus="others")
    with pytest.raises(StrtfError, match="one corpus. Received: others, reports"):
        report(str(tmp_path), DataOptions(), "markdown", str(tmp_path / "figure.png"))


def test_learning_curves_of_two_corpora_are_an_error(result, runs, tmp_path):
    result("table_2_ner/rdcnn", 0, {"ner": COUNTS}, corpus="others")
    with pytest.raises(StrtfError, match="--learning_curves must have the results of one corpus"):
        report(str(tmp_path), DataOptions(), "markdown", learning_curves=str(tmp_path / "curves.png"))


def test_output(tmp_path, capsys):
    write_report("a table\n", "-")
    assert capsys.readouterr().out == "a table\n"
    write_report("a table\n", str(tmp_path / "tables.md"))
    assert (tmp_path / "tables.md").read_text() == "a table\n"
