"""What a run computes on: Keras' backend and the device's name."""

import os
import pathlib
import platform
import re

import keras


def describe_device() -> dict[str, str]:
    """{"backend": Keras' backend, "device": the accelerator's name, or the processor's with the cores there are}."""
    backend = keras.backend.backend()
    return {"backend": backend, "device": _accelerator(backend) or _processor()}


def has_accelerator() -> bool:
    """Whether Keras' backend computes on something other than the processor."""
    return _accelerator(keras.backend.backend()) is not None


def on_jax_accelerator() -> bool:
    """Whether JAX computes on an accelerator, for which some layers have a form with fewer and larger kernels."""
    return keras.backend.backend() == "jax" and has_accelerator()


def _accelerator(backend: str) -> str | None:
    if backend == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            return tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else device.device_kind
    return None


def _processor() -> str:
    return f"{os.cpu_count()} cores, {_processor_name()}"


def _processor_name() -> str:
    try:  # Linux; `platform` says no more than the architecture there
        names = re.findall(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
