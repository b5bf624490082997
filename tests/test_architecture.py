"""The rooms of the package import in one direction only, and what else the sources promise."""

import ast
import pathlib
import re

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "strtf"
# A room may import from rooms of a lower rank, and from itself.
FOUNDATION = ("errors", "config", "schema", "run_dir", "progress", "device")
ROOMS = (
    "text",
    "data",
    "layers",
    "pretrained",
    "models",
    "extraction",
    "evaluation",
    "reporting",
    "training",
    "serving",
    "server",
)
FRAME = ("quiet", "flags")  # around every entry
RANK = {name: rank for rank, name in enumerate((*FOUNDATION, *ROOMS, *FRAME))}
TENSORFLOW_ROOMS = ("training", "serving", "server")
# The server runs what was exported: whatever it is, without the code that made it.
SERVER_MAY_IMPORT = {"errors", "config", "progress", "server"}
# Elsewhere only inside functions, so that the package works under Keras' other backends.
TENSORFLOW_IN_FUNCTIONS = (
    "device.py",
    "extraction/compiled.py",
    "layers/dropout.py",
    "layers/scan.py",
    "pretrained/google_bert.py",
    "quiet.py",
)
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def source(file: str) -> str:
    return (PACKAGE / file).read_text(encoding="utf-8")


def room_of(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def is_entry(file: str) -> bool:
    return "/" not in file and 'if __name__ == "__main__":' in source(file)


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of all modules that a tree imports, wherever it does so."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            # `from strtf.data import angiography` imports a module, `from strtf.schema import Entity` a name
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def imported_rooms(file: str) -> set[str]:
    parts = (name.split(".") for name in imported(ast.parse(source(file))))
    return {part[1] for part in parts if part[0] == "strtf" and len(part) > 1}


def functions(file: str):
    nodes = ast.walk(ast.parse(source(file)))
    return [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


LIBRARY = [file for file in FILES if not is_entry(file) and file != "__init__.py"]
ENTRIES = [file for file in FILES if is_entry(file)]


def test_the_scan_sees_the_package():
    assert {"train.py", "evaluate.py", "predict.py"} <= set(ENTRIES)
    assert {"config", "data", "models", "evaluation"} <= imported_rooms("training/loop.py")
    assert "tensorflow" in imported(ast.parse(source("training/tensorflow_step.py")))


@pytest.mark.parametrize("file", LIBRARY)
def test_imports_go_one_way(file):
    assert room_of(file) in RANK, f"{file} belongs to no room: give it one here and in its docstring"
    rank = RANK[room_of(file)]
    unknown = imported_rooms(file) - RANK.keys()
    assert not unknown, f"{file} imports entries: {unknown}"
    assert not {room for room in imported_rooms(file) if RANK[room] > rank}


@pytest.mark.parametrize("file", [file for file in FILES if room_of(file) == "server"])
def test_the_server_stands_alone(file):
    assert imported_rooms(file) <= SERVER_MAY_IMPORT


@pytest.mark.parametrize("file", [file for file in FILES if room_of(file) != "server" and not is_entry(file)])
def test_nothing_needs_the_server(file):
    assert "server" not in imported_rooms(file)


@pytest.mark.parametrize("file", FILES)
def test_tensorflow_stays_in_its_rooms(file):
    tree = ast.parse(source(file))
    if not any(name.split(".")[0] == "tensorflow" for name in imported(tree)):
        return
    if file in TENSORFLOW_IN_FUNCTIONS:
        for node in tree.body:  # the top level, without the bodies of functions and classes
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not any(name.split(".")[0] == "tensorflow" for name in imported(node))
    else:
        assert room_of(file) in TENSORFLOW_ROOMS


@pytest.mark.parametrize("file", LIBRARY)
def test_absl_flags_are_for_entries(file):
    uses = any(name == "absl" or name.startswith("absl.") for name in imported(ast.parse(source(file))))
    assert not uses or file == "flags.py"


@pytest.mark.parametrize("file", ENTRIES)
def test_entries_are_short(file):
    assert len(source(file).splitlines()) <= 40


@pytest.mark.parametrize("file", FILES)
def test_functions_are_short(file):
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions(file)}
    assert not {name: lines for name, lines in long.items() if lines > 60}


@pytest.mark.parametrize("file", FILES)
def test_no_path_of_a_machine(file):
    assert not re.findall(r"(?<![\w.])/(?:home|root|tmp|work|Users|mnt|data)/\S*", source(file))


@pytest.mark.parametrize("file", [file for file in FILES if source(file).strip()])
def test_every_file_says_what_it_is_for(file):
    assert ast.get_docstring(ast.parse(source(file)))
