"""The JAX step takes the steps of the TensorFlow step: the same losses, the same weights."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.training.take_steps import CASES, STEPS

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DIVIDED = ["chunks", "options"]  # pairs that two devices divide, and pairs that they do not
EXACT = [case for case in CASES if case != "float16"]


@pytest.fixture(scope="module")
def steps(tiny_encoder_dir, tiny_corpus_dir, tmp_path_factory):
    """{backend: {"case/metric" or "case/weight/path": values}}; all start from the same numbers."""
    folder, running = tmp_path_factory.mktemp("steps"), {}
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    for name, environment, cases in (
        ("tensorflow", {"KERAS_BACKEND": "tensorflow"}, EXACT),
        ("jax", {"KERAS_BACKEND": "jax"}, [*CASES]),
        ("two devices", {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags}, DIVIDED),
    ):
        arguments = [str(tiny_encoder_dir), str(tiny_corpus_dir), str(folder / f"{name}.npz"), *cases]
        command = [sys.executable, "-m", "tests.training.take_steps", *arguments]
        running[name] = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | environment)
    assert {backend: process.wait() for backend, process in running.items()} == dict.fromkeys(running, 0)
    return {name: dict(np.load(folder / f"{name}.npz")) for name in running}


def of_case(steps, backend, case):
    return {name.split("/", 1)[1]: v for name, v in steps[backend].items() if name.startswith(f"{case}/")}


@pytest.mark.parametrize("case", EXACT)
def test_metrics_of_each_step(steps, case):
    found, expected = of_case(steps, "jax", case), of_case(steps, "tensorflow", case)
    assert found.keys() == expected.keys() >= {"loss", "gradient_norm", "learning_rate"}
    for name in (name for name in expected if not name.startswith(("weight/", "average/", "programs"))):
        assert len(expected[name]) == STEPS
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, err_msg=name)
    assert expected["loss"][-1] < 0.95 * expected["loss"][0]


@pytest.mark.parametrize("case", EXACT)
def test_weights_after_the_last_step(steps, case):
    found, expected = of_case(steps, "jax", case), of_case(steps, "tensorflow", case)
    for name in (name for name in expected if name.startswith(("weight/", "average/"))):
        np.testing.assert_allclose(found[name], expected[name], atol=2e-5, err_msg=name)


def test_float16_skips_overflows_and_then_learns(steps):
    """Which step is the first without overflow is a matter of rounding, so the two need not keep time."""
    found = of_case(steps, "jax", "float16")
    assert not np.isfinite(found["gradient_norm"][0]) and np.isfinite(found["gradient_norm"][-1])
    assert found["loss"][-1] < 0.95 * found["loss"][0]
    assert all(np.isfinite(value).all() for name, value in found.items() if name.startswith("weight/"))


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_averages_are_not_the_last_weights(steps, backend):
    found = of_case(steps, backend, "options")
    weights = {name: value for name, value in found.items() if name.startswith("weight/")}
    assert not any(np.array_equal(value, found[f"average/{name[7:]}"]) for name, value in weights.items())


@pytest.mark.parametrize("case", DIVIDED)
def test_two_devices_take_the_steps_of_one(steps, case):
    found, expected = of_case(steps, "two devices", case), of_case(steps, "jax", case)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5, err_msg=name)
