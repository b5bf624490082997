"""Starts Keras' backend, and keeps its start-up chatter off the terminal.

The libraries write some lines (oneDNN, missing CUDA, CPU features) straight to file descriptor 2 before any
logging level holds. They are held back while it starts, and shown after all if starting fails.
"""

import contextlib
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator

from strtf.errors import StrtfError

BACKENDS = ("tensorflow", "jax")


def start_tensorflow() -> None:
    """Imports TensorFlow, whatever Keras' backend is, and initialises its devices, quietly."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with held_back_stderr():
        import tensorflow as tf

        tf.config.list_logical_devices()


def start_backend(intra_op_threads: int = 0, inter_op_threads: int = 0) -> None:
    """Imports Keras' backend and initialises its devices, quietly.

    On an accelerator JAX keeps its programs for the next process, unless the environment names a place for them.

    Args:
        intra_op_threads, inter_op_threads: see `MachineOptions`.

    Raises:
        StrtfError: a backend other than TensorFlow and JAX, or one that is not installed; threads for JAX.
    """
    # 3, not 2: on processors without AVX-512, oneDNN calls its normal way an error. Real errors are raised.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with held_back_stderr():
        name = _backend()
        if name == "tensorflow":
            import tensorflow as tf

            if intra_op_threads:
                tf.config.threading.set_intra_op_parallelism_threads(intra_op_threads)
            if inter_op_threads:
                tf.config.threading.set_inter_op_parallelism_threads(inter_op_threads)
            tf.config.list_logical_devices()
        else:
            import jax

            if intra_op_threads or inter_op_threads:
                raise StrtfError(
                    "--intra_op_threads and --inter_op_threads must be 0 on JAX. Received: another number."
                )
            jax.devices()
            if jax.default_backend() != "cpu" and not jax.config.jax_compilation_cache_dir:
                jax.config.update("jax_compilation_cache_dir", str(program_cache()))
                jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)


def program_cache() -> pathlib.Path:
    """Directory of compiled programs for the next process; the user's own, because it holds code that will be run."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (pathlib.Path(root) if root else pathlib.Path.home() / ".cache") / "strtf" / "programs"


def _backend() -> str:
    try:
        import keras
    except ImportError as error:
        raise StrtfError(
            f"Keras' backend must be installed. Received: {os.environ.get('KERAS_BACKEND', 'tensorflow')} ({error}). "
            "Install it, or name the other: KERAS_BACKEND=tensorflow or jax."
        ) from error
    if keras.backend.backend() not in BACKENDS:
        raise StrtfError(f"KERAS_BACKEND must be {' or '.join(BACKENDS)}. Received: {keras.backend.backend()}.")
    return keras.backend.backend()


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
