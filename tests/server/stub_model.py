"""A SavedModel with the exported signature that finds by rule: runs of digits, related to the next run."""

import pathlib

import tensorflow as tf

REFUSED = "☠"  # a text with it makes the model fail, with the text in the message
WAIT = "⏳"  # a text of it and a path is not answered before that file exists


class DigitModel(tf.Module):
    """Entities are runs of digits, `Number`, of probability 1/length; each is related to the next, `Next`. A "·" counts
    as a digit and is a `Point` of its own within the number; points are listed behind the numbers.

    Args:
        probability: of every relation, so that versions can be told apart.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = tf.Variable(probability)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def extract(self, text):
        tf.debugging.Assert(~tf.reduce_any(tf.strings.regex_full_match(text, f".*{REFUSED}.*")), [text])
        codes = tf.strings.unicode_decode(text, "UTF-8").to_tensor(default_value=0)  # [B, L]
        waited = _wait_for(tf.boolean_mask(text, tf.strings.regex_full_match(text, f"{WAIT}.*")))
        point = codes == ord("·")
        digit = tf.pad((codes >= ord("0")) & (codes <= ord("9")) | point, [[0, 0], [1, 1]])  # [B, L + 2]
        start = _columns(digit[:, 1:] & ~digit[:, :-1])  # ragged [B, E]
        end, point = _columns(digit[:, :-1] & ~digit[:, 1:]), _columns(point)
        head = tf.ragged.range(tf.maximum(start.row_lengths() - 1, 0))  # ragged [B, R]
        kinds = [tf.ragged.map_flat_values(lambda v, kind=kind: tf.fill(tf.shape(v), kind), of) for kind, of in
                 (("Number", start), ("Point", point))]  # fmt: skip
        start, end = tf.concat([start, point], axis=1), tf.concat([end, point + 1], axis=1)
        probability = tf.fill(tf.shape(head.flat_values), self.probability + 0.0 * waited)
        return {
            "entity_start": start.to_tensor(-1),
            "entity_end": end.to_tensor(-1),
            "entity_type": tf.concat(kinds, axis=1).to_tensor(""),
            "entity_probability": (1.0 / tf.cast(end - start, tf.float32)).to_tensor(0.0),
            "entity_count": tf.cast(start.row_lengths(), tf.int32),
            "relation_head": tf.cast(head, tf.int32).to_tensor(-1),
            "relation_tail": tf.cast(head + 1, tf.int32).to_tensor(-1),
            "relation_type": head.with_flat_values(tf.fill(tf.shape(head.flat_values), "Next")).to_tensor(""),
            "relation_probability": head.with_flat_values(probability).to_tensor(0.0),
            "relation_count": tf.cast(head.row_lengths(), tf.int32),
        }


def _columns(mask):
    """Where a [B, L] mask is true, row by row: int32, ragged."""
    where = tf.cast(tf.where(mask), tf.int32)
    return tf.RaggedTensor.from_value_rowids(where[:, 1], where[:, 0], nrows=tf.shape(mask)[0])


def _wait_for(texts):
    """0, once all the files exist."""
    paths = tf.strings.regex_replace(texts, WAIT, "")
    found = tf.while_loop(
        lambda found: found < tf.size(paths), lambda _: (tf.size(tf.io.matching_files(paths)),), [tf.constant(-1)]
    )
    return tf.cast(found[0], tf.float32) * 0.0


class TwoInputs(tf.Module):
    """Named inputs of several types, one output of bytes: what the exported model has not."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, 2], tf.float32, "points"), tf.TensorSpec([None], tf.int64, "scale")]
    )
    def scaled(self, points, scale):
        scaled = points * tf.cast(scale, tf.float32)[:, None]
        return {
            "scaled": scaled,
            "raw_bytes": tf.strings.join([tf.fill(tf.shape(scale), b"\xff"), tf.as_string(scale)]),
        }

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32, "vector")])
    def total(self, vector):
        return {"total": tf.reduce_sum(vector)}


def save_version(directory: pathlib.Path, version: int, probability: float) -> None:
    model = DigitModel(probability)
    tf.saved_model.save(model, str(directory / str(version)), signatures={"serving_default": model.extract})


def save_two_inputs(directory: pathlib.Path) -> None:
    model = TwoInputs()
    signatures = {"serving_default": model.scaled, "total": model.total}
    tf.saved_model.save(model, str(directory / "1"), signatures=signatures)
