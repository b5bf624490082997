r"""Unannotated documents, read one at a time: plain text (one document a line) or JSON Lines.

Also what every reader of JSON shares: numbered lines, objects, checked fields.

Only "\n" and "\r\n" end a line. U+2028, U+0085 or a form feed are characters of a text, so neither
`str.splitlines` nor universal newlines may be used.
"""

import contextlib
import dataclasses
import io
import json
import math
import os
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, TextIO

from strtf.errors import DataError

Source = str | os.PathLike | BinaryIO | TextIO

# What a field may be, as error messages say it. `type(value)` is compared, so that true is no integer.
STRING = "a string"
INTEGER = "an integer"
IDENTIFIER = "a string or an integer"
LIST = "a list"
OBJECT = "an object"
_OF_A_DOCUMENT = ("id", "text", "entities", "relations")
_PLAIN = re.compile(r"[!-~]{1,40}")
_MISSING = object()
_TYPES = {STRING: (str,), INTEGER: (int,), IDENTIFIER: (str, int), LIST: (list,), OBJECT: (dict,)}
_RECEIVED = {
    str: "a string",
    int: "an integer",
    float: "a floating-point number",
    bool: "true or false",
    type(None): "null",
    list: "a list",
    dict: "an object",
    object: "nothing",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A text to extract from.

    Attributes:
        source: `path:line` where it was read, for error messages.
        others: what else stands in its record, such as a case number: it goes along into the output.
    """

    id: str
    text: str
    source: str = dataclasses.field(default="", compare=False)
    others: dict = dataclasses.field(default_factory=dict)


class Place(NamedTuple):
    """How far a source was read.

    Attributes:
        lines, bytes: whole lines, and what they take in UTF-8.
        is_json: whether documents are JSON Lines; None as long as nothing told.
    """

    lines: int = 0
    bytes: int = 0
    is_json: bool | None = None


class Line(NamedTuple):
    """A line of a source: a document, or an error, or neither where it is blank.

    Attributes:
        place: behind the line.
        raw: the line as it was read.
    """

    document: Document | None
    error: DataError | None
    place: Place
    raw: bytes | str


def read_documents(source: Source) -> Iterator[Document]:
    """Reads documents in constant memory.

    JSON Lines (`{"text", "id"?}`, blank lines skipped) where the file is named `.jsonl` or `.json`, or where the
    first line that is not blank is a JSON object. Otherwise plain text, in which every line is a document, an
    empty one included, so that outputs line up with inputs. A document without an id is `<file stem>-<line>`,
    from a stream `line-<line>`.

    Args:
        source: a path, "-" for standard input, or an open stream (binary, UTF-8).

    Raises:
        DataError: the source cannot be read, is not UTF-8, or holds a line that is not such an object.
    """
    for line in read_lines(source):
        if line.error:
            raise line.error
        if line.document:
            yield line.document


def read_lines(source: Source, start: Place = Place()) -> Iterator[Line]:  # noqa: B008 (immutable)
    """The lines of `read_documents`, where one that is at fault does not end the reading.

    Args:
        start: where to go on in a file that was read so far before.

    Raises:
        DataError: the source cannot be read.
    """
    name, prefix = source_name(source), id_prefix(source)
    place = start._replace(is_json=True) if name.endswith((".jsonl", ".json")) else start
    waiting: list[tuple] = []  # lines before the first that tells what the documents are
    for raw in _raw_lines(source, start.bytes):
        size = len(raw) if isinstance(raw, bytes) else len(raw.encode("utf-8", "surrogatepass"))
        place = place._replace(lines=place.lines + 1, bytes=place.bytes + size)
        line, error = _decoded(raw, place.lines, name)
        if place.is_json is None and line is not None and line.strip():
            place = place._replace(is_json=_is_json_object(line))
        waiting.append((line, error, place, raw))
        if place.is_json is not None:
            yield from (_line(*parts, place.is_json, name, prefix) for parts in waiting)
            waiting = []
    yield from (_line(*parts, False, name, prefix) for parts in waiting)


def _decoded(raw: bytes | str, number: int, name: str) -> tuple[str | None, DataError | None]:
    try:
        return _text_of(raw, number, name), None
    except DataError as error:
        return None, error


def _line(line, error, place: Place, raw, is_json: bool, name: str, prefix: str) -> Line:
    document, where = None, f"{name}:{place.lines}"
    default_id = f"{prefix}-{place.lines}"
    if error is None and not is_json:
        document = Document(default_id, line, where)
    elif error is None and line.strip():
        try:
            document = document_from_json(parse_object(line, where), where, default_id)
        except DataError as caught:
            error = caught
    return Line(document, error, place._replace(is_json=is_json), raw)


def _is_json_object(line: str) -> bool:
    try:
        return type(json.loads(line)) is dict
    except (ValueError, RecursionError):
        return False


def document_from_json(record: dict, where: str, default_id: str) -> Document:
    """The "text" and "id" of a record; ids given as integers become strings. Annotations are not looked at."""
    identifier = field(record, "id", IDENTIFIER, where) if "id" in record else default_id
    text = field(record, "text", STRING, where)
    others = {name: value for name, value in record.items() if name not in _OF_A_DOCUMENT}
    if others:
        _check_unicode(json.dumps(others, ensure_ascii=False), "the line", where)
    return Document(str(identifier), text, where, others)


def shown(identifier: str) -> str:
    """An id as messages say it: what is no short word in ASCII may be a name, or words of a text, and is not quoted."""
    return repr(identifier) if _PLAIN.fullmatch(identifier) else f"one of {len(identifier)} characters"


def source_name(source: Source) -> str:
    """What error messages call a path or stream."""
    if source == "-":
        return "<stdin>"
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<stream>"


def id_prefix(source: Source) -> str:
    """The file's stem, or "line" for a stream."""
    if source == "-" or not isinstance(source, str | os.PathLike):
        return "line"
    # a file name need not be UTF-8, an id must
    return os.fsencode(pathlib.Path(source).stem).decode("utf-8", "replace")


def numbered_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Yields (line number from 1, line without its end); a byte order mark is taken off.

    Raises:
        DataError: the source cannot be read or is not UTF-8.
    """
    name = source_name(source)
    for number, raw in enumerate(_raw_lines(source), start=1):
        yield number, _text_of(raw, number, name)


def _raw_lines(source: Source, start: int = 0) -> Iterator[bytes | str]:
    """Lines with their ends, from a byte on."""
    try:
        with _open(source) as stream:
            if start:
                stream.seek(start)
            yield from stream
    except OSError as error:
        reason = error.strerror or type(error).__name__
        name = source_name(source)
        raise DataError(f"{name}:1", f"the file must be readable. Received: {reason}. Correct the path.") from error


def _text_of(raw: bytes | str, number: int, name: str) -> str:
    line = _decode(raw, f"{name}:{number}") if isinstance(raw, bytes) else raw
    line = line.removeprefix("\ufeff") if number == 1 else line
    return line.removesuffix("\r\n").removesuffix("\n")


def _open(source: Source) -> contextlib.AbstractContextManager:
    if source == "-":
        return _standard_input()
    if isinstance(source, str | os.PathLike):
        return open(source, "rb")
    # A text stream has already chosen line ends and an encoding: read the bytes beneath it if there are any.
    return contextlib.nullcontext(getattr(source, "buffer", source))


def _standard_input() -> contextlib.AbstractContextManager:
    """A reader of its own: a thread that still waits in `sys.stdin` when Python ends would make it abort."""
    stream = sys.stdin or io.BytesIO()  # None where the shell closed it (`<&-`)
    try:
        return open(os.dup(stream.fileno()), "rb")
    except OSError:  # no file beneath it
        return contextlib.nullcontext(getattr(stream, "buffer", stream))


def _decode(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        received = f"byte 0x{line[error.start]:02x} at byte {error.start + 1} of the line"
        raise DataError(where, f"the file must be UTF-8. Received: {received}. Convert it to UTF-8.") from error


def parse_object(line: str, where: str) -> dict:
    """The JSON object that a line holds."""
    try:
        value = DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise json_error(where, f"{error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise json_error(where, other_fault(error)) from error
    return checked(value, OBJECT, "the line", where)


def json_error(where: str, received: str) -> DataError:
    return DataError(where, f"the line must be JSON. Received: {received}. Correct it there.")


class RepeatedKey(ValueError):
    """An object names a key twice. Python's parser would keep the last value, and the first be lost unseen."""


def _object(pairs: list[tuple[str, Any]]) -> dict:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise RepeatedKey
    return record


class NotFinite(ValueError):
    """NaN, Infinity, 1e999: no JSON, or no float, and nothing that an output could say again."""


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotFinite
    return value


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_number)


def other_fault(error: ValueError | RecursionError) -> str:
    """Why our parser gave up on what may well be JSON."""
    if isinstance(error, RepeatedKey):
        return "an object with a key twice"
    if isinstance(error, NotFinite):
        return "a number that is not finite"
    return "brackets nested too deep" if isinstance(error, RecursionError) else "a number with too many digits"


def field(record: dict, key: str, kind: str, where: str, prefix: str = "") -> Any:
    """`record[key]`, checked to be of a kind (`STRING`, `INTEGER`, …)."""
    return checked(record.get(key, _MISSING), kind, f"{prefix}{key}", where)


def checked(value: Any, kind: str, name: str, where: str) -> Any:
    """The value itself. Messages name its JSON type and never show it: it may be a patient's text."""
    if type(value) not in _TYPES[kind]:
        raise DataError(where, f"{name} must be {kind}. Received: {_RECEIVED[type(value)]}. Correct the record.")
    if type(value) is str:
        _check_unicode(value, name, where)
    return value


def _check_unicode(value: str, name: str, where: str) -> None:
    """JSON can write half a surrogate pair, which no encoder or tokenizer accepts."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        received = f"half a surrogate pair at character {error.start}"
        raise DataError(where, f"{name} must be Unicode text. Received: {received}. Correct the escape.") from error
