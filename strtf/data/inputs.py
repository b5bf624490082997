"""What is extracted from: a file or stream of lines (`documents.py`), or a directory of .txt files, a document each.

A file of a directory is a `Line` like those of a file: it is counted, resumed and rejected in the same way. They are
read by name, those of folders below it too; a document's id is its path there, without ".txt".
"""

import os
import pathlib
from collections.abc import Iterator

from strtf.data.documents import Document, Line, Place, Source, read_lines, source_name
from strtf.errors import DataError

_BLOCK = 2**20


def read_input(source: Source, start: Place = Place()) -> Iterator[Line]:  # noqa: B008 (immutable)
    """The lines or files of a source; one that is at fault does not end the reading.

    Args:
        start: where to go on in what was read so far before.

    Raises:
        DataError: the source cannot be read, or is a directory without .txt files.
    """
    if not is_directory(source):
        yield from read_lines(source, start)
        return
    place = start
    for name, path in _files(source)[start.lines :]:
        raw = _contents(path)
        place = Place(place.lines + 1, place.bytes + len(raw), False)
        yield _file(name, path, raw, place)


def is_directory(source: Source) -> bool:
    return isinstance(source, str | os.PathLike) and os.path.isdir(source)


def input_bytes(source: Source) -> int:
    """Size of all that is to be read, where `source` names files."""
    paths = [path for _, path in _files(source)] if is_directory(source) else [source]
    return sum(os.path.getsize(path) for path in paths)


def read_again(source: Source, place: Place) -> Iterator[bytes]:
    """What was read up to a place, in pieces that together are the `raw` of its lines."""
    if is_directory(source):
        yield from (_raw(name, _contents(path)) for name, path in _files(source)[: place.lines])
        return
    left = place.bytes
    with open(source, "rb") as file:
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            yield block
            left -= len(block)


def _files(directory: Source) -> list[tuple[str, pathlib.Path]]:
    """(name below the directory, path) of each .txt file, by name."""
    top = pathlib.Path(directory)
    paths = {path.relative_to(top).as_posix(): path for path in top.rglob("*.txt") if path.is_file()}
    if not paths:
        raise DataError(
            f"{source_name(directory)}:1", "a directory must hold .txt files. Received: none. Correct the path."
        )
    return sorted(paths.items())


def _contents(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"{path}:1", f"the file must be readable. Received: {reason}. Correct it there.") from error


def _file(name: str, path: pathlib.Path, raw: bytes, place: Place) -> Line:
    document, fault, where = None, None, f"{path}:1"
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
        # a file name need not be UTF-8, an id must
        document = Document(os.fsencode(name.removesuffix(".txt")).decode("utf-8", "replace"), text, where)
    except UnicodeDecodeError as error:
        received = f"byte 0x{raw[error.start]:02x} at byte {error.start + 1}"
        fault = DataError(where, f"the file must be UTF-8. Received: {received}. Convert it to UTF-8.")
    return Line(document, fault, place, _raw(name, raw))


def _raw(name: str, contents: bytes) -> bytes:
    """Names count too: what is put before what was read is another input."""
    return os.fsencode(name) + b"\0" + contents + b"\0"
