"""Runs an exported model with TensorFlow alone: python -I bare_run.py MODEL_DIR INPUTS.json OUTPUTS.json

Everything an export promises must hold without this package, so this file is run as a script of its own and imports
nothing of it. INPUTS: {"texts": [batch of texts, …], "token_ids": [{input of the signature: batch of lists}, …]};
OUTPUTS: for each the answers in one list, {"entities": [[first, last, type, probability], …], "relations": [[i, j,
type, probability], …]}, types being names for texts and numbers for token ids.
"""

import json
import sys

import numpy as np
import tensorflow as tf

TEXT_OUTPUTS = ("entity", ("start", "end", "type", "probability"), "relation", ("head", "tail", "type", "probability"))
TOKEN_OUTPUTS = ("span", ("first", "last", "type", "probability"), "pair", ("first", "second", "label", "probability"))


def answers(outputs: dict, names=TEXT_OUTPUTS) -> list[dict]:
    """The answer for each row of padded outputs (arrays, or tensors that become some)."""
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    item, item_columns, link, link_columns = names
    return [
        {"entities": _rows(outputs, item, item_columns, row), "relations": _rows(outputs, link, link_columns, row)}
        for row in range(len(outputs[f"{item}_count"]))
    ]


def _rows(outputs, prefix, columns, row):
    count = outputs[f"{prefix}_count"][row]
    values = [outputs[f"{prefix}_{column}"][row, :count].tolist() for column in columns]
    return [[v.decode() if isinstance(v, bytes) else v for v in item] for item in zip(*values, strict=True)]


def padded(lists: list[list[int]]):
    """The lists as int32 [B, T], and their lengths int32 [B]."""
    lengths = np.array([len(values) for values in lists], np.int32)
    array = np.zeros((len(lengths), max(lengths, default=2)), np.int32)
    for row, values in zip(array, lists, strict=True):
        row[: len(values)] = values
    return array, lengths


def main(model_dir: str, inputs_path: str, outputs_path: str) -> None:
    with open(inputs_path, encoding="utf-8") as file:
        inputs = json.load(file)
    signatures = tf.saved_model.load(model_dir).signatures
    found = {"texts": [], "token_ids": []}
    for texts in inputs["texts"]:
        text = tf.constant([t.encode() for t in texts], tf.string)
        found["texts"] += answers(signatures["serving_default"](text=text))
    for lists in inputs["token_ids"]:
        columns = {name: tf.constant(padded(rows)[0]) for name, rows in lists.items()}
        columns["lengths"] = tf.constant(padded(lists["token_ids"])[1])
        found["token_ids"] += answers(signatures["token_ids"](**columns), TOKEN_OUTPUTS)
    with open(outputs_path, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
