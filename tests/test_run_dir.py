"""Files of a run: written whole or not at all, read with clear errors."""

import os
import threading

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import SafetensorError
from safetensors.numpy import save_file

from strtf import run_dir
from strtf.config import DataOptions, Experiment, ModelOptions, Tasks
from strtf.errors import StrtfError
from strtf.run_dir import RunDir, check_writable, read_as, read_json, read_tensors, replacing, write_json, write_tensors
from strtf.schema import Direction, RelationClass, Schema


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_replacing_writes_beside_and_renames(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["scores.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failing_writer_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "scores.json"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as partial:
        partial.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["scores.json"]


def test_what_killed_processes_left_is_removed(tmp_path):
    left = (".best.safetensors.17.tmp", ".tmpAb12cD", ".run.17.tmp/config.json")
    kept = ("best.safetensors", ".notes", "a.tmp", ".tmp")
    for name in (*left, *kept):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    RunDir(tmp_path).remove_leftovers()
    assert names(tmp_path) == sorted(kept)


def test_what_is_being_written_is_a_leftover(tmp_path, monkeypatch):
    """The names of `replacing`, and those that the safetensors library takes beside them."""
    seen = []
    monkeypatch.setattr(os, "replace", lambda *_: seen.append(names(tmp_path)) or os.rename(*_))
    write_tensors(tmp_path / "best.safetensors", {"a": np.zeros(3)})
    assert seen and all(run_dir.is_leftover(tmp_path / name) for name in seen[0])


def test_a_writer_that_fails_before_its_first_byte(tmp_path):
    with pytest.raises(ValueError), replacing(tmp_path / "scores.json"):
        raise ValueError
    assert names(tmp_path) == []


def test_the_file_behind_a_symbolic_link_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "scores.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "there" / "scores.json")
    with replacing(tmp_path / "link.json") as partial:
        partial.write_text("new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "there" / "scores.json").read_text() == "new"
    assert names(tmp_path / "there") == ["scores.json"]


def test_a_pipe_or_device_is_written_to_and_stays(tmp_path):
    """A rename would put a file in the place of /dev/null."""
    os.mkfifo(tmp_path / "pipe")
    found = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_text()), daemon=True)
    reader.start()
    with replacing(tmp_path / "pipe") as partial:
        partial.write_text("new")
    reader.join(timeout=10)
    assert found == ["new"] and (tmp_path / "pipe").is_fifo()
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize(
    ("path", "received"), [("", "a directory"), (".", "a directory"), ("none/scores.json", "a directory that does not")]
)
def test_where_no_file_can_be_written(tmp_path, monkeypatch, path, received):
    monkeypatch.chdir(tmp_path)
    for attempt in (check_writable, lambda path: write_json(path, {})):
        with pytest.raises(StrtfError, match=rf"^'{path}' must be a file that can be written\. Received: {received}"):
            attempt(path)
    assert names(tmp_path) == []


def test_values_that_json_cannot_write_leave_the_old_file(tmp_path):
    path = tmp_path / "scores.json"
    write_json(path, {"f1": 1.0})
    with pytest.raises(TypeError):
        write_json(path, {"f1": object()})
    assert read_json(path) == {"f1": 1.0}
    assert names(tmp_path) == ["scores.json"]


def test_json_is_readable_text(tmp_path):
    write_json(tmp_path / "schema.json", {"type": "部位"})
    assert "部位" in (tmp_path / "schema.json").read_text(encoding="utf-8")
    assert read_json(tmp_path / "schema.json") == {"type": "部位"}


def test_a_list_of_numbers_stands_on_one_line(tmp_path):
    values = {"gold": [3, -1, 0.5, 1e-05], "names": ["[\n1,\n2]", "b"], "nested": [[1, 2], [3]], "none": []}
    write_json(tmp_path / "scores.json", values)
    text = (tmp_path / "scores.json").read_text(encoding="utf-8")
    assert "[ 3, -1, 0.5, 1e-05 ]" in text and "[ 1, 2 ]" in text and text.count("\n") == 12
    assert read_json(tmp_path / "scores.json") == values


def test_reading_json_that_is_missing(tmp_path):
    with pytest.raises(StrtfError, match=r"nowhere\.json must be a readable file\. Received: No such file"):
        read_json(tmp_path / "nowhere.json")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_reading_broken_json(tmp_path, content):
    (tmp_path / "broken.json").write_bytes(content)
    with pytest.raises(StrtfError, match=r"broken\.json must be valid JSON"):
        read_json(tmp_path / "broken.json")


ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float16, np.int32, np.int64, np.uint32]), hnp.array_shapes(min_dims=0, max_dims=3)
)


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(st.dictionaries(st.text("ab/_", min_size=1), ARRAYS, max_size=3), st.floats(allow_nan=False))
def test_tensors_and_state_come_back_to_the_bit(tmp_path_factory, tensors, number):
    path = tmp_path_factory.mktemp("tensors") / "x.safetensors"
    write_tensors(path, tensors, {"best_f1": number, "history": [{"损失": number}]})
    found, state = read_tensors(path)
    assert state == {"best_f1": number, "history": [{"损失": number}]}
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_scalars_stay_scalars(tmp_path):
    write_tensors(tmp_path / "x.safetensors", {"iteration": np.array(7)})
    assert read_tensors(tmp_path / "x.safetensors")[0]["iteration"].shape == ()


def test_transposed_arrays_are_written_in_their_own_order(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_tensors(tmp_path / "x.safetensors", {"kernel": array})
    assert np.array_equal(read_tensors(tmp_path / "x.safetensors")[0]["kernel"], array)


def test_tensors_without_state(tmp_path):
    write_tensors(tmp_path / "x.safetensors", {"a": np.zeros(2)})
    assert read_tensors(tmp_path / "x.safetensors")[1] == {}


@pytest.mark.parametrize("state", ["", "{"])
def test_reading_tensors_with_a_broken_state(tmp_path, state):
    save_file({"a": np.zeros(2)}, tmp_path / "x.safetensors", {"state": state})
    with pytest.raises(StrtfError, match=r"x\.safetensors must be a readable safetensors file\. Received: "):
        read_tensors(tmp_path / "x.safetensors")


@pytest.mark.parametrize("content", [None, b"", b"no tensors here", b"\x10\0\0\0\0\0\0\0{}"])
def test_reading_broken_tensors(tmp_path, content):
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StrtfError, match=r"x\.safetensors must be a readable safetensors file\. Received: "):
        read_tensors(path)


def test_a_run_must_be_there(tmp_path):
    with pytest.raises(StrtfError, match=r"--run_dir must hold a run of `python -m strtf\.train`\. Received: .*none"):
        RunDir(tmp_path / "none").require()


def test_a_run_must_have_weights(tmp_path):
    write_json(RunDir(tmp_path).config, Experiment().to_json())
    with pytest.raises(StrtfError, match="holds no trained weights yet.*--resume"):
        RunDir(tmp_path).require()


def test_a_run_with_weights_passes(tmp_path):
    run_dir = RunDir(tmp_path)
    write_json(run_dir.config, Experiment().to_json())
    write_tensors(run_dir.weights, {})
    assert run_dir.require() is run_dir


def test_experiment_and_schema_come_back(tmp_path):
    run_dir = RunDir(tmp_path)
    experiment = Experiment(model=ModelOptions(tasks=Tasks.NER, num_task_blocks=0))
    schema = Schema(("部位", "程度"), (RelationClass("修饰", Direction.BACKWARD),), frozenset([("程度", "部位")]))
    write_json(run_dir.config, experiment.to_json())
    write_json(run_dir.schema, schema.to_json())
    assert run_dir.read_experiment() == experiment
    assert run_dir.read_schema() == schema


def test_paths_that_are_not_utf8_come_back(tmp_path):
    run_dir, path = RunDir(tmp_path), os.fsdecode("张三.jsonl".encode("gbk"))
    experiment = Experiment(data=DataOptions(train_data=path))
    write_json(run_dir.config, experiment.to_json())
    assert run_dir.read_experiment() == experiment


@pytest.mark.parametrize("path", ["", ".", "/", "..", "runs/.."])
def test_a_run_directory_has_a_name(path):
    with pytest.raises(StrtfError, match=r"^--run_dir must end in a name of its own\. Received: '"):
        RunDir(path)


@pytest.mark.parametrize(
    ("values", "received"),
    [
        ([], "Options must be an object"),
        ({"training": None}, "TrainingOptions must be an object"),
        ({"training": {"epochs": "3"}}, "--epochs must be of type int"),
        ({"model": {"blocks": 3}}, "Options must be among"),
    ],
)
def test_a_config_that_training_did_not_write(tmp_path, values, received):
    write_json(RunDir(tmp_path).config, values)
    with pytest.raises(
        StrtfError, match=rf"config\.json must be as training wrote it\. Received: {received}.*Restore it"
    ):
        RunDir(tmp_path).read_experiment()


@pytest.mark.parametrize("error", [AttributeError, KeyError, TypeError, ValueError])
def test_what_a_reader_stumbles_over_names_the_file(tmp_path, error):
    write_json(tmp_path / "rules.json", 5)

    def build(values):
        raise error("found")

    with pytest.raises(StrtfError, match=rf"rules\.json must be as training wrote it\. Received: {error.__name__}: "):
        read_as(tmp_path / "rules.json", build)


def test_weights_on_a_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise SafetensorError("I/O error: No space left on device")

    write_tensors(path := tmp_path / "x.safetensors", {"a": np.zeros(2)})
    monkeypatch.setattr(run_dir, "save_file", full)
    with pytest.raises(StrtfError, match=r"x.safetensors must be writable. Received: I/O error: No space left"):
        write_tensors(path, {"a": np.ones(2)})
    assert read_tensors(path)[0]["a"].tolist() == [0, 0] and names(tmp_path) == ["x.safetensors"]


def test_a_file_of_another_name_is_never_the_temporary_one(tmp_path):
    """An interrupted prediction's, say, which its resumption needs."""
    (tmp_path / "a.partial").write_text("mine")
    with replacing(tmp_path / "a") as partial:
        partial.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "a.partial": "mine"}


def test_whoever_may_read_the_run_may_read_its_weights(tmp_path):
    (tmp_path / "other").touch()
    write_tensors(tmp_path / "weights", {"a": np.zeros(1)})
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "other").stat().st_mode
