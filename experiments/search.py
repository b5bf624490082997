"""Prints the development scores of trials: python -m experiments.search --results=RESULTS/angiography/search

One row a trial: its best epoch by the score that chooses epochs (starred), and the development F1 there. Test scores
play no part.
"""

import pathlib

from absl import flags

from experiments.record import recorded_experiment
from strtf.errors import StrtfError
from strtf.flags import run
from strtf.run_dir import read_json

COLUMNS = ("ner", "rc_predicted", "rc_gold")


def table(results: pathlib.Path) -> str:
    """Markdown: a row for each result below a folder, by name.

    Raises:
        StrtfError: no results.
    """
    rows = [_row(path) for path in sorted(results.rglob("*.json"))]
    if not rows:
        raise StrtfError(f"--results must hold results of experiments.run. Received: {results}, which holds none.")
    header = ["trial", *COLUMNS, "best epoch", "epochs"]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(path: pathlib.Path) -> list[str]:
    record = read_json(path)
    best = record["dev_f1"][record["best_epoch"] - 1]
    chosen_by = recorded_experiment(record).training.select_by.value
    scores = [f"{100 * best[name]:.2f}{' *' if name == chosen_by else ''}" if name in best else "" for name in COLUMNS]
    return [path.stem, *scores, str(record["best_epoch"]), str(record["epochs"])]


if __name__ == "__main__":
    flags.DEFINE_string("results", "experiments/results/angiography/search", "A folder of results.")
    run(lambda: print(table(pathlib.Path(flags.FLAGS.results))), backend=False)
