"""The errors of a split as a page: each text that has one, marked, and below it what is wrong.

One file for a browser, without a server; it loads nothing from elsewhere.
"""

import collections
import itertools
import json
import pathlib
import string
from collections.abc import Mapping, Sequence
from html import escape

from strtf.evaluation.errors import ALONE, MADE_UP, MISSED, SentenceErrors
from strtf.evaluation.evaluate import Comparison, relation_tuples
from strtf.extraction.extractor import Extraction
from strtf.run_dir import replacing
from strtf.schema import Sentence

TEMPLATE = pathlib.Path(__file__).with_name("page") / "errors.html"
Line = tuple[str, tuple | None, tuple | None]  # what is wrong, the item annotated, the item found


def write_error_page(path: str, title: str, table: str, sentences: Sequence[Sentence],
                     answers: Mapping[str, Comparison], errors: Mapping[str, list[SentenceErrors]],
                     found: Sequence[Extraction] | None = None) -> None:  # fmt: skip
    """Writes the page.

    Args:
        table: the scores as text.
        answers: see `compare_answers`.
        errors: of them, see `find_errors`.
        found: the answers with their probabilities, where there are some.
    """
    probabilities = [_probabilities(extraction) for extraction in found] if found else [{}] * len(sentences)
    wrong = [_of_sentence({name: each[i] for name, each in errors.items()}) for i in range(len(sentences))]
    listed = [line for of_sentence in wrong for line in of_sentence]
    template = string.Template(TEMPLATE.read_text(encoding="utf-8"))
    articles = [
        _article(sentence, lines, {name: [side[i] for side in answers[name]] for name in errors}, probabilities[i])
        for i, (sentence, lines) in enumerate(zip(sentences, wrong, strict=True))
        if lines
    ]
    page = template.substitute(
        title=escape(title),
        table=escape(table),
        kinds=_options(collections.Counter(kind for kind, _, _ in listed)),
        types=_options(collections.Counter(name for line in listed for name in _types(line))),
        articles="\n".join(articles) or "<p>None.</p>",
    )
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")


def _probabilities(found: Extraction) -> dict[tuple, float]:
    """Of each entity and relation, as the tuples that are compared."""
    entities = zip(found.entities, found.entity_probabilities, strict=True)
    relations = zip(found.relations, found.relation_probabilities, strict=True)
    return {(*entity.span, entity.type): p for entity, p in entities} | {
        item: p for relation, p in relations for item in relation_tuples(found.entities, [relation])
    }


def _of_sentence(errors: Mapping[str, SentenceErrors]) -> list[Line]:
    """A sentence's errors, entities first; two items in each other's place are one line."""
    found = []
    for name, (missing, extra) in errors.items():
        what = "entity" if name == "ner" else "relation"
        lines = [(error.kind, error.item, error.instead) for error in missing]
        paired = {line[1:] for line in lines}
        lines += [
            (error.kind, error.instead, error.item) for error in extra if (error.instead, error.item) not in paired
        ]
        lines.sort(key=lambda line: _spans(line[1] or line[2]))
        found += [(f"{what}: {_kind(kind, answer)}", gold, answer) for kind, gold, answer in lines]
    return found


def _kind(kind: str, found: tuple | None) -> str:
    if kind != ALONE:
        return kind
    return MISSED if found is None else MADE_UP


def _options(counts: Mapping[str, int]) -> str:
    return "".join(
        f'<option value="{escape(name)}">{escape(name)} ({count})</option>' for name, count in sorted(counts.items())
    )


def _article(sentence: Sentence, lines: Sequence[Line], answers: Mapping[str, Sequence[set]],
             probabilities: Mapping[tuple, float]) -> str:  # fmt: skip
    right = [f"{len(gold & found)} of {len(gold)} {'entities' if name == 'ner' else 'relations'}"
             for name, (gold, found) in answers.items()]  # fmt: skip
    entities = answers.get("ner") or ({(e.start, e.end, e.type) for e in sentence.entities},) * 2
    return (
        f"<article><h2>{escape(sentence.id)}: {', '.join(right)} found</h2>\n"
        f'<p class="text">{_marked(sentence.text, *entities)}</p>\n'
        "<table><thead><tr><th>Error</th><th>Annotated</th><th>Found</th></tr></thead><tbody>\n"
        f"{''.join(_line(sentence.text, line, probabilities) for line in lines)}</tbody></table></article>"
    )


def _marked(text: str, gold: set[tuple], found: set[tuple]) -> str:
    """The text in pieces between all ends of entities, so that they may overlap as they like."""
    sides = {"right": gold & found, "missed": gold - found, "extra": found - gold}
    cuts = sorted({0, len(text), *(end for items in sides.values() for item in items for end in item[:2])})
    return "".join(_piece(text, start, end, sides) for start, end in itertools.pairwise(cuts))


def _piece(text: str, start: int, end: int, sides: Mapping[str, set[tuple]]) -> str:
    here = {
        side: sorted(kind for first, last, kind in items if first <= start and end <= last)
        for side, items in sides.items()
    }
    classes = [side for side, types in here.items() if types]
    if not classes:
        return escape(text[start:end])
    types = "; ".join(f"{side}: {', '.join(here[side])}" for side in classes)
    return (
        f'<span class="{" ".join(classes)}" data-start="{start}" data-end="{end}" title="{escape(types)}">'
        f"{escape(text[start:end])}</span>"
    )


def _line(text: str, line: Line, probabilities: Mapping[tuple, float]) -> str:
    kind, annotated, found = line
    spans = json.dumps([span for item in (annotated, found) if item for span in _spans(item)])
    cells = [_item(text, item) if item else "—" for item in (annotated, found)]
    if found in probabilities:
        cells[1] += f' <span class="soft">{probabilities[found]:.2f}</span>'
    return (
        f'<tr tabindex="0" data-kind="{escape(kind)}" data-types="{escape(json.dumps(_types(line)))}" '
        f'data-spans="{spans}" data-probability="{probabilities.get(found, 0.0):.4f}">'
        f"<td>{escape(kind)}</td><td>{cells[0]}</td><td>{cells[1]}</td></tr>\n"
    )


def _item(text: str, item: tuple) -> str:
    *_, kind = item
    words = " → ".join(f"{escape(text[start:end])} [{start}:{end}]" for start, end in _spans(item))
    return f"<b>{escape(kind)}</b> {words}"


def _spans(item: tuple) -> list[tuple[int, int]]:
    """Of an entity its own, of a relation its head's and its tail's."""
    return [item[:2]] if len(item) == 3 else [item[0], item[2]]


def _types(line: Line) -> list[str]:
    """Types of the items of a line, each once."""
    return sorted({item[-1] for item in line[1:] if item})
