"""TensorBoard: scalars of steps and epochs."""

import tensorflow as tf


class Summaries:
    """Writes scalars under a directory; use as a context manager."""

    def __init__(self, directory):
        self._writer = tf.summary.create_file_writer(str(directory))

    def write(self, step: int, scalars: dict[str, float], prefix: str) -> None:
        with self._writer.as_default():
            for name, value in scalars.items():
                tf.summary.scalar(f"{prefix}/{name}", value, step=step)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._writer.close()
