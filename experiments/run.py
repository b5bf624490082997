"""Trains and scores rows of tables over seeds; skips what is done, goes on where it was stopped.

    python -m experiments.run --corpus=angiography --seeds=0,1,2                      # all rows of all tables
    python -m experiments.run --rows=experiments/table_3_rc --corpus=diakg_flat --data_dir=DIR/diakg_flat --jobs=4

Each (row, seed) is `python -m strtf.train --resume` and `python -m strtf.evaluate --split=test` in processes of their
own, with the environment of this one (KERAS_BACKEND=jax, say). Rows whose options come to the same are trained once.
Output and weights are in RUNS/CORPUS/…; scores go to RESULTS/CORPUS/TABLE/ROW-seedN.json as soon as they are known.
CORPUS is --corpus, else the last name of --data_dir.
"""

import pathlib
import signal
import statistics
import sys

from absl import flags

from experiments.plan import Row, flag_files, make_plan, make_row
from experiments.pool import Pool
from strtf.errors import StrtfError
from strtf.flags import run
from strtf.run_dir import read_json

COLUMNS = {
    "ner": "NER",
    "rc_predicted": "RC",
    "rc_gold": "RC, gold entities",
    "type_pair_rule": "type-pair rule",
    "nearest_rule": "nearest rule",
}


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list(
        "rows", [*map(str, sorted(pathlib.Path("experiments").glob("table_*"))), "experiments/relation_heads"],
        "Flag files, one a row, or folders of them. All tables by default.", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "corpus", "", "Name of a file in experiments/corpora, read before each row. Rows may name a corpus themselves.",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds.", flag_values=values)
    flags.DEFINE_integer("jobs", 1, "So many runs at once.", lower_bound=1, flag_values=values)
    flags.DEFINE_string("data_dir", "", "Where the corpus is.", flag_values=values)
    flags.DEFINE_string("encoder", "", "Encoder of all rows.", flag_values=values)
    flags.DEFINE_multi_string(
        "option", [], "Further flags of strtf.train for all rows, such as --option=--jit_compile.", flag_values=values
    )
    flags.DEFINE_string("runs", "runs", "Where logs and run directories go.", flag_values=values)
    flags.DEFINE_string("results", "experiments/results", "Where the scores go.", flag_values=values)


def run_rows(options: flags.FlagValues) -> int:
    """Trains and scores every row with every seed, and prints the mean scores.

    Returns:
        exit code: 1 where a run failed.

    Raises:
        StrtfError: a mistake in flags or flag files; found before anything is trained.
    """
    results, rows = pathlib.Path(options.results), _rows(options)
    jobs, older = make_plan(rows, pathlib.Path(options.runs), results)
    names = {row.key for row in rows}
    for (corpus, name), differences in older.items():
        print(f"{corpus}/{name}: its results stay, of other options (result against flags: {differences}).")
    if older:
        print("Remove them to train such a row again.")
    print(f"{len(rows)} results of {len(names)} different experiments; {len(jobs)} to train.", flush=True)
    failures = Pool(options.jobs).run(jobs) if jobs else []
    print(table(rows))
    for job, reason in failures:
        served = ", ".join(row.name for row in job.rows)
        print(f"failed: {served}, seed {job.first.experiment.training.seed}: {reason} ({job.log})", file=sys.stderr)
    return 1 if failures else 0


def _rows(options: flags.FlagValues) -> list[Row]:
    for seed in options.seeds:
        if not seed.isdigit():
            raise StrtfError(f"--seeds must be whole numbers, such as 0,1,2. Received: {seed!r}.")
    for option in options.option:
        if option.lstrip("-").split("=")[0] == "seed":
            raise StrtfError(f"--option must leave the seed to --seeds. Received: {option}.")
    given = [f"--{name}={value}" for name in ("data_dir", "encoder") if (value := getattr(options, name))]
    shared = [*given, *options.option]
    results, files = pathlib.Path(options.results), flag_files(options.rows)
    # seed by seed: a table is whole with one seed before the next begins
    seeds = map(int, dict.fromkeys(options.seeds))
    return [make_row(file, seed, shared, results, options.corpus) for seed in seeds for file in files]


def table(rows: list[Row]) -> str:
    """Markdown: test F1 in percent of each row, mean ± standard deviation over the seeds that are done."""
    lines = [f"| | {' | '.join(COLUMNS.values())} | seeds |", "|---" * (len(COLUMNS) + 2) + "|"]
    results: dict[str, list[dict]] = {}
    for row in rows:
        results.setdefault(row.name, []).extend([read_json(row.result)] if row.result.exists() else [])
    for name, records in results.items():
        cells = [_mean([100 * record[score]["f1"] for record in records if score in record]) for score in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} | {len(records)} |")
    return "\n".join(lines)


def _mean(values: list[float]) -> str:
    if len(values) < 2:
        return " ".join(f"{value:.1f}" for value in values)
    spread = statistics.stdev(values)
    return f"{statistics.mean(values):.1f} ± {spread:.1f}" if spread else f"{values[0]:.1f}"


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the trainings end too
    run(lambda: sys.exit(run_rows(flags.FLAGS)), backend=False)
