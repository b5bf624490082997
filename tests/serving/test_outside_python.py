"""Exports run by a C program, and by OpenVINO: other runtimes, the same answers."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from strtf.extraction.load import load_extractor
from strtf.serving.bare_run import TOKEN_OUTPUTS, answers, padded
from strtf.serving.self_check import _as_answer

SOURCE = pathlib.Path(__file__).with_name("extract.c")
OUTPUTS = (
    "entity_start", "entity_end", "entity_type", "entity_count",
    "relation_head", "relation_tail", "relation_type", "relation_count",
)  # fmt: skip


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The C program, built against the library and headers of TensorFlow's wheel."""
    compiler, library = shutil.which("gcc"), pathlib.Path(tf.sysconfig.get_lib())
    if compiler is None or not (library / "libtensorflow_cc.so.2").exists():
        pytest.skip("needs gcc and TensorFlow's shared library")
    built = tmp_path_factory.mktemp("c") / "extract"
    libraries = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", f"-Wl,-rpath,{library}"]
    places = [f"-I{tf.sysconfig.get_include()}", f"-L{library}"]
    done = subprocess.run(
        [compiler, "-Wall", "-Wno-unknown-pragmas", "-o", built, SOURCE, *places, *libraries],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return built


def tensor_names(target):
    model = saved_model_pb2.SavedModel.FromString((target / "saved_model.pb").read_bytes())
    signature = model.meta_graphs[0].signature_def["serving_default"]
    return [signature.inputs["text"].name, *(signature.outputs[name].name for name in OUTPUTS)]


def test_a_c_program_gives_the_same_triples(exported, program, documents):
    target, run_dir, _ = exported
    text = max(documents, key=len)
    wanted = _as_answer(load_extractor(run_dir).extract([text])[0])
    lines = [f"{a} {b} {t}" for kind in ("entities", "relations") for a, b, t, _ in wanted[kind]]
    done = subprocess.run(
        [program, target, *tensor_names(target)], input=text.encode(), capture_output=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    assert len(wanted["relations"]) > 5
    assert done.stdout.decode().splitlines() == lines


@pytest.fixture(scope="module")
def openvino_model(exported):
    openvino = pytest.importorskip("openvino")
    loaded = tf.saved_model.load(str(exported[0]))  # a name of its own: the signature alone does not keep the weights
    # by default OpenVINO reads TensorFlow's memory, which is gone once `loaded` is: then it now and then tagged nothing
    converted = openvino.convert_model(loaded.signatures["token_ids"], share_weights=False)
    return openvino.Core().compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@pytest.mark.parametrize("chosen", [slice(0, 3), slice(3, 4), slice(5, 9)], ids=["several", "empty text", "ragged"])
def test_openvino_gives_the_same_labels(exported, openvino_model, documents, chosen):
    target, run_dir, _ = exported
    featurizer = load_extractor(run_dir).featurizer
    texts = [featurizer.tokenize(text) for text in documents[chosen]]
    ids, lengths = padded([featurizer.window_ids(text, text.windows[0]).tolist() for text in texts])
    found = openvino_model({"token_ids": ids, "lengths": lengths})
    found = {next(iter(output.get_names())): value for output, value in found.items()}
    loaded = tf.saved_model.load(str(target))
    wanted = loaded.signatures["token_ids"](token_ids=tf.constant(ids), lengths=tf.constant(lengths))
    wanted = {name: value.numpy() for name, value in wanted.items()}
    np.testing.assert_array_equal(found["tags"], wanted["tags"])
    for ours, theirs in zip(answers(found, TOKEN_OUTPUTS), answers(wanted, TOKEN_OUTPUTS), strict=True):
        for kind in ("entities", "relations"):
            assert [item[:-1] for item in ours[kind]] == [item[:-1] for item in theirs[kind]]
            np.testing.assert_allclose([i[-1] for i in ours[kind]], [i[-1] for i in theirs[kind]], rtol=0, atol=1e-4)
