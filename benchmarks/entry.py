"""The frame around every command: common flags, backend and cores chosen before Keras is imported, table and JSON.

Modules with a command keep Keras out of their top level, because only here the flag says which backend it is to have.
"""

import contextlib
import logging
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import flags

from strtf.config import Precision
from strtf.errors import StrtfError
from strtf.flags import list_in_help
from strtf.flags import run as run_main
from strtf.run_dir import check_writable

BACKENDS = ("tensorflow", "jax")
COMMON = ("backend", "threads", "precision", "json", "seconds", "repeats")


def run(define_flags: Callable, measure: Callable, columns: Sequence[str] = ()) -> None:
    """Runs a command.

    Args:
        define_flags: defines the command's own flags in the `flags.FlagValues` it is given.
        measure: (flag values, MatrixPeak) -> rows, a list of flat dicts.
        columns: what the printed table shows; all when empty. The JSON file has all in any case.
    """
    define_common(flags.FLAGS)
    define_flags(flags.FLAGS)
    prepare(flags.FLAGS, sys.argv)
    run_main(lambda: _measure_and_report(flags.FLAGS, measure, columns))


def define_common(values: flags.FlagValues) -> None:
    """The flags of every command, listed by its --help."""
    default = os.environ.get("KERAS_BACKEND", BACKENDS[0])
    flags.DEFINE_enum("backend", default, BACKENDS, "Backend of Keras.", flag_values=values)
    flags.DEFINE_integer("threads", 0, "Cores to use (0: all).", lower_bound=0, flag_values=values)
    precisions = [precision.value for precision in Precision]
    flags.DEFINE_enum("precision", "float32", precisions, "Arithmetic of the blocks.", flag_values=values)
    flags.DEFINE_string("json", "", "File to write header and rows to.", flag_values=values)
    flags.DEFINE_float(
        "seconds", 0.5, "Time to spend on repeats of each side of a comparison.", lower_bound=0, flag_values=values
    )
    flags.DEFINE_integer("repeats", 3, "Repeats at least, however slow.", lower_bound=1, flag_values=values)
    for name in COMMON:
        list_in_help(name, values)


def prepare(values: flags.FlagValues, arguments: list[str]) -> None:
    """Sets what must be set before Keras starts. Mistaken flags are left to the real parsing, which reports them."""
    with contextlib.suppress(flags.Error):
        values(arguments)
        os.environ["KERAS_BACKEND"] = values.backend
        # thread pools of TensorFlow and XLA alike count the cores that the process may use
        if values.threads and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: values.threads])


def _measure_and_report(values: flags.FlagValues, measure: Callable, columns: Sequence[str]) -> None:
    if values.json:
        check_writable(values.json)  # before the work, not after it
    # TensorFlow takes programs made of one function for retraces of it, and warns
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from benchmarks.peak import MatrixPeak
    from benchmarks.report import header, tables, write

    peak = MatrixPeak(values.precision)
    peak.measure()
    rows = measure(values, peak)
    peak.measure()
    facts = header(peak, values.precision)
    print("\n\n".join(tables(rows, columns)))
    print(f"\nBest large matrix product: {peak.gflops:.0f} GFLOP/s on {facts['device']}, {facts['cores']} cores.")
    if values.json:
        write(pathlib.Path(values.json), facts, rows)


def number_list(name: str, texts: list[str]) -> list[int]:
    """A list flag's numbers."""
    try:
        numbers = [int(text) for text in texts]
    except ValueError:
        numbers = [0]
    if not numbers or min(numbers) < 1:
        raise StrtfError(f"--{name} must be whole numbers of at least 1, with commas. Received: {','.join(texts)}.")
    return numbers


def choice_list(name: str, texts: list[str], choices) -> list[str]:
    """A list flag's names, each among the choices."""
    if not texts or not set(texts) <= set(choices):
        raise StrtfError(f"--{name} must be among {', '.join(choices)}. Received: {','.join(texts)}.")
    return texts
