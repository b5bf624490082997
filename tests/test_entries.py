"""What a user can do wrong gives one clear line, exit code 1, and leaves no run directory behind."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from safetensors.numpy import load_file, save_file

from strtf import flags as our_flags
from strtf import train as entry
from strtf.evaluation.run import evaluate_run
from strtf.extraction.predict import predict_run
from strtf.run_dir import RunDir, read_tensors, write_json, write_tensors

GOOD = {
    "id": "s1",
    "text": "左主干狭窄",
    "entities": [
        {"id": "a", "start": 0, "end": 3, "type": "Part"},
        {"id": "b", "start": 3, "end": 5, "type": "Finding"},
    ],
    "relations": [{"head": "b", "tail": "a", "type": "Modifier"}],
}


def line(**changes):
    return json.dumps(GOOD | changes, ensure_ascii=False) + "\n"


def entity(**changes):
    return [GOOD["entities"][0] | changes, GOOD["entities"][1]]


@pytest.fixture
def train(tmp_path, tiny_encoder_dir):
    """train("--epochs=1", …): the message that training ends with; the run directory must not appear."""

    def make(*arguments, run_dir="run"):
        before = (tmp_path / run_dir).exists()
        given = [f"--run_dir={tmp_path / run_dir}", f"--encoder={tiny_encoder_dir}", "--max_tokens=32", *arguments]
        with flagsaver.flagsaver():
            flags.FLAGS.unparse_flags()
            with pytest.raises(SystemExit) as caught:
                our_flags._parse(["train", *given])
                our_flags._guarded(entry.main)
        assert (tmp_path / run_dir).exists() == before
        assert isinstance(caught.value.code, str) and caught.value.code.startswith("error: ")  # exit code 1
        assert "\n" not in caught.value.code
        return caught.value.code.removeprefix("error: ")

    return make


@pytest.fixture
def corpus(tmp_path):
    """corpus(content, name="train.jsonl"): the path of a file."""

    def make(content=None, name="train.jsonl"):
        (tmp_path / name).write_text(line() if content is None else content, encoding="utf-8")
        return tmp_path / name

    return make


@pytest.mark.parametrize(
    ("content", "number", "message"),
    [
        ("", 1, "must hold a sentence"),
        (line() + "{not json\n", 2, "must be JSON"),
        (line(entities=entity(end=6)), 1, "Received"),
        (line(entities=entity(end=0)), 1, "Received"),
        (line(entities=entity(start=2, end=1)), 1, "Received"),
        (line(relations=[{"head": "b", "tail": "z", "type": "Modifier"}]), 1, "'z'"),
        (line() + line(), 2, "id must be unique"),
    ],
    ids=["empty", "not JSON", "outside", "empty span", "end before start", "unknown entity", "duplicate id"],
)
def test_mistakes_in_the_training_file_name_file_and_line(train, corpus, content, number, message):
    path = corpus(content)
    found = train(f"--train_data={path}", f"--dev_data={path}")
    assert found.startswith(f"{path}:{number}: ")
    assert message in found
    assert GOOD["text"] not in found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--train_data (or --data_dir) must name a training corpus."),
        (["--train_data=none.jsonl"], "none.jsonl:1: the file must be readable"),
        (["--data_dir=none"], "--data_dir must be a directory"),
    ],
)
def test_missing_data(train, arguments, message):
    assert train(*arguments).startswith(message)


def test_a_type_that_training_never_showed(train, corpus):
    dev = corpus(line(entities=entity(type="Vessel")), "dev.jsonl")
    found = train(f"--train_data={corpus()}", f"--dev_data={dev}")
    assert found.startswith(f"{dev}:1: entity type 'Vessel' does not occur in the training split.")
    assert "Finding, Part" in found


@pytest.mark.parametrize("split", ["train", "dev"])
def test_overlaps_where_they_are_an_error(train, corpus, split):
    nested = line(entities=entity(end=4))
    paths = {"train": corpus(), "dev": corpus(name="dev.jsonl")} | {split: corpus(nested, f"{split}.jsonl")}
    found = train("--overlaps=error", *(f"--{name}_data={path}" for name, path in paths.items()))
    assert found.startswith(f"{paths[split]}:1: entities must not overlap.")
    assert "--overlaps=longest" in found


@pytest.mark.parametrize(
    ("missing", "message"), [(["entities", "relations"], "must annotate entities"), (["relations"], "Use --tasks=ner.")]
)
def test_a_corpus_without_annotation(train, corpus, missing, message):
    path = corpus(line(**{name: [] for name in missing}))
    assert message in train(f"--train_data={path}", f"--dev_data={path}")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--num_task_blocks=4", "--num_task_blocks (K) must be at most 3"),
        ("--num_task_blocks=0", "with K = 0 no block is focused"),
        ("--max_tokens=512", "--max_tokens must be at most 64"),
        ("--encoder=bert_base_martian", "Received: 'bert_base_martian'"),
        ("--rc_mask=none", "cls_focused|pair_focused"),
        ("--schema=none.json", "none.json must be a readable file"),
    ],
)
def test_options_that_do_not_fit(train, corpus, argument, message):
    assert message in train(f"--train_data={corpus()}", f"--dev_data={corpus()}", argument)


@pytest.fixture
def encoder_dir(tiny_encoder_dir, tmp_path):
    return shutil.copytree(tiny_encoder_dir, tmp_path / "encoder")


def test_a_vocabulary_of_the_wrong_size(train, corpus, encoder_dir):
    with open(encoder_dir / "vocab.txt", "a", encoding="utf-8") as file:
        file.write("多\n")
    found = train(f"--train_data={corpus()}", f"--dev_data={corpus()}", f"--encoder={encoder_dir}")
    assert "vocab" in found and str(encoder_dir) in found


def test_a_checkpoint_that_does_not_fit_its_config(train, corpus, encoder_dir):
    weights = load_file(encoder_dir / "model.safetensors")
    weights["encoder.layer.1.intermediate.dense.bias"] = np.zeros(3, np.float32)
    save_file(weights, encoder_dir / "model.safetensors")
    found = train(f"--train_data={corpus()}", f"--dev_data={corpus()}", f"--encoder={encoder_dir}")
    assert "block_02/intermediate/bias expected (64,) found (3,)" in found


# ---------------------------------------------------------------------- run directories
@pytest.fixture
def run(tmp_path, corpus, tiny_encoder_dir, tiny_config):
    """A run directory with weights, as if trained on GOOD."""
    from strtf.config import DataOptions, Experiment, ModelOptions
    from strtf.data.corpus import read_corpus
    from strtf.evaluation.rules import TypePairRule
    from strtf.extraction.decision import Decision
    from strtf.models.build import build_model, named_values
    from strtf.schema import Schema
    from strtf.text.vocabulary import Vocabulary

    path, run_dir = corpus(), RunDir(tmp_path / "old")
    experiment = Experiment(
        data=DataOptions(train_data=str(path), dev_data=str(path), test_data=str(path)),
        model=ModelOptions(encoder=str(tiny_encoder_dir), max_tokens=32),
    )
    run_dir.path.mkdir()
    schema = Schema.from_sentences(read_corpus(path))
    write_json(run_dir.config, experiment.to_json())
    write_json(run_dir.schema, schema.to_json())
    write_json(run_dir.encoder, tiny_config.to_json())
    write_json(run_dir.rules, TypePairRule.fit(read_corpus(path)).to_json())
    Vocabulary.load(tiny_encoder_dir / "vocab.txt").save(run_dir.vocabulary)
    model = build_model(experiment, tiny_config, schema)
    write_tensors(run_dir.weights, named_values(model.trainable_variables), Decision().to_json())
    return run_dir


def test_a_run_that_is_there_needs_resume(train, corpus, run):
    assert "Continue it with --resume" in train(f"--train_data={corpus()}", run_dir="old")


def test_resuming_another_experiment(train, corpus, run):
    path = corpus()
    found = train("--resume", "--epochs=3", *(f"--{s}_data={path}" for s in ("train", "dev", "test")), run_dir="old")
    assert "must hold the same experiment to resume it" in found
    assert "--epochs: 10 against 3" in found


def test_a_directory_that_is_no_run(train, corpus, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("")
    assert "--run_dir must be new, empty or a run" in train(f"--train_data={corpus()}", run_dir="thesis")


@pytest.mark.parametrize(
    "call", [lambda run: evaluate_run(run, "test", {}, None), lambda run: predict_run(run, "-", "-", {})]
)
def test_weights_that_do_not_fit_the_run(run, call):
    tensors, chosen = read_tensors(run.weights)
    del tensors["crf/transitions"]
    write_tensors(run.weights, tensors | {"tag_dense/bias": np.zeros(3, np.float32)}, chosen)
    with pytest.raises(SystemExit) as caught:
        our_flags._guarded(lambda: call(run))
    assert "crf/transitions missing" in caught.value.code
    assert "tag_dense/bias has shape (3,), not (9,)" in caught.value.code


@pytest.mark.parametrize("kept", [{}, [1], {"entity_temperature": 0.0}, {"relation_slope": None}])
def test_weights_whose_thresholds_are_damaged(run, kept):
    write_tensors(run.weights, read_tensors(run.weights)[0], kept)
    with pytest.raises(SystemExit, match=r"best\.safetensors must be as training wrote it\. .*Restore it, or train"):
        our_flags._guarded(lambda: predict_run(run, "-", "-", {}))


def test_rules_that_are_damaged(run):
    write_json(run.rules, {})
    with pytest.raises(SystemExit, match=r"rules\.json must be as training wrote it\. .*a list of rows"):
        our_flags._guarded(lambda: evaluate_run(run, "test", {}, None))


def test_training_on_a_least_probability(train, corpus):
    found = train(f"--train_data={corpus()}", "--min_probability=0.5")
    assert "--min_probability must be left to what uses the trained run" in found


def test_evaluating_a_type_that_training_never_showed(run, corpus):
    path = corpus(line(entities=entity(type="Vessel")), "other.jsonl")
    with pytest.raises(SystemExit, match="other.jsonl:1: entity type 'Vessel'"):
        our_flags._guarded(lambda: evaluate_run(run, "test", {"data": {"test_data": str(path)}}, None))


def test_a_split_that_the_run_does_not_have(run):
    experiment = run.read_experiment()
    data = dataclasses.replace(experiment.data, test_data="")
    write_json(run.config, dataclasses.replace(experiment, data=data).to_json())
    with pytest.raises(SystemExit, match="--test_data must name a corpus"):
        our_flags._guarded(lambda: evaluate_run(run, "test", {}, None))


def test_scores_into_a_directory_that_is_missing(run, tmp_path):
    run.weights.write_bytes(b"not looked at")  # the place is checked first, before minutes of scoring
    with pytest.raises(
        SystemExit, match=r"none.* must be a file that can be written\. Received: a directory that does"
    ):
        our_flags._guarded(lambda: evaluate_run(run, "test", {}, str(tmp_path / "none" / "scores.json")))


@pytest.mark.parametrize("change", [lambda lines: lines[:-1], lambda lines: [*lines, "多\n"]])
def test_a_run_with_another_vocabulary(run, change):
    with open(run.vocabulary, encoding="utf-8", newline="\n") as file:
        lines = file.readlines()
    run.vocabulary.write_text("".join(change(lines)), encoding="utf-8")
    with pytest.raises(SystemExit, match=rf"vocab.txt must hold {len(lines)} tokens.*a vocabulary of the wrong size"):
        our_flags._guarded(lambda: predict_run(run, "-", "-", {}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("encoder.json", []),
        ("encoder.json", {"num_blocks": 2}),
        ("encoder.json", {"hidden_size": 0}),
        ("encoder.json", {"num_blocks": 2.0}),
        ("rules.json", 5),
        ("rules.json", [["Part", "Finding"]]),
        ("schema.json", {"entity_types": [1]}),
        ("config.json", {"training": {"epochs": "many"}}),
    ],
)
def test_a_run_with_a_damaged_file(run, name, values):
    write_json(run.path / name, values)
    with pytest.raises(SystemExit, match=rf"{name} must be as training wrote it\. Received: .*Restore it"):
        our_flags._guarded(lambda: evaluate_run(run, "test", {}, None))
