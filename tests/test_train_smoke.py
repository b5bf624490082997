"""Training, evaluation and prediction end to end: a tiny model learns a tiny corpus by heart."""

import json
import re
import shutil

import keras
import numpy as np
import pytest

from strtf.config import TASKS_OF_SYSTEM, DataOptions, Experiment, ModelOptions, System, Tasks, TrainingOptions
from strtf.data.corpus import read_corpus
from strtf.errors import StrtfError
from strtf.evaluation.run import evaluate_run, tune_run
from strtf.evaluation.scores import ROWS
from strtf.extraction.decision import Decision
from strtf.extraction.predict import predict_run
from strtf.run_dir import RunDir, read_tensors, write_tensors
from strtf.training.train import train

EPOCHS = 25


@pytest.fixture(scope="module")
def run(tiny_encoder_dir, tiny_corpus_dir, tmp_path_factory):
    run_dir = RunDir(tmp_path_factory.mktemp("smoke") / "run")
    experiment = Experiment(
        # the best epoch is the one that knows the training split best: it is to be learnt by heart
        data=DataOptions(data_dir=str(tiny_corpus_dir), dev_data=str(tiny_corpus_dir / "train.jsonl")),
        model=ModelOptions(encoder=str(tiny_encoder_dir), num_task_blocks=2, max_tokens=64, dropout=0.0),
        training=TrainingOptions(
            epochs=EPOCHS, batch_size=4, learning_rate=2e-3, head_learning_rate=1e-2, negative_keep=0.5
        ),
    )
    train(experiment, run_dir)
    return run_dir


@pytest.fixture(scope="module")
def scores(run, tmp_path_factory):
    """{split: scores} of the best weights."""
    found = {}
    for split in ("train", "test"):
        path = tmp_path_factory.mktemp("scores") / f"{split}.json"
        table = evaluate_run(run, split, {}, str(path), str(path.with_suffix(".html")), seen_mentions=True)
        page = path.with_suffix(".html").read_text(encoding="utf-8")
        found[split] = json.loads(path.read_text(encoding="utf-8")) | {"table": table, "page": page}
    return found


def test_losses_fall(run):
    history = [json.loads(line) for line in run.history.read_text(encoding="utf-8").splitlines()]
    assert [row["epoch"] for row in history] == list(range(1, EPOCHS + 1))
    for name in ("loss", "loss_ner", "loss_rc"):
        assert history[-1][name] < 0.1 * history[0][name]


def test_the_training_split_is_learnt_by_heart(scores):
    assert scores["train"]["ner"]["f1"] == 1.0
    assert scores["train"]["rc_gold"]["f1"] > 0.9
    assert scores["train"]["rc_predicted"]["f1"] > 0.9


def test_all_mentions_of_the_training_split_are_seen(scores):
    assert scores["train"]["ner_seen"] == scores["train"]["ner"] and scores["train"]["ner_unseen"]["gold"] == 0


def test_the_errors_that_are_counted_are_on_the_page(scores):
    sides = scores["test"]["errors"]["rc_predicted"]
    wrong = {side: sum(counts.values()) - counts["right"] for side, counts in sides.items()}
    lines = re.findall(r'<tr [^>]*data-kind="relation: [^"]*".*?</tr>', scores["test"]["page"])
    assert max(wrong.values()) <= len(lines) <= sum(wrong.values())


def test_it_carries_over_to_sentences_of_the_same_kind(scores):
    assert scores["test"]["ner"]["f1"] > 0.8
    assert scores["test"]["rc_predicted"]["f1"] > 0.5


def test_json_and_table_hold_every_row(scores):
    found = scores["test"]
    assert found.keys() >= {
        *ROWS,
        "per_type",
        "macro_f1",
        "per_sentence",
        "errors",
        "not_representable",
        "split",
        "run_dir",
    }
    assert found["backend"] == keras.backend.backend() and found["device"]
    assert found["per_type"].keys() == ROWS.keys()
    assert found["per_type"]["ner"].keys() == {"Body Part", "Degree", "Location", "Quantifier"}
    assert found["table"].startswith("test split, 8 sentences")
    assert "RC, gold entities" in found["table"] and "nearest rule" in found["table"]


def test_prediction_finds_the_annotation(run, tiny_corpus_dir, tmp_path):
    gold = read_corpus(tiny_corpus_dir / "train.jsonl")
    source, target = tmp_path / "texts.txt", tmp_path / "found.jsonl"
    source.write_text("".join(f"{sentence.text}\n" for sentence in gold), encoding="utf-8")
    predict_run(run, str(source), str(target), {})
    found = read_corpus(target)
    assert [sentence.text for sentence in found] == [sentence.text for sentence in gold]
    for ours, theirs in zip(found, gold, strict=True):
        assert {(e.span, e.type) for e in ours.entities} == {(e.span, e.type) for e in theirs.entities}


class TestTuning:
    """Thresholds of a finished run, chosen anew."""

    @pytest.fixture
    def spoilt(self, run, tmp_path):
        """The run, with thresholds under which nothing is found."""
        shutil.copytree(run.path, tmp_path / "run")
        spoilt = RunDir(tmp_path / "run")
        weights, _ = read_tensors(run.weights)
        write_tensors(spoilt.weights, weights, {"relation_threshold": 2.0, "entity_threshold": 2.0})
        return spoilt

    def test_on_the_run_s_own_data_it_finds_what_training_chose(self, run, spoilt):
        table = tune_run(spoilt, {})
        (weights, decision), (before, chosen) = read_tensors(spoilt.weights), read_tensors(run.weights)
        assert decision == pytest.approx(chosen)
        assert all(np.array_equal(weights[name], value) for name, value in before.items())
        assert table.startswith("dev split, 24 sentences") and "entity_threshold 2.00 → " in table

    def test_on_other_data(self, spoilt, tiny_corpus_dir):
        assert "8 sentences" in tune_run(spoilt, {"data": {"dev_data": str(tiny_corpus_dir / "test.jsonl")}})

    def test_only_what_is_asked_for(self, spoilt):
        tune_run(spoilt, {"training": {"tune_threshold": False}})
        assert read_tensors(spoilt.weights)[1]["relation_threshold"] == Decision().relation_threshold

    @pytest.mark.parametrize(
        ("annotated", "missing"), [({}, "entities"), ({"entities": [{"id": 1, "start": 0, "end": 1}]}, "relations")]
    )
    def test_a_split_that_says_nothing_leaves_the_run_alone(self, spoilt, tmp_path, annotated, missing):
        for entity in annotated.get("entities", ()):
            entity["type"] = spoilt.read_schema().entity_types[0]
        (tmp_path / "dev.jsonl").write_text(json.dumps({"text": "左前降支"} | annotated), encoding="utf-8")
        before = spoilt.weights.read_bytes()
        with pytest.raises(StrtfError, match=f"development split must annotate {missing}"):
            tune_run(spoilt, {"data": {"dev_data": str(tmp_path / "dev.jsonl")}})
        assert spoilt.weights.read_bytes() == before

    def test_a_failure_leaves_the_run_alone(self, spoilt):
        before = spoilt.weights.read_bytes()
        with pytest.raises(StrtfError, match="must be readable"):
            tune_run(spoilt, {"data": {"dev_data": "none.jsonl"}})
        assert spoilt.weights.read_bytes() == before


def test_tensorboard_has_files(run):
    assert list(run.tensorboard.glob("events*"))


@pytest.fixture(params=[system for system in System if system is not System.FOCUSED_ATTENTION])
def small_run(request, tiny_encoder_dir, tiny_corpus_dir, tmp_path):
    run_dir, tasks = RunDir(tmp_path / "run"), TASKS_OF_SYSTEM[request.param][0]
    experiment = Experiment(
        data=DataOptions(data_dir=str(tiny_corpus_dir), max_train_sentences=8, max_dev_sentences=2),
        model=ModelOptions(system=request.param, tasks=tasks, encoder=str(tiny_encoder_dir), max_tokens=48, units=16),
        training=TrainingOptions(epochs=2, batch_size=4, learning_rate=1e-3, head_learning_rate=3e-3),
    )
    train(experiment, run_dir)
    return run_dir


def test_every_system_trains_is_scored_and_predicts(small_run, tmp_path):
    """Two epochs by the same commands."""
    losses = [json.loads(line)["loss"] for line in small_run.history.read_text(encoding="utf-8").splitlines()]
    assert losses[1] < losses[0]
    path, source, target = (tmp_path / name for name in ("scores.json", "texts.txt", "found.jsonl"))
    evaluate_run(small_run, "dev", {}, str(path))
    assert json.loads(path.read_text(encoding="utf-8"))["split"] == "dev"
    source.write_text("左主干开口狭窄50%。\n", encoding="utf-8")
    if small_run.read_experiment().model.tasks is Tasks.RC:
        with pytest.raises(StrtfError, match="must be among those of the model: rc. Received: ner"):
            predict_run(small_run, str(source), str(target), {})
    else:
        predict_run(small_run, str(source), str(target), {})
        assert read_corpus(target)[0].text == "左主干开口狭窄50%。"
