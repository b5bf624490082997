"""What there is to train: rows (flag files), seeds and a corpus, without what is done and without repetitions.

Rows whose options come to the same experiment, such as our model's in tables II, III and IV, are one job. A result
that was made with other options than the row's flag files give today stays until it is removed.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterable, Sequence

from experiments.record import portable_experiment, recorded_experiment, write_record
from strtf.config import Experiment
from strtf.errors import StrtfError
from strtf.flags import parse_experiment
from strtf.reporting.paper import TABLES
from strtf.run_dir import read_as, read_json

EXPERIMENTS = pathlib.Path("experiments")
CORPORA = EXPERIMENTS / "corpora"
NOT_ROWS = ("corpora", "settings")


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of one table with one seed.

    Attributes:
        name: table and row, as the flag file's path below `experiments/`: `table_2_ner/rdcnn`.
        corpus: the file in `experiments/corpora`, else the last name of --data_dir.
        arguments: of `python -m strtf.train`, without --run_dir.
        experiment: what they describe.
        result: where the scores go.
    """

    name: str
    corpus: str
    arguments: tuple[str, ...]
    experiment: Experiment
    result: pathlib.Path

    @property
    def key(self) -> str:
        """The same for rows that train the same: all options that change what is computed."""
        return experiment_key(self.experiment)


@dataclasses.dataclass(frozen=True)
class Job:
    """One training, for all the rows that it serves."""

    rows: tuple[Row, ...]
    directory: pathlib.Path

    @property
    def first(self) -> Row:
        return self.rows[0]

    @property
    def log(self) -> pathlib.Path:
        return self.directory / "log"

    @property
    def run_dir(self) -> pathlib.Path:
        return self.directory / "run"


def experiment_key(experiment: Experiment) -> str:
    return json.dumps(portable_experiment(experiment, operational=False), sort_keys=True)


def flag_files(paths: Iterable[str]) -> list[pathlib.Path]:
    """The rows among files and folders; `experiments` itself stands for all of its rows.

    Raises:
        StrtfError: a path that holds none.
    """
    found = []
    for path in map(pathlib.Path, paths):
        inside = sorted(path.rglob("*.flags")) if path.is_dir() else [path] if path.is_file() else []
        # not any parent: a checkout may lie in a folder named so
        rows = [file for file in inside if not {file.parent.name, file.parent.parent.name} & set(NOT_ROWS)]
        if not rows:
            raise StrtfError(f"--rows must name flag files, or folders of them. Received: {path}.")
        found += [file for file in rows if file not in found]
    return found


def corpus_file(name: str) -> pathlib.Path:
    """Flag file of a corpus by its name."""
    path = CORPORA / f"{name}.flags"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in CORPORA.glob("*.flags")))
        raise StrtfError(f"--corpus must be one of {known}. Received: {name}.")
    return path


def _chosen_for_its_system(file: pathlib.Path, corpus: str) -> list[pathlib.Path]:
    """CORPUS/SYSTEM.flags, where there is one: what was chosen on that corpus for the system of a table's row."""
    if not corpus or file.parent.name not in {table.folder for table in TABLES}:
        return []
    system = parse_experiment([f"--flagfile={file}"]).model.system
    chosen = CORPORA / corpus / f"{system}.flags"
    return [chosen] if chosen.is_file() else []


def make_row(
    file: pathlib.Path, seed: int, shared: Sequence[str], results: pathlib.Path, corpus_settings: str = ""
) -> Row:
    """A row from its flag file.

    Args:
        shared: arguments that follow the flag file: data, encoder.
        corpus_settings: name of a file in `experiments/corpora`; what a row says itself overrules it.

    Raises:
        StrtfError: what is wrong in the flag file, with its name.
    """
    of_corpus = [corpus_file(corpus_settings)] if corpus_settings else []
    try:
        files = [*of_corpus, file, *_chosen_for_its_system(file, corpus_settings)]
        arguments = (*(f"--flagfile={each.as_posix()}" for each in files), *shared, f"--seed={seed}")
        experiment = parse_experiment(list(arguments))
    except StrtfError as error:
        raise StrtfError(f"{file}: {error}") from error
    data = pathlib.Path(experiment.data.data_dir or experiment.data.train_data).name
    if not data:
        raise StrtfError(f"--data_dir must name the corpus of {file}. Received: nothing, there and in --corpus.")
    whole, ours = file.resolve(), EXPERIMENTS.resolve()
    inside = whole.relative_to(ours) if whole.is_relative_to(ours) else pathlib.Path(file.name)
    name = inside.with_suffix("").as_posix()
    # a part of a corpus has a file and results of its own
    corpus = corpus_settings or data
    return Row(name, corpus, arguments, experiment, results / corpus / f"{name}-seed{seed}.json")


def make_plan(
    rows: Sequence[Row], runs: pathlib.Path, results: pathlib.Path
) -> tuple[list[Job], dict[tuple[str, str], str]]:
    """The jobs that are left. Rows that an earlier result serves get their copy of it at once.

    Results that other options made stay, and their rows' other seeds, which would not fit them, are not trained.

    Returns:
        The jobs, and of rows with such results {(corpus, name): how the options differ}.

    Raises:
        StrtfError: two rows whose results would be one file.
    """
    _check_places(rows)
    waiting: dict[str, list[Row]] = {}
    records, older = _records(results), {}
    for row in rows:
        if differences := _differences(row):
            older[row.corpus, row.name] = differences
        elif row.result.exists():
            continue
        elif row.key in records:
            write_record(row, records[row.key])
        else:
            waiting.setdefault(row.key, []).append(row)
    return [Job(tuple(alike), _directory(alike[0], runs)) for alike in waiting.values()], older


def _check_places(rows: Sequence[Row]) -> None:
    places: dict[pathlib.Path, Row] = {}
    for row in rows:
        other = places.setdefault(row.result, row)
        if other.key != row.key:
            raise StrtfError(
                f"--rows must name flag files whose results are files of their own. Received: two for {row.result}. "
                "Rename one of the flag files."
            )


def _records(results: pathlib.Path) -> dict[str, dict]:
    """Earlier results by the key of their experiment."""
    found = {}
    for path in sorted(results.rglob("*.json")):
        experiment = read_as(path, recorded_experiment)
        record = read_json(path)
        if "per_sentence" in record:  # results of an earlier program have too little for the tables
            found[experiment_key(experiment)] = record
    return found


def _differences(row: Row) -> str:
    """How options of the row's results, with whatever seed, differ from those of its flag files."""
    mine = Experiment.from_json(portable_experiment(row.experiment))
    for path in sorted(row.result.parent.glob(f"{pathlib.Path(row.name).name}-seed*.json")):
        differences = read_as(path, recorded_experiment).differences(mine)
        if others := [line for line in differences if not line.startswith("--seed:")]:
            return "; ".join(others)
    return ""


def _directory(row: Row, runs: pathlib.Path) -> pathlib.Path:
    """RUNS/CORPUS/NAME-OPTIONS-seedN: rows that train alike find one directory, whichever of them comes first."""
    values = portable_experiment(row.experiment, operational=False)
    seed = values["training"].pop("seed")
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode(errors="surrogateescape")).hexdigest()[:8]
    folder = runs / row.corpus
    existing = sorted(folder.glob(f"*-{digest}-seed{seed}"))
    return existing[0] if existing else folder / f"{pathlib.Path(row.name).name}-{digest}-seed{seed}"
