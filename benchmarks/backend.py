"""What differs between Keras' backends when something is timed: waiting, placing arrays on the device."""

import keras


def on_device(tree):
    """Nested arrays as the backend's tensors, so that no call has to copy them again."""
    return keras.tree.map_structure(keras.ops.convert_to_tensor, tree)


def wait(result) -> None:
    """Returns when a result is there: accelerators compute behind the caller's back."""
    if keras.backend.backend() == "jax":
        import jax

        jax.block_until_ready(result)
    else:
        import tensorflow as tf

        tf.test.experimental.sync_devices()


def device_name() -> str:
    """The accelerator, or "CPU"."""
    if keras.backend.backend() == "jax":
        import jax

        device = jax.devices()[0]
        return "CPU" if device.platform == "cpu" else device.device_kind
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"
