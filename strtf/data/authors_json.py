"""The JSON of the paper's authors, turned into native records (see `corpus`).

One array of `{"text", "entities": [[start, end, surface, type], …], "relations": [[i, j, type], …]}`. i and j
count entities from 0. The direction is the end of a relation's type: `grade_of_1_2` runs from entity i to
entity j, `grade_of_2_1` from j to i. The surfaces tell whether `end` is exclusive or inclusive.
"""

import json
import re
from collections.abc import Iterator, Sequence

from strtf.data.documents import DECODER, INTEGER, LIST, OBJECT, STRING, checked, field, json_error, other_fault
from strtf.errors import DataError

_ENTITY = {"start": INTEGER, "end": INTEGER, "surface": STRING, "type": STRING}
_RELATION = {"i": INTEGER, "j": INTEGER, "type": STRING}
_DIRECTED = re.compile(r"(.+)_(1_2|2_1)", re.DOTALL)
_BLANK = re.compile(r"[ \t\r\n]*")


def native_records(text: str, name: str) -> Iterator[tuple[str, dict]]:
    """Yields (where, native record) of each record of the array.

    Args:
        text: the whole file.
        name: the file's, for error messages.

    Raises:
        DataError: not JSON, a field of a wrong type, an unknown entity, or surfaces that are not in the text.
    """
    records = [(where, _check(record, where)) for where, record in _array_items(text, name)]
    shift = _end_shift(records)
    return ((where, _native(record, shift)) for where, record in records)


def _array_items(text: str, name: str) -> Iterator[tuple[str, dict]]:
    """Decodes the array item by item, to know the line of each; where items share a line, the column too."""
    try:
        position, line, last_line = _after(text, 0, "["), 1, 0
        counted, line_break, closed = 0, -1, text.startswith("]", position)
        while not closed:
            line += text.count("\n", counted, position)
            line_break = max(line_break, text.rfind("\n", counted, position))
            counted = position
            where = f"{name}:{line}:{position - line_break}" if line == last_line else f"{name}:{line}"
            item, end = DECODER.raw_decode(text, position)
            yield where, item
            last_line, end = line, _BLANK.match(text, end).end()
            closed = text.startswith("]", end)
            position = end if closed else _after(text, end, ",")
        _after(text, position, "]", "")
    except json.JSONDecodeError as error:
        raise json_error(f"{name}:{error.lineno}", f"{error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise json_error(where, other_fault(error)) from error


def _after(text: str, position: int, *marks: str) -> int:
    """The position after these marks and the blanks around them; "" stands for the end of the text."""
    position = _BLANK.match(text, position).end()
    for mark in marks:
        if not (text.startswith(mark, position) if mark else position == len(text)):
            raise json.JSONDecodeError(f"Expecting {mark!r}" if mark else "Extra data", text, position)
        position = _BLANK.match(text, position + len(mark)).end()
    return position


def _check(record: dict, where: str) -> dict:
    """The record, with the types of all its fields and its entity indices checked."""
    checked(record, OBJECT, "the record", where)
    field(record, "text", STRING, where)
    entities = _rows(record, "entities", _ENTITY, where)
    for n, (i, j, _) in enumerate(_rows(record, "relations", _RELATION, where)):
        for index in (i, j):
            if not 0 <= index < len(entities):
                known = f"0 to {len(entities) - 1}" if entities else "none"
                raise DataError(
                    where,
                    f"relations[{n}] must join entities of its record. Received: entity {index}. "
                    f"Known entities: {known}. Correct the record.",
                )
    return record


def _rows(record: dict, key: str, kinds: dict[str, str], where: str) -> list[list]:
    rows = field(record, key, LIST, where) if key in record else []
    for n, row in enumerate(rows):
        if type(row) is dict:
            raise DataError(
                where,
                f"{key}[{n}] must be a list, for a file that begins with [ is the authors' array. Received: an object. "
                "The native format is one record a line, with no array around them.",
            )
        checked(row, LIST, f"{key}[{n}]", where)
        if len(row) != len(kinds):
            layout = ", ".join(kinds)
            message = f"{key}[{n}] must be [{layout}]. Received: {len(row)} values. Correct the record."
            raise DataError(where, message)
        for value, (part, kind) in zip(row, kinds.items(), strict=True):
            checked(value, kind, f"{key}[{n}] {part}", where)
    return rows


def _end_shift(records: Sequence[tuple[str, dict]]) -> int:
    """What to add to the ends: 0 where all surfaces fit exclusive ends, 1 where all fit inclusive ones."""
    mismatches = {shift: _mismatches(records, shift) for shift in (0, 1)}
    shift = min(mismatches, key=lambda shift: len(mismatches[shift]))
    if mismatches[shift]:
        where, message = mismatches[shift][0]
        raise DataError(where, message)
    return shift


def _mismatches(records: Sequence[tuple[str, dict]], shift: int) -> list[tuple[str, str]]:
    """(where, message) of each entity whose surface does not stand at its offsets."""
    mismatches = []
    for where, record in records:
        text = record["text"]
        for n, (start, end, surface, _) in enumerate(record.get("entities", [])):
            if start < 0 or end + shift > len(text) or text[start : end + shift] != surface:
                message = (
                    f"entities[{n}] must have its surface at its offsets (the file's ends seem "
                    f"{'inclusive' if shift else 'exclusive'}). Received: start {start}, end {end} in a text "
                    f"of {len(text)} characters. Correct the record."
                )
                mismatches.append((where, message))
    return mismatches


def _native(record: dict, shift: int) -> dict:
    entities = [
        {"id": f"e{n}", "start": start, "end": end + shift, "type": type_}
        for n, (start, end, _, type_) in enumerate(record.get("entities", []), start=1)
    ]
    relations = [_native_relation(*relation) for relation in record.get("relations", [])]
    return {**record, "entities": entities, "relations": relations}


def _native_relation(i: int, j: int, type_: str) -> dict:
    match = _DIRECTED.fullmatch(type_)
    type_, direction = match.groups() if match else (type_, "1_2")
    head, tail = (i, j) if direction == "1_2" else (j, i)
    return {"head": f"e{head + 1}", "tail": f"e{tail + 1}", "type": type_}
