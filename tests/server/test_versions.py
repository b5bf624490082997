"""Directories of versions: which is served, what becomes of the old, of broken ones and of those still being copied."""

import asyncio
import pathlib
import re
import shutil

import pytest

from strtf.server import versions as versions_module
from strtf.server.saved_model import SavedModel
from strtf.server.status import LOG, ServingError
from strtf.server.versions import Versions


@pytest.fixture(scope="module")
def second_dir(save_digit_model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("second")
    save_digit_model(directory, 2, 0.25)
    return directory / "2"


@pytest.fixture
def first_dir(digits_dir):
    return digits_dir / "1"


@pytest.fixture
def watched(tmp_path):
    """watched(test): `await test(versions)` on an empty directory."""

    def call(test):
        async def main():
            versions = Versions(tmp_path / "model", "strtf", frozenset({"stable"}), lambda model, name: None)
            try:
                return await test(versions)
            finally:
                versions.close()

        (tmp_path / "model").mkdir()
        return asyncio.run(main())

    return call


def states(versions):
    return {version: state.state for version, state in versions.states.items()}


async def settle(versions):
    while versions._draining:
        await asyncio.sleep(0)


def test_the_newest_is_served_and_the_old_is_drained(watched, tmp_path, first_dir, second_dir):
    async def test(versions):
        shutil.copytree(first_dir, tmp_path / "model" / "00001")
        (tmp_path / "model" / "notes").mkdir()
        await versions.look()
        assert states(versions) == {1: "AVAILABLE"}
        old = versions.find(None, "")
        shutil.copytree(second_dir, tmp_path / "model" / "2")
        with old.in_use():
            await versions.look()
            await asyncio.sleep(0)
            assert versions.find(None, "stable").version == 2
            assert states(versions) == {1: "UNLOADING", 2: "AVAILABLE"}
        await settle(versions)
        assert states(versions) == {1: "END", 2: "AVAILABLE"}
        with pytest.raises(ServingError, match=r"Servable not found for request: Specific\(strtf, 1\)"):
            versions.find(1, "")
        with pytest.raises(ServingError, match="Unrecognized servable version label: canary"):
            versions.find(None, "canary")

    watched(test)


def _empty(directory: pathlib.Path) -> None:
    directory.mkdir()


def _garbage(directory: pathlib.Path) -> None:
    directory.mkdir()
    (directory / "saved_model.pb").write_bytes(b"\xff" * 100)


@pytest.mark.parametrize(
    ("damage", "message"), [(_empty, "saved_model.pb is missing"), (_garbage, "saved_model.pb is damaged")]
)
def test_a_broken_version_is_reported_and_the_old_one_stays(watched, tmp_path, first_dir, second_dir, damage, message):
    async def test(versions):
        directory = tmp_path / "model"
        shutil.copytree(first_dir, directory / "1")
        await versions.look()
        damage(directory / "2")
        await versions.look()
        assert versions.find(None, "").version == 1 and states(versions) == {1: "AVAILABLE", 2: "END"}
        assert versions.states[2].error_code == "INVALID_ARGUMENT" and message in versions.states[2].error_message
        loads = []
        original = versions._load
        versions._load = lambda *given: loads.append(given) or original(*given)
        await versions.look()
        assert not loads  # not tried again as it is
        shutil.copytree(second_dir, directory / "2", dirs_exist_ok=True)
        await versions.look()
        assert versions.find(None, "").version == 2 and versions.states[2].error_code == "OK"

    watched(test)


def test_a_version_without_its_weights(watched, tmp_path, first_dir):
    async def test(versions):
        shutil.copytree(first_dir, tmp_path / "model" / "3")
        shutil.rmtree(tmp_path / "model" / "3" / "variables")
        await versions.look()
        assert versions.current is None and versions.states[3].error_message.startswith("Version 3 does not load: ")

    watched(test)


@pytest.fixture
def quoting(monkeypatch, watched, tmp_path):
    """States after a look at version 1, whose loading fails with a message that quotes a text."""

    def load(directory):
        raise ValueError("assertion failed: 患者王某")

    async def look(versions):
        (tmp_path / "model" / "1").mkdir()
        await versions.look()
        return versions.states

    monkeypatch.setattr(LOG, "propagate", True)
    monkeypatch.setattr(versions_module, "SavedModel", load)
    return lambda: watched(look)


def test_the_status_tells_an_unforeseen_error_without_its_message(quoting):
    message = quoting()[1].error_message
    assert re.fullmatch(r"Version 1 does not load: ValueError at test_versions\.py:\d+", message)


def test_the_log_tells_an_unforeseen_error_without_its_message(quoting, caplog):
    quoting()
    assert "version 1 does not load: ValueError at" in caplog.text and "患者" not in caplog.text


def test_a_version_that_is_being_copied_is_left_alone(watched, tmp_path, second_dir):
    async def test(versions):
        shutil.copytree(second_dir, tmp_path / "model" / "2", ignore=shutil.ignore_patterns("variables"))
        await versions.look(wait_for_copies=True)
        assert not versions.states
        shutil.copytree(second_dir, tmp_path / "model" / "2", dirs_exist_ok=True)
        await versions.look(wait_for_copies=True)
        assert not versions.states
        await versions.look(wait_for_copies=True)
        assert states(versions) == {2: "AVAILABLE"}

    watched(test)


def test_taking_the_newest_away_brings_the_one_before_back(watched, tmp_path, first_dir, second_dir):
    async def test(versions):
        directory = tmp_path / "model"
        shutil.copytree(first_dir, directory / "1")
        shutil.copytree(second_dir, directory / "2")
        await versions.look()
        shutil.rmtree(directory / "2")
        await versions.look()
        assert versions.find(None, "").version == 1
        shutil.rmtree(directory / "1")
        await versions.look()
        assert versions.find(None, "").version == 1  # nothing is there to take its place
        await settle(versions)

    watched(test)


def test_looking_goes_on_after_trouble(watched, tmp_path, first_dir):
    async def test(versions):
        (tmp_path / "model").rmdir()
        watch = asyncio.create_task(versions.watch(0.001))
        await asyncio.sleep(0.02)
        shutil.copytree(first_dir, tmp_path / "model" / "1")
        while versions.current is None:
            assert not watch.done()
            await asyncio.sleep(0.01)
        watch.cancel()

    watched(test)


def test_warm_up_requests_are_run(tmp_path, first_dir, stub_model):
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    shutil.copytree(first_dir, tmp_path / "1")
    log = PredictionLog()
    (tmp_path / "1" / "assets.extra").mkdir()
    for text, good in (("1", True), (stub_model.REFUSED, False)):
        log.predict_log.request.inputs["text"].CopyFrom(tf.make_tensor_proto([text]))
        with tf.io.TFRecordWriter(str(tmp_path / "1" / "assets.extra" / "tf_serving_warmup_requests")) as writer:
            writer.write(log.SerializeToString())
        if good:
            SavedModel(tmp_path / "1")
        else:
            with pytest.raises(tf.errors.InvalidArgumentError):
                SavedModel(tmp_path / "1")


def test_a_model_that_fails_on_an_empty_text_does_not_load(tmp_path):
    import tensorflow as tf

    class Picky(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
        def call(self, text):
            tf.debugging.Assert(tf.reduce_all(tf.strings.length(text) > 0), [text])
            return {"length": tf.strings.length(text)}

    model = Picky()
    tf.saved_model.save(model, str(tmp_path), signatures={"serving_default": model.call})
    with pytest.raises(tf.errors.InvalidArgumentError):
        SavedModel(tmp_path)


def test_numbers_that_the_protocols_cannot_say_are_no_versions(tmp_path):
    for name in ("1", str(2**63 - 1), str(2**63), "20261129062030123456", "١", "x"):
        (tmp_path / name).mkdir()
    assert set(versions_module._look(tmp_path)) == {1, 2**63 - 1}
