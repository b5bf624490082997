"""Results are read by corpus, table, row and seed; what is no result is an error."""

import pytest

from strtf.errors import StrtfError
from strtf.reporting.results import read_results, sentence_counts
from strtf.run_dir import read_json, write_json

COUNTS = [(2, 2, 1), (1, 0, 0)]


def test_results_by_corpus_and_row(result, tmp_path):
    for seed in (1, 0, 10):
        result("table_2_ner/rdcnn", seed, {"ner": COUNTS})
    result("quickstart", 0, {"ner": COUNTS}, corpus="others")
    found = read_results(str(tmp_path))
    assert {corpus: list(rows) for corpus, rows in found.items()} == {
        "others": [("", "quickstart")],
        "reports": [("table_2_ner", "rdcnn")],
    }
    assert [record["seed"] for record in found["reports"]["table_2_ner", "rdcnn"]] == [0, 1, 10]


def test_counts_of_all_seeds(result, tmp_path):
    for seed in (0, 1):
        result("t/row", seed, {"ner": COUNTS})
    records = read_results(str(tmp_path))["reports"]["t", "row"]
    assert sentence_counts(records, "ner").tolist() == [[[2, 2, 1], [1, 0, 0]]] * 2


def test_a_seed_without_counts_leaves_none(result, tmp_path):
    result("t/row", 0, {"ner": COUNTS})
    path = result("t/row", 1, {"ner": COUNTS})
    write_json(path, read_json(path) | {"per_sentence": {}})
    assert sentence_counts(read_results(str(tmp_path))["reports"]["t", "row"], "ner") is None
    assert sentence_counts([], "ner") is None


def test_seeds_of_different_settings_are_an_error(result, tmp_path):
    result("t/row", 0, {"ner": COUNTS})
    result("t/row", 1, {"ner": COUNTS}, epochs=3)
    with pytest.raises(
        StrtfError, match=r"differ in their seed alone. Received: t/row, seeds 0 and 1: --epochs: 10 ag"
    ):
        read_results(str(tmp_path))


def test_seeds_of_different_sentences_are_an_error(result, tmp_path):
    result("t/row", 0, {"ner": COUNTS})
    result("t/row", 1, {"ner": COUNTS[:1]})
    with pytest.raises(StrtfError, match=r"same sentences. Received: t/row, 2 of seed 0 and 1 of seed 1"):
        read_results(str(tmp_path))


def test_a_seed_that_is_there_twice_is_an_error(result, tmp_path):
    path = result("t/row", 0, {"ner": COUNTS})
    write_json(path.with_name("copy.json"), read_json(path))
    with pytest.raises(StrtfError, match="twice the same"):
        read_results(str(tmp_path))


@pytest.fixture
def part(result, tmp_path):
    """The folder of results of a part of the corpus reports, beside those of the whole."""
    for row in ("table_2_ner/rdcnn", "defaults"):
        path = result(row, 0, {"ner": COUNTS}, epochs=3)
        target = tmp_path / "reports_700" / path.relative_to(tmp_path / "reports")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    result("table_2_ner/rdcnn", 0, {"ner": COUNTS})
    return tmp_path / "reports_700"


def test_a_part_of_a_corpus_is_named_as_its_folder(part):
    found = read_results(str(part.parent))
    assert {corpus: list(rows) for corpus, rows in found.items()} == {
        "reports": [("table_2_ner", "rdcnn")],
        "reports_700": [("", "defaults"), ("table_2_ner", "rdcnn")],
    }


@pytest.mark.parametrize("runs", [".", "table_2_ner", "../reports_700"])
def test_the_folder_has_its_name_from_wherever_it_is_read(part, monkeypatch, runs):
    monkeypatch.chdir(part)
    assert list(read_results(runs)) == ["reports_700"]


def test_a_result_elsewhere_is_of_its_data(result, tmp_path):
    result("table_2_ner/rdcnn", 0, {"ner": COUNTS}).rename(tmp_path / "rdcnn.json")
    assert list(read_results(str(tmp_path))) == ["reports"]


def test_other_json_is_an_error(tmp_path):
    write_json(tmp_path / "other.json", {})
    with pytest.raises(StrtfError, match=r"other.json must be a result of `python -m experiments.run`"):
        read_results(str(tmp_path))


def test_no_results_are_an_error(tmp_path):
    with pytest.raises(StrtfError, match="--runs must hold results"):
        read_results(str(tmp_path))
    with pytest.raises(StrtfError, match="--runs must be a directory of results"):
        read_results(str(tmp_path / "none"))
