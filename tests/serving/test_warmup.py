"""Warm-up requests, read by TensorFlow Serving's own messages."""

import pytest
import tensorflow as tf

from strtf.serving.warmup import example_batches, write_warmup

TEXTS = ["左前降支", "", "狭窄" * 100]


def test_the_messages_are_tensorflow_serving_s(tmp_path):
    log = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    write_warmup(tmp_path / "requests", [TEXTS[:1], TEXTS], "serving_default", "reports")
    records = [r.numpy() for r in tf.data.TFRecordDataset(str(tmp_path / "requests"))]
    found = [log.PredictionLog.FromString(record).predict_log.request for record in records]
    assert [request.model_spec.name for request in found] == ["reports", "reports"]
    assert [request.model_spec.signature_name for request in found] == ["serving_default"] * 2
    assert [list(request.inputs) for request in found] == [["text"]] * 2
    texts = [tf.make_ndarray(request.inputs["text"]).tolist() for request in found]
    assert texts == [[TEXTS[0].encode()], [text.encode() for text in TEXTS]]
    assert all(log.PredictionLog.FromString(r).SerializeToString() == r for r in records)  # no unknown fields


@pytest.mark.parametrize("max_tokens", [8, 48, 510])
def test_examples_are_of_one_window_and_of_two(max_tokens):
    assert max(len(text) for batch in example_batches(max_tokens) for text in batch[2:]) == max_tokens + 1
