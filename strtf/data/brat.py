"""brat's standoff format (https://brat.nlplab.org/standoff.html): NAME.txt with its annotations in NAME.ann.

Read are text-bound annotations (T) as entities and relations (R) between them. Pieces with nothing but white space
between them are one entity: so brat writes what goes on over the end of a line. The native format has no other spans
in several pieces, events (E), attributes (A, M), normalisations (N), notes (#) and equivalences (*): what is left out
is counted and logged, and so are texts without a file of annotations.

A type is one word there. What brat shows in its place is the first label that a visual.conf gives it
(https://brat.nlplab.org/configuration.html): types are read under that name, and names of more words written so.
"""

import collections
import errno
import functools
import itertools
import logging
import os
import pathlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence

from strtf.errors import DataError, StrtfError
from strtf.schema import Sentence

_LOG = logging.getLogger(__name__)
_TEXT_BOUND = re.compile(r"(T\S+)\t(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)(?:\t(.*))?")
_RELATION = re.compile(r"R\S+\t(?P<type>\S+) (?P<role>\S+?):(?P<head>[TE]\S+) \S+?:(?P<tail>[TE]\S+)\s*")
_OTHERS = {
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalisations",
    "#": "notes",
    "*": "equivalences",
}
_LABELS = "visual.conf"
# The file stands in for brat's own, and brat wants both sections.
_DRAWING = """[drawing]
SPAN_DEFAULT\tfgColor:black, bgColor:lightgreen, borderColor:black
ARC_DEFAULT\tcolor:black
"""
_IN_PIECES, _OF_THESE, _OF_EVENTS = "entities in several pieces", "relations of these", "relations of events"
_NO_ANN = "texts without an .ann"


def native_records(directory: pathlib.Path) -> Iterator[tuple[str, dict]]:
    """Yields (where, native record) of each annotated text below a directory, by name; see `corpus`.

    Raises:
        DataError: no annotations, a text that is missing or not UTF-8, a line that is none of brat's, an entity whose
            words are not those at its offsets, a relation of an unknown entity or of one with itself, two types under
            one label.
    """
    left_out, paths = collections.Counter(), sorted(directory.rglob("*.ann"))
    left_out[_NO_ANN] = sum(not path.with_suffix(".ann").exists() for path in directory.rglob("*.txt"))
    if not paths:
        alone = f"{left_out[_NO_ANN]} {_NO_ANN}. Put one beside each, an empty one where nothing is annotated"
        received = alone if left_out[_NO_ANN] else "none. Correct the path"
        raise DataError(f"{directory}:1", f"a directory must hold .txt and .ann files. Received: {received}.")
    labels = functools.cache(_Labels)
    for path in paths:
        document = _Document(path, labels(_labels_path(path.parent, directory)))
        yield f"{path}:1", document.record(path.relative_to(directory).with_suffix("").as_posix(), left_out)
    if counts := ", ".join(f"{count} {what}" for what, count in sorted(left_out.items()) if count):
        _LOG.warning("%s: left out: %s.", directory, counts)


def _labels_path(folder: pathlib.Path, top: pathlib.Path) -> pathlib.Path:
    """Where a folder's labels may be: the nearest file counts, as in brat, up to the directory that is read."""
    while folder != top and not (folder / _LABELS).is_file():
        folder = folder.parent
    return folder / _LABELS


class _Labels:
    """What a visual.conf, where there is one, calls types; others are called what they are."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.names = dict(_first_labels(_read_lines(path))) if path.is_file() else {}
        self.types: dict[tuple[str, str], str] = {}  # of each kind and name

    def name(self, kind: str, type_: str) -> str:
        name = self.names.get(type_, type_)
        if self.types.setdefault((kind, name), type_) != type_:
            raise DataError(
                f"{self.path}:1",
                f"first labels must tell {kind} types apart. Received: {name!r} for two of them. Change one.",
            )
        return name


def _first_labels(configuration: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(type, label) of each line of [labels]: type | label | shorter label; behind a tab is what is no label."""
    section = ""
    for line in map(str.strip, configuration):
        if match := re.fullmatch(r"\[(.*)\]", line):
            section = match[1]
        elif section == "labels" and not line.startswith("#"):
            # "!" marks types that brat does not offer
            terms = [part.strip().removeprefix("!") for part in line.split("\t")[0].split("|")]
            type_, label, *_ = [*filter(None, terms), "", ""]
            if label:
                yield type_, label


class _Document:
    """One text and the lines of its annotations."""

    def __init__(self, path: pathlib.Path, labels: _Labels):
        self.path, self.labels = path, labels
        self.text = _read(path.with_suffix(".txt"))
        self.entities: dict[str, dict] = {}
        self.relations: list[tuple[str, str, str, str]] = []  # where, type, head, tail
        self.in_pieces: set[str] = set()

    def record(self, identifier: str, left_out: collections.Counter) -> dict:
        for number, line in enumerate(_read_lines(self.path), start=1):
            if line := line.rstrip("\r"):
                self._add(line, f"{self.path}:{number}", left_out)
        left_out[_IN_PIECES] += len(self.in_pieces)
        relations = [relation for relation in self.relations if not self.in_pieces & set(relation[2:])]
        left_out[_OF_THESE] += len(self.relations) - len(relations)
        for where, _, *ends in relations:
            if unknown := [end for end in ends if end not in self.entities]:
                raise DataError(
                    where, f"a relation must join entities of its text. Received: id {unknown[0]!r}. Correct it."
                )
            if ends[0] == ends[1]:
                raise DataError(where, f"a relation must join two entities. Received: {ends[0]!r} twice. Correct it.")
        return {
            "id": identifier,
            "text": self.text,
            "entities": list(self.entities.values()),
            "relations": [
                {"type": self.labels.name("relation", type_), "head": head, "tail": tail}
                for _, type_, head, tail in relations
            ],
        }

    def _add(self, line: str, where: str, left_out: collections.Counter) -> None:
        if line[0] in _OTHERS:
            left_out[_OTHERS[line[0]]] += 1
        elif match := _TEXT_BOUND.fullmatch(line):
            self._add_entity(*match.groups(), where)
        elif match := _RELATION.fullmatch(line):
            ends = (match["head"], match["tail"]) if match["role"] != "Arg2" else (match["tail"], match["head"])
            if "E" in (ends[0][0], ends[1][0]):
                left_out[_OF_EVENTS] += 1
            else:
                self.relations.append((where, match["type"], *ends))
        else:
            raise DataError(
                where,
                "a line must be an annotation of brat's: T1, a tab, type, start and end, a tab and the words, or R1, a "
                "tab, type, Arg1:T1 and Arg2:T2. Received: another line. Correct it.",
            )

    def _add_entity(self, identifier: str, type_: str, offsets: str, words: str | None, where: str) -> None:
        if identifier in self.entities or identifier in self.in_pieces:
            raise DataError(where, f"{identifier} must be there once. Received: a second one. Number it anew.")
        pieces = [tuple(map(int, piece.split())) for piece in offsets.split(";")]
        if any(self.text[end:start].strip() or start < end for (_, end), (start, _) in itertools.pairwise(pieces)):
            self.in_pieces.add(identifier)
            return
        start, end, there = pieces[0][0], pieces[-1][1], [self.text[start:end] for start, end in pieces]
        received = f"Received: {offsets}, where the text, of {len(self.text)} characters, has"
        if words is not None and _on_one_line(" ".join(there)) != words:
            raise DataError(
                where,
                f"{identifier} must have the words at its offsets. {received} others. "
                "Offsets count characters of the .txt file, line ends included.",
            )
        if end > len(self.text) or not all(map(str.strip, there)):
            raise DataError(where, f"{identifier} must have words. {received} none. Correct the offsets, or remove it.")
        name = self.labels.name("entity", type_)
        self.entities[identifier] = {"id": identifier, "start": start, "end": end, "type": name}


def _read(path: pathlib.Path) -> str:
    """A file's characters as they are: line ends count."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:1", "the file must be UTF-8. Received: other bytes. Convert it.") from error
    except OSError as error:
        raise DataError(
            f"{path}:1", f"the file must be readable. Received: {error.strerror}. Put it beside its .ann file."
        ) from error


def _read_lines(path: pathlib.Path) -> list[str]:
    """The lines of what is no text: a byte order mark is no character of theirs."""
    return _read(path).removeprefix("\ufeff").split("\n")


def _on_one_line(words: str) -> str:
    return re.sub(r"[\n\r]", " ", words)


def _lines_of(words: str) -> list[tuple[int, int]]:
    """What brat writes as a piece of its own: it has no entity with the end of a line, or a tab, in it."""
    return [match.span() for match in re.finditer(r"[^\n\r\t]*\S[^\n\r\t]*", words)]


def write_brat(path: str | os.PathLike, sentences: Sequence[Sentence]) -> None:
    """Writes a directory in brat's layout: texts, annotations, types in annotation.conf, their names in visual.conf.

    File names are the ids, and types brat's words, with "_" for each character that neither can have. A type that is
    another word so is labelled with its name; that one cannot be a label is logged. The directory appears whole or not
    at all.

    Raises:
        StrtfError: the directory is there already or cannot be made, two ids or two types come to the same name, an id
            is too long for a file's.
    """
    path = pathlib.Path(path)
    if path.exists():
        raise StrtfError(f"{path} must not exist yet. Received: a place that does. Remove it, or choose another.")
    names = _unlike([sentence.id for sentence in sentences], r"[^\w.-]|^\.", "ids")
    types = _unlike(_types(sentences), r"[^\w-]", "types")
    labels = _label_lines(types)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        partial.mkdir()
        for number, sentence in enumerate(sentences, start=1):
            _write_sentence(partial, names[sentence.id], sentence, types, sentence.source or f"text {number}")
        _write(partial / "annotation.conf", _configuration(sentences, types))
        if labels:
            _write(partial / _LABELS, "".join(["[labels]\n", *labels, _DRAWING]))
        partial.rename(path)
    except OSError as error:
        raise StrtfError(f"{path} must be a place to write to. Received: {error.strerror}. Choose another.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_sentence(folder: pathlib.Path, name: str, sentence: Sentence, types: dict[str, str], where: str) -> None:
    try:
        _write(folder / f"{name}.txt", sentence.text)
        _write(folder / f"{name}.ann", "".join(_lines(sentence, types)))
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise DataError(where, f"id must fit a file's name. Received: {error.strerror}. Shorten the id.") from error


def _write(path: pathlib.Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))  # line ends as they are


def _unlike(values: Iterable[str], not_allowed: str, what: str) -> dict[str, str]:
    """A name for each value, all different."""
    names = {value: re.sub(not_allowed, "_", value) or "_" for value in values}
    [(name, count)] = collections.Counter(names.values()).most_common(1) or [("", 0)]
    if count > 1:
        raise StrtfError(f"{what} must differ as names of brat. Received: two that come to {name!r}. Change one.")
    return names


def _types(sentences: Iterable[Sentence]) -> list[str]:
    """Entity types, then relation types, sorted."""
    entities = {entity.type for sentence in sentences for entity in sentence.entities}
    return [*sorted(entities), *sorted(_relation_types(sentences) - entities)]


def _relation_types(sentences: Iterable[Sentence]) -> set[str]:
    return {relation.type for sentence in sentences for relation in sentence.relations}


def _lines(sentence: Sentence, types: dict[str, str]) -> Iterator[str]:
    numbers = {entity.id: f"T{number}" for number, entity in enumerate(sentence.entities, start=1)}
    for entity in sentence.entities:
        pieces = [
            (entity.start + start, entity.start + end) for start, end in _lines_of(sentence.text[slice(*entity.span)])
        ]
        offsets = ";".join(f"{start} {end}" for start, end in pieces)
        words = " ".join(sentence.text[start:end] for start, end in pieces)
        yield f"{numbers[entity.id]}\t{types[entity.type]} {offsets}\t{words}\n"
    for number, relation in enumerate(sentence.relations, start=1):
        ends = f"Arg1:{numbers[relation.head]} Arg2:{numbers[relation.tail]}"
        yield f"R{number}\t{types[relation.type]} {ends}\n"


def _configuration(sentences: Sequence[Sentence], types: dict[str, str]) -> str:
    """annotation.conf: the types, every relation between any two entities, and entities that may overlap."""
    entities = sorted({types[entity.type] for sentence in sentences for entity in sentence.entities})
    relations = sorted(types[name] for name in _relation_types(sentences))
    lines = ["[entities]", *entities, "[relations]"]
    lines += ["<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>"]
    lines += [f"{name}\tArg1:<ENTITY>, Arg2:<ENTITY>" for name in relations]
    return "\n".join([*lines, "[events]", "[attributes]", ""])


def _label_lines(types: dict[str, str]) -> list[str]:
    """Lines of visual.conf for the types that are written as another word."""
    lines = {type_: f"{word} | {type_}\n" for type_, word in types.items() if word != type_}
    # a label cannot begin with "!" or a blank, nor hold "|", a tab or the end of a line
    kept = {type_ for type_, line in lines.items() if _is_read_back(line, types[type_], type_)}
    if renamed := ", ".join(f"{type_!r} as {types[type_]!r}" for type_ in lines if type_ not in kept):
        _LOG.warning("types written under another name, for brat has no labels like theirs: %s.", renamed)
    return [line for type_, line in lines.items() if type_ in kept]


def _is_read_back(line: str, word: str, label: str) -> bool:
    return [*_first_labels(["[labels]", *line.split("\n")])] == [(word, label)]
