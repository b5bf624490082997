"""All tables of all corpora that results are there for: what `python -m strtf.tables` does."""

import os

import pandas as pd

from strtf.config import DataOptions
from strtf.data.load import load_splits, split_paths
from strtf.errors import StrtfError
from strtf.reporting.error_counts import error_counts
from strtf.reporting.figure import draw
from strtf.reporting.learning_curves import draw_learning_curves
from strtf.reporting.paper import TABLE_2, TABLE_4, TABLE_5, TABLES
from strtf.reporting.render import paragraph, render
from strtf.reporting.results import Records, read_results
from strtf.reporting.statistics import corpus_statistics
from strtf.reporting.tables import layout, measurements
from strtf.run_dir import check_writable, replacing

NOTE = (
    "In percent, strict, micro-averaged, on the test split: mean ± standard deviation over the seeds. RC is scored "
    "with predicted entities, RC gold with the correct ones. p: our model's F1 against the best of the others (in "
    "table V the best row's against the second best), paired bootstrap over the test sentences, two-sided. The "
    "paper's numbers are of another corpus."
)

ERROR_TABLES = (
    ("Errors in entities", TABLE_2, "ner"),
    ("Errors in relations of found entities", TABLE_4, "rc_predicted"),
)
ERROR_NOTE = "Means over the seeds: so many annotated items / so many found ones. Right and wrong sum to what there is."


def report(
    runs: str | None, data: DataOptions, style: str, figure: str | None = None, learning_curves: str | None = None
) -> str:
    """The tables as text; draws K × mask and the learning curves where their paths are given.

    Args:
        runs: directory of results, of one corpus or of several; None: table I alone.
        data: corpus of table I; where it names none, table I is left out.

    Raises:
        StrtfError: bad results, corpora or paths.
    """
    has_corpus = bool(split_paths(data))
    if not runs and not has_corpus:
        raise StrtfError("--runs must be a directory of results, or --data_dir a corpus. Received: neither.")
    if style == "csv" and runs and has_corpus:
        raise StrtfError("--format=csv must have one kind of table. Received: --runs and a corpus. Give one of them.")
    for path in filter(None, (figure, learning_curves)):
        check_writable(path)
    results = read_results(runs) if runs else {}
    frames = {corpus: _frames(records) for corpus, records in results.items()}
    if figure:
        corpus, tables = _only_one("--figure", frames)
        draw(tables[TABLES.index(TABLE_5)], corpus, figure)
    if learning_curves:
        corpus, records = _only_one("--learning_curves", results)
        draw_learning_curves(records, corpus, learning_curves)
    if style == "csv":
        return _csv(frames) if runs else _statistics(data, style)
    parts = [_statistics(data, style)] if has_corpus else []
    return "\n".join(parts + [_corpus(corpus, tables, results[corpus], style) for corpus, tables in frames.items()])


def write_report(text: str, output: str) -> None:
    """To a file, or to standard output where `output` is `-`."""
    if output == "-":
        print(text, end="")
        return
    with replacing(output) as partial:
        partial.write_text(text, encoding="utf-8")


def _frames(records: Records) -> list[pd.DataFrame]:
    return [measurements(table, records) for table in TABLES]


def _corpus(corpus: str, tables: list[pd.DataFrame], records: Records, style: str) -> str:
    """Tables II to VI of one corpus, and kinds of errors; a table that nothing was trained for is only named."""
    known = [(table, frame) for table, frame in zip(TABLES, tables, strict=True) if frame["seeds"].any()]
    parts = [render(f"{table.title}, {corpus}", layout(table, frame), style) for table, frame in known]
    if known:
        parts.append(paragraph(NOTE, style))
    errors = [(what, error_counts(table, score, records)) for what, table, score in ERROR_TABLES]
    if counted := [render(f"{what}, {corpus}", frame, style) for what, frame in errors if not frame.empty]:
        parts += [*counted, paragraph(ERROR_NOTE, style)]
    trained = {table.folder for table, _ in known}
    # a folder can have two tables
    if empty := [folder for folder in dict.fromkeys(table.folder for table in TABLES) if folder not in trained]:
        parts.append(paragraph(f"No results of {corpus} yet: {', '.join(empty)}.", style))
    return "\n".join(parts)


def _statistics(data: DataOptions, style: str) -> str:
    title = "Table I. Types of entities and relations"
    name = os.path.basename(os.path.normpath(data.data_dir or next(iter(split_paths(data).values()))))
    return render(f"{title}, {name}", corpus_statistics(load_splits(data)), style)


def _csv(frames: dict[str, list[pd.DataFrame]]) -> str:
    """Long form, all tables in one: a line for each corpus, table, row, score and metric."""
    parts = [frame.assign(corpus=corpus) for corpus, tables in frames.items() for frame in tables]
    whole = pd.concat(parts)
    return render("", whole[["corpus", *whole.columns.drop("corpus")]], "csv")


def _only_one(flag: str, by_corpus: dict):
    """(corpus, its value), for what is drawn of one corpus alone."""
    if len(by_corpus) != 1:
        raise StrtfError(
            f"{flag} must have the results of one corpus. Received: {', '.join(by_corpus) or 'none'}. "
            "Name the corpus' own directory in --runs."
        )
    return next(iter(by_corpus.items()))
