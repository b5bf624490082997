"""The command: what it leaves, what it refuses, and that TensorFlow alone is enough."""

import ast
import json
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from strtf.config import DataOptions, Quantize
from strtf.data.trained_on import fingerprints
from strtf.errors import StrtfError
from strtf.run_dir import RunDir, write_json
from strtf.serving import bare_run, self_check
from strtf.serving import export as export_module
from strtf.serving.export import export


@pytest.fixture
def unchecked(monkeypatch):
    """Exports that take the word of the graph: what the check would find is tested elsewhere."""
    monkeypatch.setattr(export_module, "check_export", lambda *_: 0.0)


def test_the_directory_is_whole(exported):
    target, run_dir, _ = exported
    files = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert files == {
        "saved_model.pb", "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001",
        "assets/vocab.txt", "assets/schema.json", "assets/tags.txt",
        "assets.extra/README.md", "assets.extra/batching_parameters.txt", "assets.extra/monitoring_config.txt",
        "assets.extra/tf_serving_warmup_requests",
    }  # fmt: skip
    assert (target / "assets/vocab.txt").read_bytes() == run_dir.vocabulary.read_bytes()
    assert (target / "assets/tags.txt").read_text(encoding="utf-8").splitlines()[:2] == ["O", "B-Body Part"]
    assert "-e MODEL_NAME=reports" in (target / "assets.extra/README.md").read_text(encoding="utf-8")


def test_no_text_of_the_corpus_is_in_it(exported, tiny_corpus_dir):
    lines = [line for split in ("train", "dev", "test") for line in (tiny_corpus_dir / f"{split}.jsonl").open("rb")]
    texts = {json.loads(line)["text"].encode() for line in lines}
    contents = [path.read_bytes() for path in exported[0].rglob("*") if path.is_file()]
    assert texts and [text.decode() for text in texts if any(text in content for content in contents)] == []


def test_nothing_is_beside_it(exported):
    assert [path.name for path in exported[0].parent.iterdir()] == ["7"]


def test_what_is_said(exported):
    assert "TensorFlow alone on the test split" in exported[2][2]
    assert "The same entities and relations" in exported[2][3]


def test_weights_are_stored_once(exported):
    target, run_dir, _ = exported
    stored = (target / "variables/variables.data-00000-of-00001").stat().st_size
    assert stored < 1.2 * run_dir.weights.stat().st_size


def graph_operators(target):
    model = saved_model_pb2.SavedModel.FromString((target / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0].graph_def
    functions = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return {node.op for node in nodes} - functions


def test_core_operators_only(exported):
    """All are registered in a process that imports TensorFlow and nothing else."""
    operators = graph_operators(exported[0])
    assert {"UnicodeDecode", "StatelessWhile"} <= operators
    program = (
        "import json, sys; from tensorflow.python.framework import op_def_registry, load_library; import tensorflow;"
        "print([name for name in json.load(sys.stdin) if op_def_registry.get(name) is None])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], input=json.dumps(sorted(operators)), capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr[-500:]
    assert not operators & {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def test_the_check_imports_nothing_of_the_package():
    tree = ast.parse(pathlib.Path(bare_run.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names}
    assert names == {"json", "sys", "numpy", "tensorflow"}


def test_a_run_whose_relations_stay_within_a_line(make_run, tmp_path, monkeypatch):
    """Its check of itself runs, on texts of several lines too, through both signatures."""
    monkeypatch.setattr(self_check, "TOLERANCE", 1e-4)  # these weights are loud, and the texts have many pairs
    target, said = tmp_path / "reports" / "1", []
    export(make_run(pair_scope="line", tag_layers=2), str(target), Quantize.NONE, {}, said.append)
    assert any("The same entities and relations" in line for line in said)
    assert "`scopes` [B, T]" in (target / "assets.extra" / "README.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize("name", ["strtf", "v1", "01", "1.0", "-1", "１", "9" * 19])
def test_a_name_that_is_no_version(make_run, tmp_path, name):
    with pytest.raises(StrtfError, match=r"--export_dir must end in a version number.*Received: .*Try .*1\."):
        export(None, str(tmp_path / name), Quantize.NONE, {})


def test_a_version_that_exists(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "12").mkdir()
    with pytest.raises(StrtfError, match=r"--export_dir must not exist yet\. .*Export a new version: .*13\."):
        export(None, str(tmp_path / "1"), Quantize.NONE, {})


def test_a_run_without_entities(make_run, tmp_path):
    with pytest.raises(StrtfError, match=r"must hold a model that finds entities.*--tasks=rc"):
        export(make_run(tasks="rc"), str(tmp_path / "new" / "1"), Quantize.NONE, {})
    assert not (tmp_path / "new").exists()


def test_an_export_that_does_not_run_leaves_nothing(make_run, tmp_path, monkeypatch):
    def spoil(partial, *_):
        partial.mkdir()
        (partial / "saved_model.pb").write_bytes(b"no graph")
        return ["serving_default"]

    monkeypatch.setattr(export_module, "_write", spoil)
    with pytest.raises(StrtfError, match=r"must run with TensorFlow alone\. Received: \S+\. Nothing was exported"):
        export(make_run(tasks="ner"), str(tmp_path / "1"), Quantize.NONE, {}, lambda _: None)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(make_run, tmp_path, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(export_module.tf.saved_model, "save", full)
    with pytest.raises(StrtfError, match=r"1 must be writable\. Received: No space left on device"):
        export(make_run(tasks="ner"), str(tmp_path / "1"), Quantize.NONE, {}, lambda _: None)
    assert not list(tmp_path.iterdir())


ANSWER = {"entities": [[0, 2, "Degree", 0.5], [3, 4, "Degree", 0.5]], "relations": [[0, 1, "Modifier", 0.5]]}


def changed(kind, column, value):
    item = ANSWER[kind][0].copy()
    item[column] = value
    return ANSWER | {kind: [item, *ANSWER[kind][1:]]}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (changed("entities", 1, 3), "other entities in text 2 of 2 through text"),
        (changed("relations", 2, "Position"), "other relations in text 2 of 2 through text"),
        (changed("relations", 3, 0.501), "probabilities that differ by 1.0e-03 through text"),
        (changed("entities", 3, float("nan")), "probabilities that differ by nan through text"),
        (ANSWER | {"relations": []}, "other relations in text 2"),
    ],
)
def test_what_counts_as_another_answer(found, message):
    with pytest.raises(StrtfError, match=f"must answer as the model in memory does. Received: {message}"):
        self_check._compare([ANSWER, found], [ANSWER, ANSWER], "text")


def test_rounding_does_not_count():
    assert self_check._compare([changed("entities", 3, 0.500005)], [ANSWER], "text") == pytest.approx(5e-6)


@pytest.fixture
def losing(monkeypatch, make_run, tmp_path, unchecked):
    """losing(dev, test): what is said while an int8 export loses so much F1 on each split."""

    def call(dev: float, test: float) -> list[str]:
        said, scores = [], iter([0.9, 0.9, 0.9 - dev, 0.9 - test])
        monkeypatch.setattr(export_module, "evaluate", lambda *_: {"ner": {"f1": next(scores)}})
        export(make_run(tasks="ner"), str(tmp_path / "1"), Quantize.DYNAMIC_INT8, {}, said.append)
        return said

    return call


def test_weights_that_lose_too_much_in_int8(losing, tmp_path):
    with pytest.raises(StrtfError, match=r"must lose less than 0\.3 F1\. Received: a loss of 1\.00 on the dev split"):
        losing(dev=0.01, test=0.0)
    assert not list(tmp_path.iterdir())


def test_what_int8_loses_on_the_test_split_is_told_and_refuses_nothing(losing):
    assert "dynamic_int8, test split: NER F1 90.00 before, 89.00 after." in losing(dev=0.0, test=0.01)


def test_int8_without_a_dev_split(make_run, tmp_path):
    given = {"data": {"data_dir": str(tmp_path / "none")}}
    with pytest.raises(StrtfError, match=r"must have a dev split to tell what it loses\. .*Name one with --dev_data"):
        export(make_run(tasks="ner"), str(tmp_path / "1"), Quantize.DYNAMIC_INT8, given, lambda _: None)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_split_with_a_mistake(make_run, tmp_path, split):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "左"}\n{"text"', encoding="utf-8")
    with pytest.raises(StrtfError, match=r"bad\.jsonl:2:"):
        export(make_run(tasks="ner"), str(tmp_path / "1"), Quantize.NONE, {"data": {f"{split}_data": str(bad)}})


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_split_beside_a_corpus_that_is_gone(tiny_corpus_dir, tmp_path, split):
    options = DataOptions(data_dir=str(tmp_path / "none"), **{f"{split}_data": str(tiny_corpus_dir / "dev.jsonl")})
    assert len(export_module._sentences(RunDir(tmp_path), options, split)) == 8


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_single_file_that_has_changed_has_no_such_splits(make_run, tiny_corpus_dir, split):
    """What it has now was partly trained on."""
    run_dir, options = make_run(tasks="ner"), DataOptions(train_data=str(tiny_corpus_dir / "train.jsonl"))
    splits = {"train": [], "dev": []}
    write_json(run_dir.data, fingerprints(splits))
    assert export_module._sentences(run_dir, options, split) == []


# ---------------------------------------------------------------------- variants
def test_word_pieces_are_read_by_the_client(make_run, tmp_path):
    """Only token ids; the check compares them with the tokenizer's own texts."""
    said = []
    export(make_run(tokenization="wordpiece"), str(tmp_path / "1"), Quantize.NONE, {}, said.append)
    assert said[-1].count("token_ids") == 1 and "serving_default" not in said[-1]
    assert "clients tokenize" in (tmp_path / "1/assets.extra/README.md").read_text(encoding="utf-8")
    assert not (tmp_path / "1/assets.extra/tf_serving_warmup_requests").exists()


def test_a_run_whose_corpus_is_gone(make_run, tmp_path, unchecked):
    said = []
    given = {"data": {"data_dir": str(tmp_path / "none")}}
    export(make_run(tasks="ner"), str(tmp_path / "1"), Quantize.FLOAT16, given, said.append)
    assert (tmp_path / "1").is_dir()
    assert "float16, dev split: F1 before and after is unknown, the split is not there." in said
