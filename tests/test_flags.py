"""Command line flags mirror the options, and mistakes of the command line are one line."""

import enum
import os
import pathlib
import re
import subprocess
import sys

import pytest
from absl import flags
from absl.testing import flagsaver

import strtf.train  # noqa: F401 (defines the flags)
from strtf import flags as our_flags
from strtf.config import Experiment, RcMask, Tasks, option_fields
from strtf.errors import StrtfError

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
FIELDS = [(group, field) for group, options in our_flags.GROUPS.items() for field in option_fields(options)]
IDS = [field.name for _, field in FIELDS]


@pytest.fixture
def parse():
    """parse("--epochs=3", …): sets the flags of `strtf.train` until the test ends."""
    with flagsaver.flagsaver():
        flags.FLAGS.unparse_flags()
        yield lambda *arguments: our_flags._parse(["train", "--run_dir=x", *arguments])


@pytest.mark.parametrize(("group", "field"), FIELDS, ids=IDS)
def test_each_option_is_a_flag_with_its_default_and_help(group, field):
    flag = flags.FLAGS[field.name]
    assert flag.default == field.default
    choices = f"<{'|'.join(flag.parser.enum_values)}>: " if isinstance(field.default, enum.Enum) else ""
    assert flag.help == choices + field.metadata["help"]


@pytest.mark.parametrize(("group", "field"), FIELDS, ids=IDS)
def test_each_flag_reaches_the_experiment(group, field, parse):
    value = another_value(field)
    parse(f"--{field.name}={value}")
    assert getattr(getattr(our_flags.experiment_from_flags(), group), field.name) == type(field.default)(value)


def another_value(field):
    if isinstance(field.default, bool):
        return not field.default
    if isinstance(field.default, enum.Enum):
        # the next: spert has both tasks as the default has; the last systems have one, which --tasks must name
        return next(value for value in type(field.default) if value is not field.default)
    if isinstance(field.default, int):
        return field.default + 1
    if isinstance(field.default, float):
        return field.default + min(0.5, ((field.metadata["high"] or 1.0) - field.default) / 2)
    return "somewhere"


def test_no_flags_are_the_default_experiment(parse):
    parse()
    assert our_flags.experiment_from_flags() == Experiment()


def test_names_of_options_are_unique():
    assert len(set(IDS)) == len(IDS)


def test_only_given_options_override(parse):
    parse("--rc_mask=cls_focused", "--epochs=10")
    assert our_flags.given_options() == {
        "data": {},
        "model": {"rc_mask": "cls_focused"},
        "training": {"epochs": 10},  # given, though it is the default
    }


def test_a_flag_file(parse, tmp_path):
    (tmp_path / "exp.flags").write_text("# a comment\n--tasks=ner\n--epochs=3\n\n--rc_mask=cls_focused\n")
    parse(f"--flagfile={tmp_path / 'exp.flags'}", "--epochs=5")
    experiment = our_flags.experiment_from_flags()
    assert (experiment.model.tasks, experiment.model.rc_mask) == (Tasks.NER, RcMask.CLS_FOCUSED)
    assert experiment.training.epochs == 5


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--rc_mask=both", "cls_focused|pair_focused"),
        ("--epochs=many", "many"),
        ("--dropout=2", "2"),
        ("--epoch=3", "epochs"),
        ("--run_dir", "run_dir"),
        ("corpus.jsonl", "corpus.jsonl"),
    ],
)
def test_mistakes_are_one_line(parse, argument, named):
    with pytest.raises(SystemExit) as caught:
        parse(argument)
    assert caught.value.code.startswith("error: ")
    assert named in caught.value.code
    assert "\n" not in caught.value.code


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Unable to open flagfile: [Errno 2] No such file or directory"),
        (b"--epochs=3\n\xff\xfe", "--flagfile must be UTF-8"),
        (b"epochs=3\n", "Arguments must be flags, --name=value. Received: epochs=3"),
        ("\ufeff--epochs=3\n".encode(), "Arguments must be flags, --name=value. Received: \\ufeff--epochs=3"),
    ],
)
def test_mistakes_of_a_flag_file_are_one_line(parse, tmp_path, content, message):
    path = tmp_path / "exp.flags"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as caught:
        parse(f"--flagfile={path}")
    assert caught.value.code.startswith(f"error: {message}") and "\n" not in caught.value.code


def test_an_experiment_from_arguments_leaves_the_flags_alone(parse, tmp_path):
    (tmp_path / "inner.flags").write_text("--epochs=3\n--batch_size=5\n")
    (tmp_path / "outer.flags").write_text(f"--flagfile={tmp_path / 'inner.flags'}\n--epochs=4\n")
    parse("--epochs=7")
    experiment = our_flags.parse_experiment([f"--flagfile={tmp_path / 'outer.flags'}", "--norc_distance"])
    assert (experiment.training.epochs, experiment.training.batch_size) == (4, 5)
    assert our_flags.experiment_from_flags().training.epochs == 7


@pytest.mark.parametrize("argument", ["--epoch=3", "--epochs=0", "--flagfile=none.flags", "--run_dir=x", "epochs"])
def test_mistakes_in_arguments_of_an_experiment(argument):
    with pytest.raises(StrtfError):
        our_flags.parse_experiment([argument])


def test_entries_that_compute_nothing_start_no_backend(monkeypatch):
    monkeypatch.setattr(our_flags, "start_backend", lambda: pytest.fail("started"))
    our_flags._guarded(lambda: None, backend=False)


def test_the_run_directory_is_required():
    with flagsaver.flagsaver():
        flags.FLAGS.unparse_flags()
        with pytest.raises(SystemExit, match="run_dir"):
            our_flags._parse(["train"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StrtfError("x must be y. Received: z."), "error: x must be y. Received: z."),
        (FileNotFoundError(2, "No such file or directory", "a/b"),
         "error: a/b must be accessible. Received: No such file or directory."),
        (StrtfError("type 'a\nb\x1b' must be known."), "error: type 'a\\nb\\x1b' must be known."),
        (MemoryError("63 GiB"), "error: The memory must be enough. Received: 63 GiB. Lower --batch_size."),
        (OSError("disk"), "error: A file must be accessible. Received: disk."),
        (KeyboardInterrupt(), 130),
    ],
)  # fmt: skip
def test_what_a_user_can_mend_ends_without_a_traceback(error, code):
    def main():
        raise error

    with pytest.raises(SystemExit) as caught:
        our_flags._guarded(main)
    assert caught.value.code == code


def test_other_errors_keep_their_traceback():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        our_flags._guarded(main)


@pytest.mark.parametrize("entry", ["train", "evaluate", "predict", "tables", "check"])
def test_flags_are_read_without_tensorflow(entry):
    """So that --help and typing mistakes answer at once."""
    code = f"import sys, strtf.{entry}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--run_dir=runs/none-such"], "--run_dir must hold a run of `python -m strtf.train`"),
        (["train", "--run_dir=runs/none-such", "--train_data=none.jsonl"], "none.jsonl:1: the file must be readable"),
        (["train", "--run_dir=runs/none-such", "--tasks=all"], "joint|ner|rc"),
        (["tables", "--runs=runs/none-such"], "--runs must be a directory of results. Received: 'runs/none-such'"),
        (["tables", "--data_dir=angiography", "--output=none-such/x"], "must be a file that can be written"),
    ],
)
def test_a_process_ends_with_one_line_and_code_1(arguments, message):
    command = [sys.executable, "-m", f"strtf.{arguments[0]}", *arguments[1:]]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""
    assert not (REPOSITORY / "runs" / "none-such").exists()


@pytest.mark.parametrize(
    ("entry", "listed"),
    [
        ("train", {"run_dir", "resume", *IDS}),
        ("evaluate", {"run_dir", "split", "json", "test_data"}),
        ("tune", {"run_dir", "dev_data"}),
        ("predict", {"run_dir", "input", "output", "format", "rc_memory_mb", "resume", "rejects", "intra_op_threads"}),
        ("check", {"data_dir", "tag_layers", "pair_scope", "doubts"}),
        ("tables", {"runs", "format", "figure", "learning_curves", "output", "data_dir"}),
    ],
)
def test_help_lists_the_flags(entry, listed):
    assert listed_by(f"strtf.{entry}") >= listed


def listed_by(module):
    command = [sys.executable, "-m", module, "--help"]
    shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60).stdout
    return set(re.findall(r"^  --(?:\[no\])?(\w+):", shown, re.MULTILINE))


def test_tables_have_no_flag_that_they_ignore():
    options = set(IDS) & listed_by("strtf.tables")
    assert options == {"data_dir", "train_data", "dev_data", "test_data", "subsample_seed"}
    done = subprocess.run([sys.executable, "-m", "strtf.tables", "--max_train_sentences=3"], cwd=REPOSITORY,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.stderr.startswith("error: Unknown command line flag 'max_train_sentences'")


def test_check_does_not_list_what_it_only_understands():
    assert not listed_by("strtf.check") & {"run_dir", "resume", "intra_op_threads", "inter_op_threads", "epochs"}


def test_check_takes_a_training_s_flag_file(tmp_path):
    given = "--run_dir=none-such\n--resume\n--intra_op_threads=1\n--inter_op_threads=1\n"
    (tmp_path / "exp.flags").write_text(given, encoding="utf-8")
    command = [sys.executable, "-m", "strtf.check", f"--flagfile={tmp_path / 'exp.flags'}", "--train_data=none.jsonl"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.stderr.startswith("error: none.jsonl:1: the file must be readable")


def test_help_is_no_failure():
    command = [sys.executable, "-m", "strtf.convert", "--help"]
    assert subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, timeout=60).returncode == 0


def test_help_of_a_trained_run_is_about_that_run():
    """Its training's flag file is understood, but not listed."""
    command = [sys.executable, "-m", "strtf.predict", "--help"]
    shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60).stdout
    assert "--precision" in shown and "--negative_keep" not in shown


def test_what_is_required():
    command = [sys.executable, "-m", "strtf.predict"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.stderr.startswith("error: --run_dir must be given.")


@pytest.mark.parametrize("words", [["患者张三，左前降支狭窄70%"], ["Smith has pain"], ["Smith", "has", "pain"]])
def test_a_text_among_the_arguments_is_not_quoted(parse, words):
    with pytest.raises(SystemExit) as caught:
        parse(*words)
    assert caught.value.code == f"error: Arguments must be flags, --name=value. Received: {len(words)} that are none."


def test_a_terminal_that_is_not_utf8_ends_no_run():
    code = "from strtf import flags; flags._guarded = lambda main, backend: main(); flags.run(lambda: print('部位'))"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("\\u90e8\\u4f4d\n", 0)


def test_a_reader_that_does_not_want_the_whole_help():
    command = [sys.executable, "-m", "strtf.evaluate", "--help"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.communicate()[1] == b"" and process.returncode == 1
