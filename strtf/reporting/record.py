"""A result of `python -m experiments.run`, held to its shape where it is read: no table meets anything else."""

import pathlib
from collections.abc import Callable

from strtf.config import Experiment
from strtf.errors import StrtfError
from strtf.evaluation.scores import COUNTS, METRICS, ROWS
from strtf.run_dir import read_json

REQUIRED = ("row", "seed")
SIDES = ("gold", "predicted")


def read_record(path: pathlib.Path) -> dict:
    """The record in a file.

    Raises:
        StrtfError: no such file, or one that holds anything else; the message names it.
    """
    record = read_json(path)
    try:
        _check(record)
    except (StrtfError, AttributeError, KeyError, TypeError, ValueError) as error:
        cause = str(error) if isinstance(error, StrtfError) else f"{type(error).__name__}: {error}"
        raise StrtfError(
            f"{path} must be a result of `python -m experiments.run`. Received: {cause.rstrip('.')}. "
            "Keep other files elsewhere."
        ) from error
    return record


def _check(record: dict) -> None:
    Experiment.from_json(record["experiment"])
    shapes = {"row": _is_text, "seed": _is_count} | dict.fromkeys(ROWS, _is_score)
    shapes |= {"per_sentence": _has_counts, "errors": _has_errors, "dev_f1": _has_epochs}
    for name, fits in shapes.items():
        if (name in REQUIRED or name in record) and not fits(record[name]):
            raise ValueError(f"{name!r} of another shape")
    if record.get("best_epoch") not in (None, *range(1, len(record.get("dev_f1", [])) + 1)):
        raise ValueError("a best epoch that is none of its epochs")


def _is_text(value) -> bool:
    return isinstance(value, str)


def _is_count(value) -> bool:
    return type(value) is int and value >= 0


def _is_share(value) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # not so of NaN


def _is_object(value, fits: Callable) -> bool:
    return isinstance(value, dict) and all(map(fits, value.values()))


def _is_score(value) -> bool:
    return isinstance(value, dict) and all(_is_share(value.get(metric)) for metric in METRICS)


def _has_counts(value) -> bool:
    """{row: {gold, predicted, correct: a number for each sentence}}, all of the same sentences."""

    def lists(each) -> bool:
        return isinstance(each, dict) and all(_is_list(each.get(name), _is_count) for name in COUNTS)

    return _is_object(value, lists) and len({len(each[name]) for each in value.values() for name in COUNTS}) <= 1


def _has_errors(value) -> bool:
    """{row: {gold, predicted: {kind: number}}}."""

    def sides(each) -> bool:
        return isinstance(each, dict) and all(_is_object(each.get(side), _is_count) for side in SIDES)

    return _is_object(value, sides)


def _has_epochs(value) -> bool:
    """[{row: F1, or null where the row was not scored} of each epoch]."""
    return _is_list(value, lambda epoch: _is_object(epoch, lambda f1: f1 is None or _is_share(f1)))


def _is_list(value, fits: Callable) -> bool:
    return isinstance(value, list) and all(map(fits, value))
