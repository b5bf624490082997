"""The splits of an experiment, read and subsampled as its options say."""

import pathlib
from collections.abc import Collection

from strtf.config import DataOptions
from strtf.data import angiography
from strtf.data.corpus import read_corpus
from strtf.data.splits import split_corpus, subsample
from strtf.errors import StrtfError
from strtf.schema import Sentence

SPLITS = ("train", "dev", "test")
EMBEDDED = "angiography"


def split_paths(options: DataOptions) -> dict[str, pathlib.Path]:
    """Path of each split that the options name; `--train_data` and its like win over `--data_dir`."""
    paths = {}
    for split in SPLITS:
        given = getattr(options, f"{split}_data")
        path = pathlib.Path(given) if given else _in_data_dir(options.data_dir, split)
        if path:
            paths[split] = path
    return paths


def load_splits(options: DataOptions, wanted: Collection[str] = SPLITS) -> dict[str, list[Sentence]]:
    """Those of the wanted splits that the options name, whole; a training file that is all there is is read once.

    Raises:
        StrtfError: they name none.
    """
    paths = split_paths(options)
    if not paths:
        raise _no_corpus(options, "a corpus")
    if set(paths) == {"train"}:
        shares = _split_one_file(paths["train"], options)
        return {split: shares[split] for split in wanted}
    return {split: read_corpus(path) for split, path in paths.items() if split in wanted}


def load_split(options: DataOptions, split: str) -> list[Sentence]:
    """One split, whole; where a training file is all there is, the share of it that is this split.

    Raises:
        StrtfError: the options name no such split.
    """
    paths = split_paths(options)
    if set(paths) == {"train"}:
        return _split_one_file(paths["train"], options)[split]
    if split in paths:
        return read_corpus(paths[split])
    raise StrtfError(f"--{split}_data must name a corpus. Received: nothing, and no {split} file in --data_dir.")


def load_training_splits(options: DataOptions) -> tuple[list[Sentence], list[Sentence]]:
    """(train, dev), subsampled as the options say; dev is empty where a train and a test file are all there is."""
    if "train" not in split_paths(options):
        raise _no_corpus(options, "a training corpus")
    splits = as_trained_on(load_splits(options, ("train", "dev")), options)
    return splits["train"], splits.get("dev", [])


def as_trained_on(splits: dict[str, list[Sentence]], options: DataOptions) -> dict[str, list[Sentence]]:
    """The splits, the training and the development one subsampled as the options say."""
    limits = {"train": options.max_train_sentences, "dev": options.max_dev_sentences}
    return {
        split: _at_most(sentences, limits.get(split, 0), options.subsample_seed) for split, sentences in splits.items()
    }


def _no_corpus(options: DataOptions, what: str) -> StrtfError:
    """The error where neither --data_dir nor the flags of the splits name it."""
    received = "neither"
    if options.data_dir:
        received = f"{options.data_dir}, which has no train.jsonl, train.json or train/"
    return StrtfError(f"--train_data (or --data_dir) must name {what}. Received: {received}.")


def _in_data_dir(data_dir: str, split: str) -> pathlib.Path | None:
    if not data_dir:
        return None
    if data_dir == EMBEDDED:
        return angiography.split_path(split)
    directory = pathlib.Path(data_dir)
    if not directory.is_dir():
        raise StrtfError(
            f"--data_dir must be a directory, or '{EMBEDDED}' for the embedded corpus. Received: {data_dir}."
        )
    candidates = [directory / f"{split}{suffix}" for suffix in (".jsonl", ".json", "")]
    return next((path for path in candidates if path.exists()), None)


def _split_one_file(path: pathlib.Path, options: DataOptions) -> dict[str, list[Sentence]]:
    """A single file is split 8:1:1, as in the paper."""
    return dict(zip(SPLITS, split_corpus(read_corpus(path), options.subsample_seed), strict=True))


def _at_most(sentences: list[Sentence], limit: int, seed: int) -> list[Sentence]:
    return subsample(sentences, limit, seed) if 0 < limit < len(sentences) else sentences
