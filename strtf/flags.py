"""Command line flags from the fields of `config.py`, and the frame around every entry."""

import enum
import os
import re
import sys
from collections.abc import Callable, Collection
from typing import NoReturn

from absl import app, flags

from strtf.config import (
    DataOptions,
    Experiment,
    MachineOptions,
    ModelOptions,
    Options,
    TrainingOptions,
    from_values,
    option_fields,
)
from strtf.errors import StrtfError
from strtf.quiet import start_backend

GROUPS = {"data": DataOptions, "model": ModelOptions, "training": TrainingOptions}
# What may be chosen anew for a trained run, and which corpus it is held to.
COMPUTING_OPTIONS = ("rc_compute", "rc_memory_mb")  # the answers are the same
EXTRACTION_OPTIONS = (
    "max_tokens", "window_overlap", "legal_decoding", "pair_filter", "pair_scope", "min_probability", "precision",
    *COMPUTING_OPTIONS,
)  # fmt: skip
CORPUS_OPTIONS = ("data_dir", "train_data", "dev_data", "test_data")
TABLE_OPTIONS = (*CORPUS_OPTIONS, "subsample_seed")  # the seed divides a file that is all there is
DECISION_OPTIONS = ("calibrate", "tune_threshold", "tune_entity_threshold", "threshold_by")
_REQUIRED = re.compile(r"flag --(\w+)=None: Flag --\w+ must have a value other than None")
_NO_TEXT = re.compile(r"\W*[!-~]*")  # one word in ASCII


def define_options(
    *groups: type[Options], flag_values: flags.FlagValues = flags.FLAGS, listed: Collection[str] | None = None,
    names: Collection[str] | None = None,
) -> None:  # fmt: skip
    """One flag per field; defaults, bounds and help come from the field.

    Args:
        listed: names that --help shows, --helpfull shows all; None: all of them.
        names: fields that get a flag; None: all of them.
    """
    for group in groups:
        for field in option_fields(group):
            if names is not None and field.name not in names:
                continue
            _define(field, module_name=group.__module__, flag_values=flag_values)
            if listed is None or field.name in listed:
                list_in_help(field.name, flag_values)


def define_run_options(*listed: str) -> None:
    """The options of a trained run, so that its training's flag file is understood too.

    Args:
        listed: those that --help shows, beside those of the machine.
    """
    machine = [field.name for field in option_fields(MachineOptions)]
    define_options(MachineOptions, *GROUPS.values(), listed={*machine, *listed})


def define_run_dir(help: str) -> None:
    flags.DEFINE_string("run_dir", None, help, required=True)
    list_in_help("run_dir")


def define_training_only() -> None:
    """What a training's flag file may hold beside its options, for an entry that takes such files; not in --help."""
    define_options(MachineOptions, listed=())
    flags.DEFINE_string("run_dir", None, "Of strtf.train; nothing is read or written there.")
    flags.DEFINE_boolean("resume", False, "Of strtf.train; nothing is resumed.")


def list_in_help(name: str, flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """absl's --help lists what the entry's own file defines, and the rest as its key flags."""
    flag_values.register_key_flag_for_module(sys.argv[0], flag_values[name])


def experiment_from_flags(flag_values: flags.FlagValues = flags.FLAGS) -> Experiment:
    """The experiment that all flags together describe."""
    return Experiment(**{name: options_from_flags(group, flag_values) for name, group in GROUPS.items()})


def options_from_flags(group: type[Options], flag_values: flags.FlagValues = flags.FLAGS) -> Options:
    """A group from its flags; a field that the entry has no flag for has its default."""
    names = [field.name for field in option_fields(group) if field.name in flag_values]
    return from_values(group, {name: flag_values[name].value for name in names})


def parse_experiment(arguments: list[str]) -> Experiment:
    """The experiment that `python -m strtf.train` would train with these options, flag files among them.

    Raises:
        StrtfError: a flag file that is missing, flags that are no options, values that they cannot have.
    """
    values = flags.FlagValues()
    define_options(*GROUPS.values(), flag_values=values)
    _parse_flags(values, ["strtf.train", *arguments])
    return experiment_from_flags(values)


def given_options() -> dict[str, dict]:
    """The options named on the command line or in a flag file, by group: what a user wants other than the run's."""
    return {
        name: {
            field.name: flags.FLAGS[field.name].value
            for field in option_fields(group)
            if field.name in flags.FLAGS and flags.FLAGS[field.name].present
        }
        for name, group in GROUPS.items()
    }


def run(main: Callable[[], None], backend: bool = True) -> None:
    """Parses flags and calls `main`; a user's mistake is one line on standard error and exit code 1.

    Args:
        backend: start Keras' backend first. Off for entries that compute nothing with it: they answer at once.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by the shell
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 ends no run
    app.run(lambda _: _guarded(main, backend), flags_parser=_parse)


def _parse(arguments: list[str]) -> list[str]:
    try:
        return _parse_flags(flags.FLAGS, arguments)
    except StrtfError as error:
        sys.exit(f"error: {error}")
    except SystemExit:  # of --help, whose exit code absl has as 1
        sys.exit(0)
    except BrokenPipeError:  # of --help
        _stop_writing()


def _stop_writing() -> NoReturn:
    """Ends the process once the reader of its output has gone, without a word about what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def _parse_flags(flag_values: flags.FlagValues, arguments: list[str]) -> list[str]:
    try:
        rest = flag_values(arguments)
    except (flags.Error, UnicodeDecodeError) as error:
        message = str(error).removeprefix("ERROR:: ") if isinstance(error, flags.Error) else "--flagfile must be UTF-8"
        message = _REQUIRED.sub(r"--\1 must be given", message)
        raise StrtfError(f"{_one_line(message).rstrip(' .')}. --help lists the flags.") from error
    if len(rest) > 1:
        # more than one word, or other than ASCII, may be a patient's text
        is_word = len(rest) == 2 and _NO_TEXT.fullmatch(rest[1])
        received = _one_line(rest[1]) if is_word else f"{len(rest) - 1} that are none"
        raise StrtfError(f"Arguments must be flags, --name=value. Received: {received}.")
    return rest


def _guarded(main: Callable[[], None], backend: bool = True) -> None:
    try:
        if backend:
            start_backend(**_machine_options())
        main()
    except StrtfError as error:
        sys.exit(f"error: {_one_line(error)}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        _stop_writing()
    except MemoryError as error:
        sys.exit(f"error: The memory must be enough. Received: {_one_line(error) or 'too little'}. Lower --batch_size.")
    except OSError as error:  # a directory that is missing or not writable, a full disk
        sys.exit(f"error: {error.filename or 'A file'} must be accessible. Received: {error.strerror or error}.")


def _machine_options() -> dict[str, int]:
    """Those that the entry has flags for, once these are parsed."""
    names = [field.name for field in option_fields(MachineOptions) if field.name in flags.FLAGS]
    return {name: flags.FLAGS[name].value for name in names}


def _one_line(message) -> str:
    """A message whatever stands in the names and paths that it quotes."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(message))


def _define(field, **where) -> None:
    default, text, meta = field.default, field.metadata["help"], field.metadata
    bounds = {"lower_bound": meta["low"], "upper_bound": meta["high"]}
    if isinstance(default, enum.StrEnum):
        flags.DEFINE_enum(field.name, default.value, [c.value for c in type(default)], text, **where)
    elif isinstance(default, bool):
        flags.DEFINE_boolean(field.name, default, text, **where)
    elif isinstance(default, int):
        flags.DEFINE_integer(field.name, default, text, **bounds, **where)
    elif isinstance(default, float):
        flags.DEFINE_float(field.name, default, text, **bounds, **where)
    else:
        flags.DEFINE_string(field.name, default, text, **where)
