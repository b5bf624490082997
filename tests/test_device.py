"""What a record says of the device."""

import os
import sys
import types

import keras
import pytest

from strtf import device


def test_a_processor_is_named_with_its_cores(monkeypatch):
    monkeypatch.setattr(device, "_accelerator", lambda backend: None)
    described = device.describe_device()
    assert described["backend"] == keras.backend.backend()
    cores, name = described["device"].split(" cores, ")
    assert int(cores) == os.cpu_count() and name.strip()


@pytest.mark.parametrize(("platform", "name"), [("gpu", "NVIDIA H100"), ("cpu", None)])
def test_the_accelerator_of_jax(monkeypatch, platform, name):
    found = types.SimpleNamespace(platform=platform, device_kind="NVIDIA H100")
    monkeypatch.setitem(sys.modules, "jax", types.SimpleNamespace(devices=lambda: [found]))
    assert device._accelerator("jax") == name


def test_the_accelerator_of_tensorflow(monkeypatch):
    import tensorflow as tf

    gpu = types.SimpleNamespace(name="/physical_device:GPU:0")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [gpu] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda found: {"device_name": "NVIDIA H100"})
    assert device._accelerator("tensorflow") == "NVIDIA H100"
