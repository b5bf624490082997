"""Whether the sentences at hand are those that a run was trained on."""

from collections.abc import Mapping, Sequence

from strtf.config import DataOptions
from strtf.data.corpus import fingerprint
from strtf.data.load import as_trained_on, load_split, load_splits, split_paths
from strtf.errors import StrtfError
from strtf.run_dir import RunDir, read_as
from strtf.schema import Sentence

NOTED = ("train", "dev")  # splits that a run notes in `data.json`


class DataChanged(StrtfError):
    """A run's single training file is no longer what it was."""


def fingerprints(splits: Mapping[str, Sequence[Sentence]]) -> dict[str, dict]:
    """What a run notes of its splits, as it was trained on them: {split: `fingerprint`}."""
    return {split: fingerprint(splits.get(split, ())) for split in NOTED}


def changes(run_dir: RunDir, noted: dict[str, dict]) -> str:
    """How splits differ from what the run noted: "train: 80, now 88"; nothing where they do not, or it noted none.

    Args:
        noted: what it would note now, see `fingerprints`.
    """
    if not run_dir.data.exists():
        return ""
    began, now = read_as(run_dir.data, _sizes_and_digests), _sizes_and_digests(noted)
    return "; ".join(
        f"{split}: {began[split][0]}, now {now[split][0]}" for split in NOTED if began[split] != now[split]
    )


def load_split_of(run_dir: RunDir, options: DataOptions, split: str) -> list[Sentence]:
    """One split, whole, for a trained run.

    A training file that is all there is is split each time that it is read. Once it has changed, so have the
    splits, and the test split has sentences that were trained on.

    Raises:
        DataChanged: that is so.
        StrtfError: the options name no such split.
    """
    if set(split_paths(options)) != {"train"}:
        return load_split(options, split)
    splits = load_splits(options)
    if changed := changes(run_dir, fingerprints(as_trained_on(splits, options))):
        raise DataChanged(
            f"--train_data must be as it was in training: it is the only file, and all splits are drawn from it. "
            f"Received: {split_paths(options)['train']}, which has changed (sentences {changed}), so that what was "
            f"trained on would be scored. Restore it, or name sentences that were not as --{split}_data."
        )
    return splits[split]


def _sizes_and_digests(noted: dict) -> dict[str, tuple[int, str]]:
    return {split: (noted[split]["sentences"], noted[split]["sha256"]) for split in NOTED}
