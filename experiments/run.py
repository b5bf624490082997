"""Trains and scores flag files over seeds; skips what is done, goes on where it was stopped.

    python -m experiments.run --flagfiles=experiments/diakg_flat.flags --data_dir=DIR/diakg_flat --seeds=0,1

Each (flag file, seed) is `python -m strtf.train --resume` and `python -m strtf.evaluate --split=test` in processes of
their own. The scores of each seed are written to RESULTS/NAME-seedN.json as soon as they are known; a table of means
over the seeds is printed at the end.
"""

import json
import pathlib
import statistics
import subprocess
import sys

from absl import app, flags

from strtf.run_dir import read_json, write_json

COLUMNS = {
    "ner": "NER",
    "rc_predicted": "RC",
    "rc_gold": "RC, gold entities",
    "type_pair_rule": "type-pair rule",
    "nearest_rule": "nearest rule",
}


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list(
        "flagfiles", None, "Flag files of `python -m strtf.train`, one a row.", required=True, flag_values=values
    )
    flags.DEFINE_list("seeds", ["0", "1"], "Seeds.", flag_values=values)
    flags.DEFINE_string("data_dir", "", "Corpus of all rows, unless the flag file names one.", flag_values=values)
    flags.DEFINE_string("encoder", "", "Encoder of all rows, unless the flag file names one.", flag_values=values)
    flags.DEFINE_string("runs", "runs", "Where the run directories go: RUNS/NAME-seedN.", flag_values=values)
    flags.DEFINE_string(
        "results", "experiments/results", "Where the scores go, one JSON file a run.", flag_values=values
    )


def run_rows(options: flags.FlagValues) -> None:
    """Trains and scores every row with every seed, and prints the table."""
    rows = [pathlib.Path(name) for name in options.flagfiles]
    results = pathlib.Path(options.results)
    results.mkdir(parents=True, exist_ok=True)
    given = [f"--{name}={value}" for name in ("data_dir", "encoder") if (value := getattr(options, name))]
    jobs = [(row, seed) for seed in options.seeds for row in rows]
    for number, (row, seed) in enumerate(jobs, start=1):
        print(f"[{number}/{len(jobs)}] {row.stem}, seed {seed}", flush=True)
        path = results / f"{row.stem}-seed{seed}.json"
        if not path.exists():
            _train_and_score(row, seed, given, pathlib.Path(options.runs) / path.stem, path)
    print(table([row.stem for row in rows], options.seeds, results))


def _train_and_score(row: pathlib.Path, seed: str, given: list[str], run_dir: pathlib.Path,
                     path: pathlib.Path) -> None:  # fmt: skip
    # what the flag file says comes last, and so counts
    _run("strtf.train", *given, f"--flagfile={row}", f"--seed={seed}", f"--run_dir={run_dir}", "--resume")
    scored = run_dir / "test.json"
    _run("strtf.evaluate", f"--run_dir={run_dir}", "--split=test", f"--json={scored}")
    scores = read_json(scored)
    history = [json.loads(line) for line in (run_dir / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    scores |= {
        "run_dir": path.stem,
        "flagfile": row.name,
        "seed": int(seed),
        "epochs": len(history),
        "best_epoch": max(record["epoch"] for record in history if record["best"]),
        "training_seconds": round(sum(record["seconds"] for record in history)),
        "dev_f1": [record["dev_f1"] for record in history],
    }
    write_json(path, scores)


def _run(module: str, *arguments: str) -> None:
    finished = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
    if finished.returncode:
        sys.exit(f"error: {module} stopped with exit code {finished.returncode}; what was finished is kept.")


def table(names: list[str], seeds: list[str], results: pathlib.Path) -> str:
    """Markdown: test F1 in percent of each row, mean ± standard deviation over the seeds."""
    lines = [f"| | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name in names:
        runs = [read_json(results / f"{name}-seed{s}.json") for s in seeds]
        cells = [_mean([100 * run[score]["f1"] for run in runs if score in run]) for score in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(values: list[float]) -> str:
    if len(values) < 2:
        return " ".join(f"{value:.1f}" for value in values)
    spread = statistics.stdev(values)
    return f"{statistics.mean(values):.1f} ± {spread:.1f}" if spread else f"{values[0]:.1f}"


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(lambda _: run_rows(flags.FLAGS))
