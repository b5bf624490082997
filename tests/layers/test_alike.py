"""Layers in turn: on this backend one by one, on JAX in a loop that computes the same."""

import os
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def test_layers_are_called_in_order():
    from strtf.layers.alike import apply_in_turn

    assert apply_in_turn([2, 3, 4], "1", lambda layer, rows: f"{rows}{layer}") == "1234"
    assert apply_in_turn([], "1", None) == "1"


def test_a_loop_draws_the_same_dropout_and_leaves_the_same_seeds():
    command = [sys.executable, "-m", "tests.layers.alike_on_jax"]
    subprocess.run(command, cwd=REPOSITORY, check=True, env=os.environ | {"KERAS_BACKEND": "jax"})
