"""Prints the development scores of trials: python -m experiments.search --results=RESULTS/angiography/search

One row a trial: development F1 at the best epoch by the score that chooses epochs (starred), mean ± standard deviation
over its seeds. Test scores play no part.
"""

import pathlib
import re
from collections.abc import Sequence

import pandas as pd
from absl import flags

from experiments.record import recorded_experiment
from strtf.errors import StrtfError
from strtf.flags import run
from strtf.reporting.record import read_record

COLUMNS = ("ner", "rc_predicted", "rc_gold")


def table(results: pathlib.Path) -> str:
    """Markdown: a row for each trial whose results are below a folder, by name.

    Raises:
        StrtfError: no results, a file that is none.
    """
    trials: dict[str, list[pathlib.Path]] = {}
    for path in sorted(results.rglob("*.json")):
        inside = path.relative_to(results).with_suffix("").as_posix()
        trials.setdefault(re.sub(r"-seed\d+$", "", inside), []).append(path)
    if not trials:
        raise StrtfError(f"--results must hold results of experiments.run. Received: {results}, which holds none.")
    header = ["trial", *COLUMNS, "best epochs", "epochs"]
    lines = [header, ["---"] * len(header), *(_row(name, paths) for name, paths in trials.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(name: str, paths: Sequence[pathlib.Path]) -> list[str]:
    records = [_read(path) for path in paths]
    best = pd.DataFrame([record["dev_f1"][record["best_epoch"] - 1] for record in records], dtype=float)
    chosen_by = recorded_experiment(records[0]).training.select_by.value
    scores = [f"{_mean_sd(best[c])}{' *' if c == chosen_by else ''}" if c in best else "" for c in COLUMNS]
    return [name, *scores, ", ".join(str(record["best_epoch"]) for record in records), str(len(records[0]["dev_f1"]))]


def _read(path: pathlib.Path) -> dict:
    record = read_record(path)
    if not record.get("best_epoch"):
        raise StrtfError(f"{path} must hold the development scores of its epochs. Received: none. Train it anew.")
    return record


def _mean_sd(f1: pd.Series) -> str:
    return f"{100 * f1.mean():.1f}" + (f" ± {100 * f1.std():.1f}" if len(f1) > 1 else "")


if __name__ == "__main__":
    flags.DEFINE_string("results", "experiments/results/angiography/search", "A folder of results.")
    run(lambda: print(table(pathlib.Path(flags.FLAGS.results))), backend=False)
