"""The committed flag files and results: all parse, say what they are, and agree with each other."""

import pathlib
import re

import pytest

from experiments.plan import CORPORA, EXPERIMENTS, NOT_ROWS, flag_files, make_row
from experiments.record import portable_experiment
from strtf.config import Experiment, RcFeatures, System, Tasks
from strtf.flags import parse_experiment
from strtf.reporting.paper import K_AND_MASK, MENTIONS, TABLES
from strtf.run_dir import read_json

FILES = sorted(EXPERIMENTS.rglob("*.flags"))
TABLE_ROWS = {  # those of MENTIONS are table II's
    (table.folder, row.name): (table, row) for table in TABLES if table is not MENTIONS for row in table.rows
}
RESULTS = sorted((EXPERIMENTS / "results").rglob("*.json"))


def experiment(table, row, corpus="angiography"):
    file = EXPERIMENTS / table / f"{row}.flags"
    return make_row(file, 0, ["--data_dir=corpus"], pathlib.Path("results"), corpus).experiment


def options_named(file):
    """Names of the options that a flag file sets, those of nested files included."""
    names = set()
    for line in file.read_text(encoding="utf-8").splitlines():
        if nested := re.match(r"--flagfile=(.+)", line):
            names |= options_named(pathlib.Path(nested[1]))
        elif line.startswith("--"):
            names.add(line[2:].partition("=")[0])
    return {name.removeprefix("no") if name.startswith(("norc", "notune")) else name for name in names}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_each_file_parses(file):
    parse_experiment([f"--flagfile={file}"])


@pytest.mark.parametrize("file", FILES, ids=str)
def test_each_file_begins_with_what_it_is(file):
    first = file.read_text(encoding="utf-8").splitlines()
    assert first[0].startswith("# ")
    if not set(file.parts) & set(NOT_ROWS):
        command = next(line for line in first if line.startswith("#   python -m "))
        assert str(file) in command


def test_tables_and_flag_files_have_the_same_rows():
    folders = [str(EXPERIMENTS / table.folder) for table in TABLES]
    assert {(file.parent.name, file.stem) for file in flag_files(folders)} == set(TABLE_ROWS)


@pytest.mark.parametrize(("table", "row"), TABLE_ROWS)
def test_headers_give_the_papers_numbers(table, row):
    header = (EXPERIMENTS / table / f"{row}.flags").read_text(encoding="utf-8")
    given = re.search(r"^# Paper, precision recall F1: (.+)$", header, re.MULTILINE)[1]
    numbers = [float(number) for number in re.findall(r"\d+\.\d+", given)]
    expected = [n for score in TABLE_ROWS[table, row][1].numbers.values() for n in score]
    assert numbers == expected


@pytest.mark.parametrize("file", [f for f in FILES if f.parent.name.startswith(("table_", "relation"))], ids=str)
def test_corpora_and_rows_set_different_options(file):
    """But for the epochs of baselines, which start from nothing and whose epochs are short."""
    allowed = {"epochs"} if "settings/baseline.flags" in file.read_text(encoding="utf-8") else set()
    for corpus in CORPORA.glob("*.flags"):
        assert options_named(file) & options_named(corpus) == allowed & options_named(corpus)


@pytest.mark.parametrize("file", sorted(CORPORA.glob("*/*.flags")), ids=str)
def test_for_a_system_a_corpus_decides_learning_rates_and_epochs_alone(file):
    assert options_named(file) <= {"learning_rate", "head_learning_rate", "epochs"}
    assert file.stem in list(System) and file.parent.with_suffix(".flags").is_file()


def test_our_model_is_one_row_in_every_table():
    ours = [("table_2_ner", "focused_attention"), ("table_3_rc", "focused_attention"),
            ("table_4_joint", "focused_attention"), ("table_6_ablation", "joint"),
            ("relation_heads", "focused_attention")]  # fmt: skip
    assert len({experiment(*row) for row in ours}) == 1
    assert experiment(*ours[0]).model.system is System.FOCUSED_ATTENTION


def test_the_joint_baseline_is_one_row_in_every_table():
    assert len({experiment(table, "joint_bilstm") for table in ("table_2_ner", "table_3_rc", "table_4_joint")}) == 1


def test_other_rows_are_all_different():
    keys = [experiment(*row) for row in TABLE_ROWS]
    assert len(set(keys)) == len(keys) - 4 - 2


@pytest.mark.parametrize(("table", "row"), TABLE_ROWS)
def test_a_row_has_the_tasks_of_its_scores(table, row):
    tasks = experiment(table, row).model.tasks
    scores = set(TABLE_ROWS[table, row][1].numbers)
    if tasks is not Tasks.JOINT:
        assert scores == {{Tasks.NER: "ner", Tasks.RC: "rc_gold"}[tasks]}


@pytest.mark.parametrize(("row", "k_and_equation"), K_AND_MASK.items())
def test_rows_of_table_5_differ_in_k_and_mask_alone(row, k_and_equation):
    k, equation = k_and_equation
    options = experiment("table_5_k_and_mask", row)
    assert (options.model.num_task_blocks, options.model.rc_mask) == (
        k,
        {13: "cls_focused", 14: "pair_focused"}[equation],
    )
    others = {line.split(":")[0] for line in options.differences(experiment("table_5_k_and_mask", "k4_eq14"))}
    assert others <= {"--num_task_blocks", "--rc_mask"}
    assert options.model.rc_features is RcFeatures.CLS


def test_the_papers_settings():
    options = experiment(".", "paper")
    assert (options.training.rc_loss_weight, options.training.negative_keep) == (1.0, 0.15)
    assert (options.training.prior_correction, options.training.tune_threshold) == ("none", False)
    assert not options.training.tune_entity_threshold and not options.training.ema_decay
    assert (options.model.num_task_blocks, options.model.rc_mask, options.model.rc_features) == (
        4,
        "pair_focused",
        "cls",
    )
    assert not options.model.rc_distance


@pytest.mark.parametrize("path", RESULTS, ids=str)
def test_committed_results_are_those_of_their_flag_files(path):
    record = read_json(path)
    now = Experiment.from_json(portable_experiment(parse_experiment(record["arguments"])))
    assert Experiment.from_json(record["experiment"]).differences(now) == []
    assert path.match(f"{record['row']}-seed{record['seed']}.json")
