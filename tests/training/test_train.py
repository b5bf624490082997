"""The frame around a training run; what goes wrong before it starts is in tests/test_entries.py."""

import collections
import os
import pathlib

import pytest

from strtf.config import DataOptions, Experiment, TrainingOptions
from strtf.data.boundaries import FARTHEST
from strtf.data.corpus import fingerprint, write_corpus
from strtf.errors import StrtfError
from strtf.evaluation.rules import TypePairRule
from strtf.pretrained.load import open_pretrained
from strtf.run_dir import RunDir, write_json
from strtf.schema import Direction, Entity, RelationClass, Schema, Sentence
from strtf.training.train import _check_data, _create, _report, _schema, batch_shapes


def test_a_subsample_keeps_the_whole_inventory(tmp_path):
    sentences = [Sentence(f"s{i}", "ab", (Entity("e1", 0, 1, name),)) for i, name in enumerate(("Drug", "Disease"))]
    path = tmp_path / "corpus.jsonl"
    write_corpus(path, sentences)
    experiment = Experiment(data=DataOptions(train_data=str(path), dev_data=str(path), max_train_sentences=1))
    assert _schema(experiment, sentences[:1]).entity_types == ("Disease", "Drug")


class TestCreate:
    """A run directory appears whole or not at all."""

    def create(self, path, tiny_experiment, pretrained):
        _create(RunDir(path), tiny_experiment(), Schema(("Drug",), ()), pretrained, TypePairRule.fit([]), {})

    @pytest.fixture
    def pretrained(self, two_block_encoder_dir):
        return open_pretrained(str(two_block_encoder_dir))

    def test_in_an_empty_directory_behind_a_link(self, tiny_experiment, pretrained, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "run").symlink_to(tmp_path / "disk")
        self.create(tmp_path / "run", tiny_experiment, pretrained)
        assert RunDir(tmp_path / "run").exists() and (tmp_path / "run").is_symlink()
        assert len(os.listdir(tmp_path)) == 2

    def test_a_directory_that_is_there_stays_the_same(self, tiny_experiment, pretrained, tmp_path):
        """A mount point can be written to, but not replaced, and what is around it may be another's."""
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / ".run.1.tmp").mkdir()  # of a process that was killed
        before = (tmp_path / "run").stat().st_ino
        tmp_path.chmod(0o500)
        self.create(tmp_path / "run", tiny_experiment, pretrained)
        tmp_path.chmod(0o700)
        assert RunDir(tmp_path / "run").exists() and (tmp_path / "run").stat().st_ino == before
        assert sorted(os.listdir(tmp_path / "run")) == [
            ".run.1.tmp", "config.json", "data.json", "encoder.json", "rules.json", "schema.json", "vocab.txt",
        ]  # fmt: skip

    def test_another_process_was_first(self, tiny_experiment, pretrained, tmp_path):
        self.create(tmp_path / "run", tiny_experiment, pretrained)
        before = sorted(os.listdir(tmp_path / "run"))
        with pytest.raises(StrtfError, match=r"--run_dir must be new.* which holds a run"):
            self.create(tmp_path / "run", tiny_experiment, pretrained)
        assert sorted(os.listdir(tmp_path / "run")) == before and os.listdir(tmp_path) == ["run"]

    def test_it_is_a_run_only_when_all_is_there(self, tiny_experiment, pretrained, tmp_path, monkeypatch):
        (tmp_path / "run").mkdir()
        renamed, rename = [], pathlib.Path.rename
        monkeypatch.setattr(pathlib.Path, "rename", lambda a, b: renamed.append(b.name) or rename(a, b))
        self.create(tmp_path / "run", tiny_experiment, pretrained)
        assert len(renamed) == 6 and renamed[-1] == "config.json"

    def test_failure_leaves_nothing(self, tiny_experiment, pretrained, tmp_path):
        (tmp_path / "run").write_text("a file")
        with pytest.raises(OSError):
            self.create(tmp_path / "run", tiny_experiment, pretrained)
        assert os.listdir(tmp_path) == ["run"]


class TestData:
    """A run goes on with the data that it began with."""

    def data(self, *texts):
        sentences = [Sentence(f"s{number}", text) for number, text in enumerate(texts)]
        return {"train": fingerprint(sentences), "dev": fingerprint(sentences[:1])}

    @pytest.fixture
    def run_dir(self, tmp_path):
        write_json(RunDir(tmp_path).data, self.data("ab", "cd"))
        return RunDir(tmp_path)

    def test_the_same(self, run_dir):
        _check_data(self.data("ab", "cd"), run_dir)

    @pytest.mark.parametrize("texts", [("ab", "cD"), ("ab",), ("cd", "ab")])
    def test_another_text_number_or_order(self, run_dir, texts):
        with pytest.raises(StrtfError, match="must find the sentences that the run began with"):
            _check_data(self.data(*texts), run_dir)

    def test_the_message_counts_the_split_that_changed(self, run_dir):
        with pytest.raises(StrtfError, match=r"\(sentences train: 2, now 3\)"):
            _check_data(self.data("ab", "cd", "ef"), run_dir)

    @pytest.mark.parametrize("damaged", [5, {"train": {"sentences": 2}}])
    def test_a_damaged_note(self, run_dir, damaged):
        write_json(run_dir.data, damaged)
        with pytest.raises(StrtfError, match="data.json must be as training wrote it"):
            _check_data(self.data("ab", "cd"), run_dir)

    def test_a_run_that_did_not_note_its_data(self, tmp_path):
        _check_data(self.data("ab"), RunDir(tmp_path))


class TestBatchShapes:
    def shapes(self, make_model, pairs_of_all_sizes, **training):
        experiment = Experiment(training=TrainingOptions(**training))
        return batch_shapes(experiment, make_model(), pairs_of_all_sizes)

    def test_r_drop_holds_half_as_many_pairs(self, make_model, pairs_of_all_sizes):
        plain, doubled = (self.shapes(make_model, pairs_of_all_sizes, rdrop_weight=w).memory for w in (0.0, 1.0))
        assert plain.pairs(9, 64) // 2 == doubled.pairs(9, 64)

    def test_the_longest_pair_may_have_a_wrong_boundary(self, make_model, pairs_of_all_sizes):
        """The longest is related."""
        example, options = pairs_of_all_sizes[-1:], {"jit_compile": True}
        plain, wrong = (self.shapes(make_model, example, boundary_negatives=p, **options) for p in (0.0, 0.1))
        assert wrong.longest_pair == plain.longest_pair + FARTHEST


class TestReport:
    @pytest.mark.parametrize(("lost", "ending"), [
        ({"overlapping entities": 2}, ": 2 overlapping entities; --tag_layers=3 would hold more of them\n"),
        ({"entities inside a token": 1}, ": 1 entities inside a token\n"),
        ({}, " relation classes\n"),
    ])  # fmt: skip
    def test_what_is_lost_and_what_would_hold_it(self, capsys, lost, ending):
        schema = Schema(("A",), (RelationClass("R", Direction.FORWARD),), frozenset())
        _report([], [], [], schema, collections.Counter(lost), num_layers=2)
        assert capsys.readouterr().out.endswith(ending)
