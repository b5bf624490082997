"""From texts to entities and relations: windows, tags, spans, pairs, classes.

Evaluation, prediction and export rest on this file. The relations of a text that fits one window are scored from the
states its tags came from; texts of several windows are first tagged, merged, and then scored window by window.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from strtf.data.batches import Batch, Shapes, pad_sentences
from strtf.data.features import Featurizer, TokenizedText, entity_of
from strtf.data.pairs import pack_pairs, pair_sizes, rivals_between
from strtf.data.shapes import ExactShapes
from strtf.extraction.compiled import compiled, compiles_each_shape, few_shapes
from strtf.extraction.decision import Decision
from strtf.models.base import ExtractionModel, Task
from strtf.schema import Entity, Relation, directed
from strtf.text.windows import Owned, Window, owned

PADDED_TOKENS = 4096  # of a batch of sentences


@dataclasses.dataclass(frozen=True)
class Extraction:
    """What was found in one text; entities in text order.

    Attributes:
        entity_probabilities: of each entity; what is meant, says `decision.py`.
        relation_probabilities: of each triple.
        relation_margins: the class's logit less that of "No relation".
    """

    entities: tuple[Entity, ...]
    entity_probabilities: tuple[float, ...]
    relations: tuple[Relation, ...] = ()
    relation_probabilities: tuple[float, ...] = ()
    relation_margins: tuple[float, ...] = ()

    def ends(self) -> np.ndarray:
        """The probabilities of each relation's entities. [r, 2]."""
        of = {entity.id: p for entity, p in zip(self.entities, self.entity_probabilities, strict=True)}
        return np.array([(of[r.head], of[r.tail]) for r in self.relations]).reshape(-1, 2)

    def decided(self, decision: Decision) -> "Extraction":
        """With probabilities of relations as the decision has them, and none that it does not keep."""
        probabilities = decision.relation_probabilities(self.relation_margins, self.ends())
        kept = np.flatnonzero(probabilities > decision.relation_threshold).tolist()
        parts = (self.relations, probabilities.tolist(), self.relation_margins)
        return Extraction(self.entities, self.entity_probabilities, *(tuple(part[i] for i in kept) for part in parts))


@dataclasses.dataclass(frozen=True, eq=False)
class _Item:
    """One window of one document."""

    document: int
    window: Window
    ids: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class _Span:
    """A typed span in document tokens, and the layer of tags it was found in."""

    first: int
    last: int
    type: str
    probability: float
    layer: int = 0


class _WindowPairs(NamedTuple):
    """Pairs [p, 2] int32 to score in a window, as indices of `spans`; `before` spans of the text stand before these."""

    spans: Sequence[_Span]
    pairs: np.ndarray
    before: int = 0


class Related(NamedTuple):
    """A related pair of a text's entities, in text order; `label` is the class's index."""

    first: int
    second: int
    label: int
    margin: float
    probability: float


class Extractor:
    """Extracts with a trained model.

    Args:
        model: the model.
        featurizer: the run's tokenizer, tags, windows and pair filter.
        options: `ModelOptions` of the run.
        decision: from scores to answers; may be replaced at any time.
        shapes: how batches are padded; what suits the backend when None.
        jit_compile: compile with XLA, also on TensorFlow.
    """

    def __init__(self, model: ExtractionModel, featurizer: Featurizer, options, decision: Decision | None = None,
                 shapes: Shapes | None = None, jit_compile: bool = False):  # fmt: skip
        self.model = model
        self.featurizer = featurizer
        self.options = options
        self.decision = decision or Decision()
        self.shapes = shapes or _shapes(model, options, jit_compile or compiles_each_shape())
        self._encode = compiled(model, model.encode, jit_compile)
        if Task.NER in model.tasks:
            self._tag = compiled(model, model.tag, jit_compile)
            self._span_log_probabilities = compiled(model, model.span_log_probabilities, jit_compile)
        if Task.RC in model.tasks:
            self._classify = compiled(model, model.classify_pairs, jit_compile)

    def extract(self, texts: Sequence[str]) -> list[Extraction]:
        """Entities, and relations where the model has both tasks."""
        return self.extract_tokenized([self.featurizer.tokenize(text) for text in texts])

    def extract_tokenized(self, documents: Sequence[TokenizedText]) -> list[Extraction]:
        """`extract` for texts that `Featurizer.tokenize` has seen."""
        self.model.require(Task.NER)
        counting = _counting(documents)
        spans: list[list[_Span]] = [[] for _ in documents]
        related: list[list[tuple]] = [[] for _ in documents]
        for items, batch, states in self._encoded(self._items(documents)):
            tagged, emissions = self._tagged(items, batch, states, self.decision.entity_shift)
            found = self._with_probabilities(items, tagged, batch, emissions, self.decision.entity_temperature)
            found = [[span for span in s if span.probability >= self.decision.entity_threshold] for s in found]
            _keep_counting(spans, items, found, counting)
            alone = [len(documents[item.document].windows) == 1 for item in items]
            if Task.RC in self.model.tasks and any(alone):
                found = [s if is_alone else [] for s, is_alone in zip(found, alone, strict=True)]
                pairs = [self._pairs(documents[i.document], s) for i, s in zip(items, found, strict=True)]
                self._score(items, pairs, batch, states, related, self.decision.relation_threshold)
        spans = [_without_overlaps(s) for s in spans]
        if Task.RC in self.model.tasks:
            long = [i for i, document in enumerate(documents) if len(document.windows) > 1]
            self._relate_windows(documents, spans, long, related, self.decision.relation_threshold)
        return [self._result(*parts) for parts in zip(documents, spans, related, strict=True)]

    def try_entities(self, texts: Sequence[str], tried: Sequence[tuple[float, float]]):
        """What `extract` would find as entities, no threshold applied, with other decisions.

        Args:
            tried: (`entity_shift`, `entity_temperature`) of each decision.

        Returns:
            for each of them, and each text: a list of (entity, probability).
        """
        self.model.require(Task.NER)
        documents = [self.featurizer.tokenize(text) for text in texts]
        counting = _counting(documents)
        spans: list[list[list[_Span]]] = [[[] for _ in documents] for _ in tried]
        for items, batch, states in self._encoded(self._items(documents)):
            of_shift = {}
            for (shift, temperature), into in zip(tried, spans, strict=True):
                if shift not in of_shift:
                    of_shift[shift] = self._tagged(items, batch, states, shift)
                tagged, emissions = of_shift[shift]
                found = self._with_probabilities(items, tagged, batch, emissions, temperature)
                _keep_counting(into, items, found, counting)
        return [
            [
                list(zip(self._entities(document, s), (span.probability for span in s), strict=True))
                for document, s in zip(documents, map(_without_overlaps, found), strict=True)
            ]
            for found in spans
        ]

    def relate(self, texts: Sequence[str], entities: Sequence[Sequence[tuple[int, int, str]]]) -> list[list[Related]]:
        """Relations between given entities.

        Args:
            entities: for each text (first token, last token exclusive, type) in text order, see
                `Featurizer.representable`.

        Returns:
            for each text, the pairs that are related.
        """
        self.model.require(Task.RC)
        documents = [self.featurizer.tokenize(text) for text in texts]
        spans = [[_Span(first, last, t, 1.0) for first, last, t in given] for given in entities]
        related: list[list[tuple]] = [[] for _ in texts]
        self._relate_windows(documents, spans, range(len(documents)), related, self.decision.given_threshold)
        return related

    # ------------------------------------------------------------------ tagging
    def _items(self, documents: Sequence[TokenizedText]) -> list[_Item]:
        return [
            _Item(number, window, self.featurizer.window_ids(document, window))
            for number, document in enumerate(documents)
            for window in document.windows
        ]

    def _encoded(self, items: Sequence[_Item]):
        """(items, batch, states) of batches of like length; rows of the batch beyond the items are padding."""
        for planned in self.shapes.sentence_batches([len(item.ids) for item in items], PADDED_TOKENS):
            members = [items[i] for i in planned.members]
            batch = pad_sentences([item.ids for item in members], planned.length, planned.B)
            yield members, batch, self._encode(batch)

    def _tagged(self, items: Sequence[_Item], batch: Batch, states, shift: float):
        """(first, last, type) of the best tagging, of each layer of each window; and the emissions."""
        tags, emissions = self._tag(batch | {"entity_shift": np.float32(shift)}, states)
        lengths = np.repeat([len(item.ids) for item in items], self.featurizer.num_layers)
        rows = zip(np.asarray(tags), lengths, strict=False)
        return [self.featurizer.scheme.decode(row[1 : length - 1]) for row, length in rows], emissions

    def _with_probabilities(self, items: Sequence[_Item], tagged, batch: Batch, emissions, temperature: float):
        """The spans of each window, in document tokens."""
        scheme, num_layers = self.featurizer.scheme, self.featurizer.num_layers
        flat = [(r, first + 1, last + 1, *scheme.span_tags(t)) for r, s in enumerate(tagged) for first, last, t in s]
        batch = batch | {"entity_temperature": np.float32(temperature)}
        probability = iter(self._span_probabilities(batch, emissions, flat))
        spans: list[list[_Span]] = [[] for _ in items]
        for row, of_row in enumerate(tagged):
            number, layer = divmod(row, num_layers)
            before = items[number].window.first_token
            spans[number] += [
                _Span(before + first, before + last, t, next(probability), layer) for first, last, t in of_row
            ]
        return [self._distinct(s) for s in spans] if num_layers > 1 else spans

    def _distinct(self, spans: Sequence[_Span]) -> list[_Span]:
        """The spans of all layers in text order; of equal ones, that of the first layer."""
        number_of = self.featurizer.schema.entity_types.index
        ordered = sorted(spans, key=lambda s: (s.first, s.last, number_of(s.type), s.layer))
        groups = itertools.groupby(ordered, key=lambda s: (s.first, s.last, s.type))
        return [next(group) for _, group in groups]

    def _span_probabilities(self, batch: Batch, emissions, spans: Sequence[tuple]) -> list[float]:
        """The probability of each (row, start, end, begin, inside, last, single): token positions and tags."""
        names = ("sentence", "start", "end", "begin", "inside", "last", "single")
        size, found = self.shapes.num_spans(len(spans), batch["token_ids"].shape), []
        for start in range(0, len(spans), size):
            some = spans[start : start + size]
            columns = np.full((size, len(names)), (0, 1, 1, 0, 0, 0, 0), np.int32)
            columns[: len(some)] = some
            log_p = self._span_log_probabilities(batch, emissions, dict(zip(names, columns.T, strict=True)))
            found += np.exp(np.asarray(log_p)[: len(some)]).tolist()
        return found

    # ------------------------------------------------------------------ relations
    def _relate_windows(self, documents, spans, chosen, related, threshold: float) -> None:
        """Scores the pairs of the chosen documents, each in the first window that holds it."""
        items, found = [], []
        for number in chosen:
            document = documents[number]
            for window, of_window in zip(
                document.windows, self._pairs_of_windows(document, spans[number]), strict=True
            ):
                if len(of_window.pairs):
                    items.append(_Item(number, window, self.featurizer.window_ids(document, window)))
                    found.append(of_window)
        pairs_of = {id(item): of_window for item, of_window in zip(items, found, strict=True)}
        for members, batch, states in self._encoded(items):
            self._score(members, [pairs_of[id(item)] for item in members], batch, states, related, threshold)

    def _pairs_of_windows(self, document: TokenizedText, spans: Sequence[_Span]) -> Iterator[_WindowPairs]:
        """For each window the pairs that it is the first to hold; work grows with a text's windows, not its pairs."""
        places = np.array([(span.first, span.last) for span in spans], np.int32).reshape(-1, 2)  # in text order
        reached = 0  # where the window before ends: it holds what ends up to there and begins within it
        for window in document.windows:
            begin, end = np.searchsorted(places[:, 0], window)
            of_window, pairs, before = self._pairs(document, spans[begin:end], int(begin))
            last = places[begin:end, 1][pairs].max(axis=1, initial=0)  # [p]
            yield _WindowPairs(of_window, pairs[(last > reached) & (last <= window.last_token)], before)
            reached = window.last_token

    def _pairs(self, document: TokenizedText, spans: Sequence[_Span], before: int = 0) -> _WindowPairs:
        """All candidate pairs of spans of a text."""
        scopes = document.scopes[np.array([span.first for span in spans], np.int64)]  # [n]
        return _WindowPairs(spans, self.featurizer.pairs([span.type for span in spans], scopes), before)

    def _score(self, items, of_windows: Sequence[_WindowPairs], batch: Batch, states, related, threshold: float):
        """Appends the pairs that are related with a probability above the threshold to `related[document]`."""
        owners, rows, spans, types, rivals, ends = [], [], [], [], [], []
        number_of = self.featurizer.schema.entity_types.index
        for row, (item, (found, pairs, before)) in enumerate(zip(items, of_windows, strict=True)):
            if not len(pairs):
                continue
            of_found = np.array([number_of(span.type) for span in found], np.int32)
            places = np.array([(span.first, span.last) for span in found], np.int32) + 1 - item.window.first_token
            owners.append(np.insert(pairs + before, 0, item.document, axis=1))  # [p, 3]
            rows.append(np.full(len(pairs), row, np.int32))
            spans.append(places[pairs].reshape(-1, 4))
            types.append(of_found[pairs])
            rivals.append(rivals_between(of_found, pairs))
            ends.append(np.array([span.probability for span in found])[pairs])
        if not owners:
            return
        owners, rows, spans, ends = map(np.concatenate, (owners, rows, spans, ends))
        facts = {"pair_types": np.concatenate(types), "pair_rivals": np.concatenate(rivals)}
        for part, packed in self._packed(rows, spans, facts, batch["token_ids"].shape):
            logits = np.asarray(self._classify(batch | packed, states))[: len(part)]  # [p, S]
            labels, margins = 1 + logits[:, 1:].argmax(axis=1), logits[:, 1:].max(axis=1) - logits[:, 0]
            probabilities = self.decision.relation_probabilities(margins, ends[part])
            for k in np.flatnonzero(probabilities > threshold).tolist():
                document, i, j = owners[part[k]].tolist()
                related[document].append(Related(i, j, int(labels[k]), float(margins[k]), float(probabilities[k])))

    def _packed(self, rows: np.ndarray, spans: np.ndarray, facts: dict, shape: tuple[int, int]):
        """(indices of pairs, their packed arrays) of each chunk."""
        for chunks in self.shapes.pair_chunks(pair_sizes(spans), shape):
            for part in chunks.parts:
                yield (
                    part,
                    pack_pairs(rows[part], spans[part], chunks.shape.size, {k: v[part] for k, v in facts.items()}),
                )

    def _result(self, document: TokenizedText, spans: Sequence[_Span], related) -> Extraction:
        entities = self._entities(document, spans)
        relations, related = [], sorted(related)
        for pair in related:
            relation_class = self.featurizer.schema.relation_classes[pair.label - 1]
            head, tail = directed(entities[pair.first], entities[pair.second], relation_class.direction)
            relations.append(Relation(head.id, tail.id, relation_class.type))
        return Extraction(
            entities,
            tuple(span.probability for span in spans),
            tuple(relations),
            tuple(pair.probability for pair in related),
            tuple(pair.margin for pair in related),
        )

    def _entities(self, document: TokenizedText, spans: Sequence[_Span]) -> tuple[Entity, ...]:
        return tuple(
            entity_of(document.encoding, span.first, span.last, span.type, number)
            for number, span in enumerate(spans, start=1)
        )


def _counting(documents: Sequence[TokenizedText]) -> list[dict[Window, Owned]]:
    """What counts in each window of each document."""
    return [dict(zip(d.windows, owned(d.windows), strict=True)) for d in documents]


def _keep_counting(spans: Sequence[list[_Span]], items: Sequence[_Item], found, counting) -> None:
    """Adds to each document's spans those that count in the window they were found in."""
    for item, spans_of_item in zip(items, found, strict=True):
        of_window = counting[item.document][item.window]
        spans[item.document] += [span for span in spans_of_item if of_window.counts(span.first, span.last)]


def _shapes(model: ExtractionModel, options, few: bool) -> Shapes:
    memory = model.pair_memory(options)
    return few_shapes()(options.max_tokens, memory) if few else ExactShapes(memory)


def _without_overlaps(spans: Sequence[_Span]) -> list[_Span]:
    """Spans in text order; of two of a layer that overlap where windows meet, the first stays.

    Of two that begin together it is the longer: the other is what a window's end left of it.
    """
    kept: list[_Span] = []
    reached: dict[int, int] = {}  # where the last span of each layer ends
    for span in sorted(spans, key=lambda s: (s.first, -s.last)):
        if span.first >= reached.get(span.layer, 0):
            kept.append(span)
            reached[span.layer] = span.last
    return sorted(kept, key=lambda s: (s.first, s.last))  # stable: equal places stay as `_distinct` has them
