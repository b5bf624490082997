import json
import shutil

import pytest

from strtf.config import DataOptions
from strtf.data.brat import write_brat
from strtf.data.corpus import read_corpus, write_corpus
from strtf.data.load import load_split, load_splits, load_training_splits, split_paths
from strtf.errors import StrtfError
from strtf.schema import Entity, Schema, Sentence


@pytest.fixture
def whole(tiny_corpus_dir):
    return DataOptions(data_dir=str(tiny_corpus_dir))


@pytest.fixture
def single(tiny_corpus_dir):
    return DataOptions(train_data=str(tiny_corpus_dir / "train.jsonl"))


class TestLoadSplit:
    @pytest.mark.parametrize("split", ["train", "dev", "test"])
    def test_reads_the_file_of_the_directory(self, tiny_corpus_dir, whole, split):
        assert load_split(whole, split) == read_corpus(tiny_corpus_dir / f"{split}.jsonl")

    def test_reads_json_of_the_directory(self, tiny_corpus_dir, tmp_path):
        shutil.copy(tiny_corpus_dir / "train.jsonl", tmp_path / "train.json")
        assert split_paths(DataOptions(data_dir=str(tmp_path))) == {"train": tmp_path / "train.json"}

    def test_reads_a_directory_of_brat(self, whole, tmp_path):
        for split in ("train", "dev"):
            write_brat(tmp_path / split, load_split(whole, split))
        for split in ("train", "dev"):
            found, given = load_split(DataOptions(data_dir=str(tmp_path)), split), load_split(whole, split)
            assert sorted(sentence.text for sentence in found) == sorted(sentence.text for sentence in given)

    def test_a_directory_of_brat_beside_native_data_has_its_types(self, tmp_path):
        corpus = [Sentence("a", "左", (Entity("x", 0, 1, "Body Part"),))]
        write_corpus(tmp_path / "train.jsonl", corpus)
        write_brat(tmp_path / "dev", corpus)
        options = DataOptions(data_dir=str(tmp_path))
        train, dev = (Schema.from_sentences(load_split(options, split)) for split in ("train", "dev"))
        assert train == dev

    def test_file_of_its_own_wins_over_the_directory(self, tiny_corpus_dir, whole):
        options = DataOptions(data_dir=whole.data_dir, dev_data=str(tiny_corpus_dir / "test.jsonl"))
        assert load_split(options, "dev") == load_split(whole, "test")

    @pytest.mark.parametrize(("split", "count"), [("train", 20), ("dev", 2), ("test", 2)])
    def test_single_file_is_split_8_1_1(self, single, split, count):
        assert len(load_split(single, split)) == count

    def test_splits_of_a_single_file_are_a_partition(self, single):
        ids = [sentence.id for split in ("train", "dev", "test") for sentence in load_split(single, split)]
        assert sorted(ids) == sorted(sentence.id for sentence in read_corpus(single.train_data))

    def test_embedded_corpus(self):
        assert set(split_paths(DataOptions(data_dir="angiography"))) == {"train", "dev", "test"}

    def test_missing_directory(self):
        with pytest.raises(StrtfError, match="--data_dir must be a directory, or 'angiography' .* Received: nowhere"):
            load_split(DataOptions(data_dir="nowhere"), "train")

    def test_missing_split(self, tiny_corpus_dir):
        paths = {f"{split}_data": str(tiny_corpus_dir / f"{split}.jsonl") for split in ("train", "test")}
        with pytest.raises(StrtfError, match="--dev_data must name a corpus. Received: nothing"):
            load_split(DataOptions(**paths), "dev")

    def test_nothing_at_all(self):
        with pytest.raises(StrtfError, match="--test_data must name a corpus"):
            load_split(DataOptions(), "test")


class TestLoadTrainingSplits:
    def test_train_and_dev(self, whole):
        assert tuple(map(len, load_training_splits(whole))) == (24, 8)

    def test_no_training_corpus(self, tiny_corpus_dir):
        with pytest.raises(StrtfError, match=r"--train_data \(or --data_dir\) must name a training corpus"):
            load_training_splits(DataOptions(dev_data=str(tiny_corpus_dir / "dev.jsonl")))

    def test_train_and_test_alone_have_no_dev(self, tiny_corpus_dir):
        paths = {f"{split}_data": str(tiny_corpus_dir / f"{split}.jsonl") for split in ("train", "test")}
        assert load_training_splits(DataOptions(**paths))[1] == []

    def test_single_file_gives_its_dev_split(self, single):
        assert load_training_splits(single) == (load_split(single, "train"), load_split(single, "dev"))

    def test_subsamples(self, whole):
        options = DataOptions(data_dir=whole.data_dir, max_train_sentences=5, max_dev_sentences=3)
        assert tuple(map(len, load_training_splits(options))) == (5, 3)

    def test_limit_above_the_size_keeps_all(self, whole):
        options = DataOptions(data_dir=whole.data_dir, max_train_sentences=100)
        assert load_training_splits(options) == load_training_splits(whole)

    def test_subsample_depends_on_its_seed(self, whole):
        samples = [
            load_training_splits(DataOptions(data_dir=whole.data_dir, max_train_sentences=5, subsample_seed=seed))[0]
            for seed in (0, 0, 1)
        ]
        assert samples[0] == samples[1] != samples[2]


@pytest.mark.parametrize("read", [load_splits, load_training_splits])
def test_a_directory_without_splits_is_named(tmp_path, read):
    with pytest.raises(StrtfError, match=f"Received: {tmp_path}, which has no train.jsonl, train.json or train/"):
        read(DataOptions(data_dir=str(tmp_path)))


def test_one_file_is_read_once(tmp_path, caplog):
    twice = {"id": "e", "start": 0, "end": 1, "type": "T"}, {"id": "f", "start": 0, "end": 1, "type": "T"}
    (tmp_path / "all.jsonl").write_text("\n".join(3 * [json.dumps({"text": "a", "entities": twice})]), "utf-8")
    load_splits(DataOptions(train_data=str(tmp_path / "all.jsonl")))
    assert caplog.text.count("merged 3 entities") == 1
