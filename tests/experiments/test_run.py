"""The command: rows × seeds, what it prints, its exit code."""

import pytest
from absl import flags

from experiments import run
from strtf.errors import StrtfError
from strtf.run_dir import read_json


@pytest.fixture
def options(tmp_path, flag_file):
    """options("--seeds=0,1", …): flags of the command for two rows that train alike."""
    for name in ("row", "twin"):
        flag_file(f"rows/{name}", "--epochs=3")

    def make(*given):
        values = flags.FlagValues()
        run.define_flags(values)
        folders = [f"--runs={tmp_path / 'runs'}", f"--results={tmp_path / 'results'}"]
        values(["run", f"--rows={tmp_path / 'rows'}", "--data_dir=x/reports", "--seeds=0,1", *folders, *given])
        return values

    return make


def test_each_seed_is_trained_once_for_rows_that_train_alike(options, processes, capsys):
    assert run.run_rows(options()) == 0
    seeds = [argument for module, arguments in processes.commands if module == "strtf.train" for argument in arguments
             if argument.startswith("--seed=")]  # fmt: skip
    assert seeds == ["--seed=0", "--seed=1"]
    out = capsys.readouterr().out
    assert "4 results of 2 different experiments; 2 to train." in out
    assert "| row | 91.0 ± 1.4 | 50.0 |  |  |  | 2 |" in out and "| twin | 91.0 ± 1.4 |" in out


def test_done_runs_are_skipped(options, processes):
    run.run_rows(options())
    first = len(processes.commands)
    assert run.run_rows(options()) == 0
    assert len(processes.commands) == first


def test_a_failure_is_reported_at_the_end(options, processes, capsys, tmp_path):
    processes.failing["strtf.train", "--seed=0"] = "error: no luck."
    assert run.run_rows(options()) == 1
    streams = capsys.readouterr()
    failures = [line for line in streams.err.splitlines() if line.startswith("failed: row")]
    assert len(failures) == 2  # when it happens, and at the end
    assert failures[-1].startswith("failed: row, twin, seed 0: strtf.train ended with exit code 1: error: no luck. (")
    assert str(tmp_path / "runs" / "reports") in failures[-1]
    assert "| row | 92.0 | 50.0 |  |  |  | 1 |" in streams.out


def test_results_lie_by_corpus_and_carry_their_options(options, processes, tmp_path):
    run.run_rows(options("--option=--batch_size=3"))
    record = read_json(tmp_path / "results" / "reports" / "row-seed1.json")
    assert record["experiment"]["training"]["batch_size"] == 3
    assert record["arguments"][1:] == ["--data_dir=reports", "--batch_size=3", "--seed=1"]


def test_a_corpus_by_name(options):
    rows = run._rows(options("--corpus=conll04"))
    assert {row.experiment.model.tokenization for row in rows} == {"wordpiece"}


@pytest.mark.parametrize("seeds", ["0,one", "0,,1", "-1"])
def test_seeds_must_be_numbers(options, seeds):
    with pytest.raises(StrtfError, match="--seeds must be whole numbers"):
        run.run_rows(options(f"--seeds={seeds}"))


def test_all_tables_by_default():
    values = flags.FlagValues()
    run.define_flags(values)
    values(["run", "--corpus=angiography"])
    tables = {row.name.split("/")[0] for row in run._rows(values)}
    assert tables == {"table_2_ner", "table_3_rc", "table_4_joint", "table_5_k_and_mask", "table_6_ablation",
                      "relation_heads"}  # fmt: skip


def test_a_seed_among_the_options_is_refused(options):
    with pytest.raises(StrtfError, match="--option must leave the seed to --seeds"):
        run.run_rows(options("--option=--seed=9"))


def test_results_of_other_options_are_told(options, processes, capsys):
    run.run_rows(options())
    run.run_rows(options("--option=--batch_size=3"))
    assert (
        "reports/row: its results stay, of other options (result against flags: --batch_size:"
        in capsys.readouterr().out
    )
