"""Results of `python -m experiments.run`, read back: {corpus: {(table, row): records over seeds}}."""

import os
import pathlib

import numpy as np

from strtf.config import Experiment
from strtf.errors import StrtfError
from strtf.evaluation.scores import COUNTS
from strtf.reporting.record import read_record

Records = dict[tuple[str, str], list[dict]]


def read_results(directory: str) -> dict[str, Records]:
    """All results below a directory, those of each row by seed.

    Raises:
        StrtfError: no such directory, no results there, a file that is none, a row whose seeds differ in more
            than their seed, or were scored on different sentences.
    """
    root = pathlib.Path(directory)
    if not root.is_dir():
        raise StrtfError(f"--runs must be a directory of results. Received: {directory!r}. `make tables` fills one.")
    found: dict[str, Records] = {}
    for path in sorted(root.rglob("*.json")):
        record = read_record(path)
        table, _, row = record["row"].rpartition("/")
        found.setdefault(_corpus(record, table, path), {}).setdefault((table, row), []).append(record)
    if not found:
        raise StrtfError(f"--runs must hold results. Received: {root}, without any. `make tables` fills it.")
    for records in found.values():
        for alike in records.values():
            alike.sort(key=lambda record: record["seed"])
            _check_alike(alike)
    return found


def sentence_counts(records: list[dict], score: str) -> np.ndarray | None:
    """[seeds, sentences, 3] counts of a score for `bootstrap.p_value`; None where a record has none."""
    counts = [record.get("per_sentence", {}).get(score) for record in records]
    if not counts or None in counts:
        return None
    return np.stack([np.stack([each[name] for name in COUNTS], axis=-1) for each in counts])


def _corpus(record: dict, table: str, path: pathlib.Path) -> str:
    """The folder around the tables', for a part of a corpus has one of its own; of results elsewhere their data's."""
    folder = pathlib.Path(os.path.abspath(path)).parent.as_posix()
    inside = f"/{table}" if table else ""
    if folder.endswith(inside):
        return pathlib.Path(folder.removesuffix(inside)).name
    data = Experiment.from_json(record["experiment"]).data
    return pathlib.Path(data.data_dir or data.train_data).name


def _check_alike(records: list[dict]) -> None:
    first = records[0]
    for other in records[1:]:
        if None not in (counts := [_sentences(first), _sentences(other)]) and len(set(counts)) > 1:
            raise StrtfError(
                f"Results of one row must be of the same sentences. Received: {first['row']}, {counts[0]} of seed "
                f"{first['seed']} and {counts[1]} of seed {other['seed']}. Score the row anew."
            )
        mine, theirs = (Experiment.from_json(record["experiment"]) for record in (first, other))
        differences = [line for line in mine.differences(theirs) if not line.startswith("--seed:")]
        if differences or other["seed"] == first["seed"]:
            raise StrtfError(
                f"Results of one row must differ in their seed alone. Received: {first['row']}, seeds {first['seed']} "
                f"and {other['seed']}: {'; '.join(differences) or 'twice the same'}. Train the row anew."
            )


def _sentences(record: dict) -> int | None:
    """How many were scored; None where the record does not say."""
    return next((len(each["gold"]) for each in record.get("per_sentence", {}).values()), None)
