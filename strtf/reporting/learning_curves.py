"""Development F1 over the epochs: a color for each row, a line for each seed, a dot on the epoch that was kept.

Beyond ten rows colors come again, dashed and then dotted.
"""

import json
import os

from strtf.errors import StrtfError
from strtf.evaluation.scores import ROWS
from strtf.reporting.drawing import panels, write_png, write_title
from strtf.reporting.paper import TABLES
from strtf.reporting.results import Records
from strtf.run_dir import check_writable

SCORES = ("ner", "rc_predicted", "rc_gold")
PLACES = {(table.folder, row.name) for table in TABLES for row in table.rows}
COLORS, STYLES = 10, ("-", "--", ":")


def curves(records: Records, score: str) -> dict[str, list[tuple[list[float], int]]]:
    """{table/row: [(F1 in percent after each epoch, the epoch that was kept, from 1) of each seed]}.

    Only the tables' rows: no searches, no ablations. Rows of one experiment (our model in several tables) come once,
    under the first one's name; rows that do not have the score are left out.
    """
    found, seen = {}, set()
    for place, of_seeds in records.items():
        experiment = json.dumps(of_seeds[0]["experiment"], sort_keys=True)
        histories = [(record.get("dev_f1") or [], record.get("best_epoch")) for record in of_seeds]
        lines = [([100.0 * epoch[score] for epoch in epochs], best) for epochs, best in histories
                 if epochs and epochs[0].get(score) is not None]  # fmt: skip
        if lines and place in PLACES and experiment not in seen:
            seen.add(experiment)
            found["/".join(place)] = lines
    return found


def draw_learning_curves(records: Records, corpus: str, path: str | os.PathLike) -> None:
    """Draws the development F1 of the tables' rows of one corpus into a PNG.

    Raises:
        StrtfError: nothing measured; a path that cannot be written; no matplotlib.
    """
    check_writable(path)
    by_score = {score: curves(records, score) for score in SCORES}
    by_score = {score: rows for score, rows in by_score.items() if rows}
    if not by_score:
        raise StrtfError(
            "--learning_curves must have development scores to draw. Received: none. Train the tables' rows."
        )
    figure, axes = panels(len(by_score), "--learning_curves")
    names = list(dict.fromkeys(row for rows in by_score.values() for row in rows))
    for axis, (score, rows) in zip([axes] if len(by_score) == 1 else axes, by_score.items(), strict=True):
        for row, lines in rows.items():
            _draw_row(axis, lines, row, *look(names.index(row)))
        axis.set(title=ROWS[score], xlabel="epoch", ylabel="F1, percent")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    handles = {handle.get_label(): handle for axis in figure.axes for handle in axis.get_legend_handles_labels()[0]}
    figure.legend(handles=handles.values(), loc="outside lower center", ncols=4, fontsize="small", handlelength=3)
    write_title(figure, f"Learning curves on {corpus}, development split, a line for each seed")
    write_png(figure, path)


def look(number: int) -> tuple[str, str]:
    """(color, line style) of a row by its number in the legend."""
    return f"C{number % COLORS}", STYLES[number // COLORS]


def _draw_row(axis, lines: list[tuple[list[float], int]], label: str, color: str, style: str) -> None:
    for number, (f1, best) in enumerate(lines):
        axis.plot(range(1, len(f1) + 1), f1, style, color=color, linewidth=1.2, label=label if number == 0 else None)
        if best:
            axis.plot(best, f1[best - 1], "o", color=color, markersize=4)
