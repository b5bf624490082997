"""Which trainings a set of rows needs."""

import pathlib

import pytest

from experiments.plan import corpus_file, flag_files, make_plan, make_row
from experiments.record import write_record
from strtf.errors import StrtfError
from strtf.run_dir import read_json, write_json

RECORD = {"ner": {"f1": 0.9}, "per_sentence": {}, "seed": 7}


@pytest.fixture
def row(tmp_path, flag_file):
    """row("table/row", "--epochs=3", seed=0): a row of the corpus `reports`."""

    def make(name, *flags, seed=0):
        made = make_row(flag_file(name, *flags), seed, ["--data_dir=somewhere/reports"], tmp_path / "results")
        return made

    return make


def plan(rows, tmp_path):
    jobs, older = make_plan(rows, tmp_path / "runs", tmp_path / "results")
    assert not older
    return jobs


def test_a_row_knows_its_place(tmp_path):
    (row,) = [make_row(pathlib.Path("experiments/table_2_ner/rdcnn.flags"), 3, ["--data_dir=x/reports"], tmp_path)]
    assert (row.name, row.corpus, row.experiment.training.seed) == ("table_2_ner/rdcnn", "reports", 3)
    assert row.result == tmp_path / "reports" / "table_2_ner" / "rdcnn-seed3.json"


def test_a_part_of_a_corpus_has_results_of_its_own(tmp_path):
    file = pathlib.Path("experiments/table_2_ner/rdcnn.flags")
    row = make_row(file, 0, ["--data_dir=x/diakg_flat"], tmp_path, "diakg_700")
    assert row.result == tmp_path / "diakg_700" / "table_2_ner" / "rdcnn-seed0.json"


def test_what_follows_the_flag_file_counts(tmp_path, flag_file):
    row = make_row(flag_file("row", "--epochs=3", "--batch_size=5"), 0, ["--data_dir=x", "--epochs=4"], tmp_path)
    assert (row.experiment.training.epochs, row.experiment.training.batch_size) == (4, 5)


@pytest.mark.parametrize(
    ("folder", "system", "epochs"),
    [("table_4_joint", "joint_bilstm", 7), ("table_4_joint", "spert", 3), ("search", "joint_bilstm", 3)],
)
def test_a_corpus_may_overrule_a_systems_rows_in_tables(folder, system, epochs, tmp_path, flag_file, monkeypatch):
    monkeypatch.setattr("experiments.plan.CORPORA", flag_file("corpora/reports", "--batch_size=5").parent)
    flag_file("corpora/reports/joint_bilstm", "--epochs=7")
    row = make_row(
        flag_file(f"{folder}/row", f"--system={system}", "--epochs=3"), 0, ["--data_dir=x"], tmp_path, "reports"
    )
    assert (row.experiment.training.epochs, row.experiment.training.batch_size) == (epochs, 5)


def test_rows_that_train_alike_are_one_job(row, tmp_path):
    alike = [row("a", "--epochs=3"), row("b", "--epochs=3", "--rc_compute=dense")]  # dense computes the same
    other = row("c", "--epochs=4")
    jobs = plan([*alike, other], tmp_path)
    assert [[row.name for row in job.rows] for job in jobs] == [["a", "b"], ["c"]]
    assert jobs[0].directory != jobs[1].directory


def test_seeds_are_jobs_of_their_own(row, tmp_path):
    jobs = plan([row("a", seed=0), row("a", seed=1)], tmp_path)
    assert [job.directory.name[-6:] for job in jobs] == ["-seed0", "-seed1"]
    assert jobs[0].directory.name[:-1] == jobs[1].directory.name[:-1]


def test_a_half_finished_run_is_found_from_another_row(row, tmp_path):
    (first,) = plan([row("a", "--epochs=3")], tmp_path)
    first.directory.mkdir(parents=True)
    (second,) = plan([row("b", "--epochs=3")], tmp_path)
    assert second.directory == first.directory


def test_what_is_done_is_left_out(row, tmp_path):
    done = row("a")
    write_record(done, RECORD)
    assert plan([done], tmp_path) == []


def test_an_earlier_result_serves_a_row_that_trains_alike(row, tmp_path):
    write_record(row("a", "--epochs=3"), RECORD)
    twin = row("b", "--epochs=3")
    assert plan([twin], tmp_path) == []
    served = read_json(twin.result)
    assert (served["row"], served["seed"], served["ner"]) == ("b", 0, {"f1": 0.9})
    assert served["arguments"][0].endswith("b.flags")


def test_a_result_of_other_options_stays_and_other_rows_are_trained(row, tmp_path):
    write_record(row("table/a", "--epochs=3"), RECORD)
    rows = [row("table/a", "--epochs=4"), row("table/a", "--epochs=4", seed=1), row("table/b", "--epochs=4")]
    before = rows[0].result.read_bytes()
    jobs, older = make_plan(rows, tmp_path / "runs", tmp_path / "results")
    assert older == {("reports", rows[0].name): "--epochs: 3 against 4"}
    assert [row.name for job in jobs for row in job.rows] == [rows[2].name]
    assert rows[0].result.read_bytes() == before


def test_two_rows_with_one_place_for_results(row, flag_file, tmp_path):
    alike = make_row(flag_file("elsewhere/a", "--epochs=4"), 0, ["--data_dir=x/reports"], tmp_path / "results")
    with pytest.raises(StrtfError, match="--rows must name flag files whose results are files of their own"):
        plan([row("a", "--epochs=3"), alike], tmp_path)


def test_tables_of_the_embedded_corpus_are_done():
    """Whatever options are younger than their results."""
    results = pathlib.Path("experiments/results")
    files = flag_files([*map(str, pathlib.Path("experiments").glob("table_*")), "experiments/relation_heads"])
    rows = [
        make_row(file, seed, ["--data_dir=angiography"], results, "angiography") for file in files for seed in (0, 1, 2)
    ]
    assert [row.result for row in rows if not row.result.exists()] == []  # else this would write results
    assert make_plan(rows, pathlib.Path("runs"), results)[0] == []


@pytest.mark.parametrize("path", [
    pathlib.Path("experiments/table_2_ner/rdcnn.flags").resolve(),
    pathlib.Path("experiments/../experiments/table_2_ner/rdcnn.flags"),
])  # fmt: skip
def test_a_row_has_its_name_however_it_is_given(path, tmp_path):
    assert make_row(path, 0, ["--data_dir=x/reports"], tmp_path).name == "table_2_ner/rdcnn"


def test_a_result_that_is_no_result_is_an_error(row, tmp_path):
    write_json(tmp_path / "x.json", {"per_sentence": {}})
    with pytest.raises(StrtfError, match="x.json must be as training wrote it"):
        make_plan([row("a")], tmp_path / "runs", tmp_path)


def test_files_and_folders_of_rows(flag_file, tmp_path):
    names = ["table_1/a", "table_1/b", "settings/shared", "corpora/reports", "corpora/reports/rdcnn", "c"]
    paths = {name: flag_file(name) for name in names}
    rows = [paths["c"], paths["table_1/a"], paths["table_1/b"]]
    assert flag_files([str(tmp_path)]) == rows
    assert flag_files([str(tmp_path / "table_1"), str(paths["c"]), str(paths["c"])]) == [*rows[1:], rows[0]]


def test_a_checkout_may_lie_in_a_folder_named_as_one_without_rows(flag_file):
    path = flag_file("corpora/strtf/experiments/table_1/a")
    assert flag_files([str(path)]) == [path]


def test_a_row_may_be_named_without_a_folder(flag_file, monkeypatch):
    monkeypatch.chdir(flag_file("a").parent)
    assert flag_files(["a.flags"]) == [pathlib.Path("a.flags")]


@pytest.mark.parametrize("path", ["none.flags", "settings"])
def test_no_rows_are_an_error(flag_file, tmp_path, path):
    flag_file("settings/shared")
    with pytest.raises(StrtfError, match=f"--rows must name flag files, or folders of them. Received: .*{path}"):
        flag_files([str(tmp_path / path)])


def test_an_unknown_corpus_is_an_error():
    with pytest.raises(StrtfError, match="--corpus must be one of angiography, .*. Received: reports"):
        corpus_file("reports")


def test_an_unknown_corpus_is_no_mistake_of_the_row(flag_file, tmp_path):
    with pytest.raises(StrtfError, match="^--corpus must be one of"):
        make_row(flag_file("row"), 0, ["--data_dir=x"], tmp_path, "reports")


def test_a_mistake_in_a_flag_file_names_it(flag_file, tmp_path):
    with pytest.raises(StrtfError, match=r"row\.flags: .*epoch"):
        make_row(flag_file("row", "--epoch=3"), 0, [], tmp_path)


def test_a_row_without_a_corpus_is_an_error(flag_file, tmp_path):
    with pytest.raises(StrtfError, match=r"--data_dir must name the corpus of .*row\.flags"):
        make_row(flag_file("row"), 0, [], tmp_path)
