"""The paper's tables II to VI beside ours: mean ± standard deviation over seeds, floors, and p-values."""

import statistics
from collections.abc import Sequence

import pandas as pd

from strtf.evaluation.bootstrap import p_value
from strtf.evaluation.scores import METRICS, ROWS
from strtf.reporting.paper import RC_GOLD, RC_PREDICTED, PaperRow, PaperTable
from strtf.reporting.results import Records, sentence_counts

RULES = ("type_pair_rule", "nearest_rule")
# heads of columns
SHORT = {"ner": "NER", "ner_seen": "Seen", "ner_unseen": "Unseen", "rc_predicted": "RC", "rc_gold": "RC gold"}
MISSING, NOT_YET = "—", "not yet"


def measurements(table: PaperTable, records: Records) -> pd.DataFrame:
    """A table in long form: one line for each row, score and metric.

    Returns:
        columns table, row, label, score, metric, paper, mean, sd (in percent; NaN where there is none), seeds, and
        p_value, on the lines of F1 of the row that `PaperTable.ours` describes.
    """
    lines = [line for row in table.rows for line in _row_lines(table, row, records)]
    frame = pd.DataFrame([*lines, *_floor_lines(table, records)])
    frame["p_value"] = float("nan")
    for score in table.scores:
        p = _ours_against_second(table, score, records)
        if p is not None:
            where = (frame["row"] == p[0]) & (frame["score"] == score) & (frame["metric"] == "f1")
            frame.loc[where, "p_value"] = p[1]
    return frame


def _row_lines(table: PaperTable, row: PaperRow, records: Records) -> list[dict]:
    found = records.get((table.folder, row.name), [])
    return [
        _line(table, row.name, row.label, score, metric, [record[score][metric] for record in found if score in record],
              row.numbers.get(score))
        for score in table.scores
        for metric in METRICS
    ]  # fmt: skip


def _line(table: PaperTable, name: str, label: str, score: str, metric: str, values: Sequence[float],
          paper: Sequence[float] | None) -> dict:  # fmt: skip
    percent = [100 * value for value in values]
    return {
        "table": table.folder, "row": name, "label": label, "score": score, "metric": metric,
        "paper": paper[METRICS.index(metric)] if paper else float("nan"),
        "mean": statistics.mean(percent) if percent else float("nan"),
        "sd": statistics.stdev(percent) if len(percent) > 1 else float("nan"),
        "seeds": len(percent),
    }  # fmt: skip


def _floor_lines(table: PaperTable, records: Records) -> list[dict]:
    """The two rules, which know the gold entities: the same in every record, for they learn from the training split."""
    scores = [score for score in table.scores if score in (RC_GOLD, RC_PREDICTED)]
    found = [record for row in table.rows for record in records.get((table.folder, row.name), [])]
    floors = {rule: record[rule] for record in found for rule in RULES if rule in record}
    return [
        _line(table, rule, ROWS[rule], score, metric, [floor[metric]], None)
        for rule, floor in floors.items()
        for score in scores
        for metric in METRICS
    ]


def _ours_against_second(table: PaperTable, score: str, records: Records) -> tuple[str, float] | None:
    """(row, p-value): our row, or else the best, against the best of the others by mean F1."""
    means = {}
    for row in table.rows:
        found = [r for r in records.get((table.folder, row.name), []) if score in r]
        if found:
            means[row.name] = statistics.mean(record[score]["f1"] for record in found)
    ranking = sorted(means, key=means.get, reverse=True)
    ours = table.ours or (ranking[0] if ranking else None)
    others = [name for name in ranking if name != ours]
    if ours not in means or not others:
        return None
    mine, theirs = (sentence_counts(records[table.folder, name], score) for name in (ours, others[0]))
    return None if mine is None or theirs is None else (ours, p_value(mine, theirs))


def layout(table: PaperTable, frame: pd.DataFrame) -> pd.DataFrame:
    """A table to read: a line a row, cells of text."""
    return pd.DataFrame([_cells(table, of_row) for _, of_row in frame.groupby("row", sort=False)]).fillna(MISSING)


def _cells(table: PaperTable, of_row: pd.DataFrame) -> dict[str, str]:
    cells = {"": of_row["label"].iloc[0]}
    for score, values in of_row.groupby("score", sort=False):
        prefix, values = (f"{SHORT[score]} " if len(table.scores) > 1 else ""), values.set_index("metric")
        if any(row.numbers for row in table.rows):
            paper = values.loc[list(METRICS), "paper"]
            cells[f"{prefix}paper"] = MISSING if paper.isna().all() else " / ".join(map("{:.2f}".format, paper))
        for metric, name in zip(METRICS, ("P", "R", "F1"), strict=True):
            cells[prefix + name] = _mean(values.loc[metric, "mean"], values.loc[metric, "sd"])
        cells[f"{prefix}p"] = _p(values.loc["f1", "p_value"])
    seeds = of_row["seeds"].max()
    return cells | {"seeds": MISSING if of_row["row"].iloc[0] in RULES else str(seeds) if seeds else NOT_YET}


def _mean(mean: float, sd: float) -> str:
    if pd.isna(mean):
        return MISSING
    return f"{mean:.2f}" if pd.isna(sd) else f"{mean:.2f} ± {sd:.2f}"


def _p(value: float) -> str:
    return MISSING if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
