"""Keeps TensorFlow's start-up chatter off the terminal.

TensorFlow's libraries write some lines (oneDNN, missing CUDA, CPU features) straight to file descriptor 2 before any
logging level holds. They are held back while it starts, and shown after all if starting fails.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def start_backend() -> None:
    """Imports Keras' backend and initialises its devices, quietly."""
    # 3, not 2: on processors without AVX-512, oneDNN calls its normal way an error. Real errors are raised.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with held_back_stderr():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_logical_devices()


@contextlib.contextmanager
def held_back_stderr() -> Iterator[None]:
    """Holds back what is written to file descriptor 2; writes it out only if the block raises."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            if failed:
                held.seek(0)
                os.write(2, held.read())
