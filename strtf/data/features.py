"""Annotated sentences as numbers: token ids, BIEOS tags, entity spans in tokens, relation class of every pair."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from strtf.config import OverlapPolicy, PairScope
from strtf.data.overlaps import resolve_overlaps
from strtf.data.pairs import rivals_between
from strtf.schema import Entity, Schema, Sentence, candidate_pairs, pair_classes, text_order
from strtf.text.bieos import TagScheme
from strtf.text.encoding import Encoding, align
from strtf.text.scope import scope_numbers
from strtf.text.tokenizer import Tokenizer
from strtf.text.windows import Window, first_window_holding, windows

SPECIAL_TOKENS = 2  # [CLS] and [SEP] of each window

# What the model cannot be shown, by cause. Each such item is counted and reported, never silently moved.
MISALIGNED = "entities inside a token"
CUT = "entities cut by every window"
OVERLAPPING = "overlapping entities"
APART = "relations that no window holds"
LOST_END = "relations of such an entity"
NO_CLASS = "relations without a class of their own"
FILTERED = "relations that the pair filter leaves out"
BETWEEN = "relations between lines"


@dataclasses.dataclass(frozen=True, eq=False)
class TokenizedText:
    """A text's tokens and the windows that the encoder reads.

    Attributes:
        scopes: int32 [n], of each token the number of the part of the text that may hold a relation of it.
    """

    encoding: Encoding
    windows: list[Window]
    scopes: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """One window with its gold annotation; positions count [CLS] as 0.

    Attributes:
        id: of the sentence.
        token_ids: int32 [t], [CLS] and [SEP] included.
        tags: int32 [layers, t]; [CLS] and [SEP] are outside.
        spans: int32 [n, 2], token spans of the entities in text order.
        types: int32 [n], their types by index in the schema.
        pairs: int32 [p, 2], indices into `spans`: the candidate pairs.
        labels: int32 [p], relation class of each pair, 0 = no relation.
    """

    id: str
    token_ids: np.ndarray
    tags: np.ndarray
    spans: np.ndarray
    types: np.ndarray
    pairs: np.ndarray
    labels: np.ndarray

    def pair_spans(self, chosen) -> np.ndarray:
        """int32 [c, 4] for the chosen pairs."""
        return self.spans[self.pairs[chosen]].reshape(-1, 4)

    def pair_types(self, chosen) -> np.ndarray:
        """int32 [c, 2] for the chosen pairs."""
        return self.types[self.pairs[chosen]].reshape(-1, 2)

    def pair_rivals(self, chosen) -> np.ndarray:
        """int32 [c, 2] for the chosen pairs."""
        return rivals_between(self.types, self.pairs[chosen])


class Placed(NamedTuple):
    """An entity, its tokens, `last` exclusive, and the layer of tags that holds it."""

    entity: Entity
    first: int
    last: int
    layer: int


class Featurizer:
    """Turns texts and sentences into model input.

    Args:
        tokenizer, scheme, schema: as of the run.
        max_tokens: longest window, special tokens included.
        window_overlap: tokens that two windows of a long text share; at most half a window.
        overlaps: what to do with overlapping entities.
        num_layers: sequences of tags that hold them.
        pair_filter: None, or a function of two type names: whether such a pair is a candidate at all.
        pair_scope: which part of a text both entities of a candidate pair begin in.
    """

    def __init__(self, tokenizer: Tokenizer, scheme: TagScheme, schema: Schema, max_tokens: int,
                 window_overlap: int, overlaps: OverlapPolicy = OverlapPolicy.LONGEST, pair_filter=None,
                 num_layers: int = 1, pair_scope: PairScope = PairScope.TEXT):  # fmt: skip
        self.tokenizer = tokenizer
        self.scheme = scheme
        self.schema = schema
        self.window_tokens = max_tokens - SPECIAL_TOKENS
        self.window_overlap = min(window_overlap, self.window_tokens // 2)
        self.overlaps = overlaps
        self.num_layers = num_layers
        self.pair_filter = pair_filter
        self.pair_scope = pair_scope
        vocabulary = tokenizer.vocabulary
        self._cls, self._sep = np.int32([vocabulary.cls_id]), np.int32([vocabulary.sep_id])

    def tokenize(self, text: str) -> TokenizedText:
        encoding = self.tokenizer.encode(text)
        cuts = windows(text, encoding.starts, encoding.ends, self.window_tokens, self.window_overlap)
        return TokenizedText(encoding, cuts, scope_numbers(text, encoding.starts, self.pair_scope))

    def window_ids(self, tokenized: TokenizedText, window: Window) -> np.ndarray:
        """int32 [t]: [CLS], the window's tokens, [SEP]."""
        ids = tokenized.encoding.ids[window.first_token : window.last_token]
        return np.concatenate([self._cls, ids, self._sep])

    def pairs(self, types: Sequence[str], scopes: np.ndarray) -> np.ndarray:
        """int32 [p, 2]: candidate pairs of entities in text order, given their types and parts of the text."""
        pairs = candidate_pairs(len(types))
        if self.pair_filter:
            pairs = [(i, j) for i, j in pairs if self.pair_filter(types[i], types[j])]
        pairs = np.array(pairs, np.int32).reshape(-1, 2)
        return pairs[scopes[pairs[:, 0]] == scopes[pairs[:, 1]]]

    def representable(self, sentence: Sentence, lost: collections.Counter):
        """The entities that tags can write; the rest is counted in `lost`.

        Returns:
            (the sentence without what overlaps leave out, TokenizedText, [Placed] in text order).
        """
        resolved = resolve_overlaps(sentence, self.overlaps, self.num_layers)
        sentence, layers, dropped_entities, dropped_relations = resolved
        lost[OVERLAPPING] += len(dropped_entities)
        lost[LOST_END] += len(dropped_relations)
        tokenized, kept = self.tokenize(sentence.text), []
        reached = [0] * self.num_layers  # where the last entity of each layer ends
        for entity in text_order(sentence.entities):
            tokens, layer = align(tokenized.encoding, entity.start, entity.end), layers[entity.id]
            # under WordPiece some characters have no token: tags cannot write a span that ends in one
            exact = tokens is not None and tokenized.encoding.char_span(*tokens) == entity.span
            if not exact or tokens[0] < reached[layer]:
                lost[MISALIGNED] += 1
            elif first_window_holding(tokenized.windows, *tokens) is None:
                lost[CUT] += 1
            else:
                kept.append(Placed(entity, *tokens, layer))
                reached[layer] = tokens[1]
        return sentence, tokenized, kept

    def examples(self, sentence: Sentence, lost: collections.Counter) -> list[Example]:
        """The windows of a sentence with their annotation."""
        sentence, tokenized, kept = self.representable(sentence, lost)
        ordered = [placed.entity for placed in kept]
        known = {entity.id for entity in ordered}
        lost[LOST_END] += sum(not {r.head, r.tail} <= known for r in sentence.relations)
        classes, without_class = pair_classes(sentence, ordered, self.schema)
        lost[NO_CLASS] += without_class
        if self.pair_filter:
            left_out = [(i, j) for i, j in classes if not self.pair_filter(ordered[i].type, ordered[j].type)]
            lost[FILTERED] += len(left_out)
            classes = {pair: index for pair, index in classes.items() if pair not in left_out}
        scopes = tokenized.scopes[np.array([placed.first for placed in kept], np.int64)]
        within = {(i, j): index for (i, j), index in classes.items() if scopes[i] == scopes[j]}
        lost[BETWEEN] += len(classes) - len(within)
        classes, placed, examples = within, set(), []
        for window in tokenized.windows:
            example, held = self._example(sentence.id, tokenized, window, kept, classes)
            placed |= held
            examples.append(example)
        lost[APART] += len(classes.keys() - placed)
        return examples

    def _example(self, sentence_id, tokenized, window: Window, kept: Sequence[Placed], classes):
        """One window's example, and the related pairs (indices into `kept`) that it holds."""
        inside = [i for i, e in enumerate(kept) if window.first_token <= e.first and e.last <= window.last_token]
        shift = 1 - window.first_token  # [CLS] is position 0
        spans = np.array([(kept[i].first + shift, kept[i].last + shift) for i in inside], np.int32).reshape(-1, 2)
        types = [kept[i].entity.type for i in inside]
        token_ids = self.window_ids(tokenized, window)
        layers: list[list[tuple]] = [[] for _ in range(self.num_layers)]
        for i, span, entity_type in zip(inside, spans.tolist(), types, strict=True):
            layers[kept[i].layer].append((*span, entity_type))
        tags = np.stack([self.scheme.encode(layer, len(token_ids)) for layer in layers])  # [layers, t]
        pairs = self.pairs(types, tokenized.scopes[spans[:, 0] - shift])
        labels = np.array([classes.get((inside[i], inside[j]), 0) for i, j in pairs], np.int32)
        held = {(inside[i], inside[j]) for i, j in pairs} & classes.keys()
        numbers = np.array([self.schema.entity_types.index(t) for t in types], np.int32)
        return Example(sentence_id, token_ids, tags, spans, numbers, pairs, labels), held

    def corpus(self, sentences: Sequence[Sentence]) -> tuple[list[Example], collections.Counter]:
        """Examples of a whole split, and what could not be represented."""
        lost = collections.Counter()
        examples = [example for sentence in sentences for example in self.examples(sentence, lost)]
        return examples, lost


def entity_of(encoding: Encoding, first: int, last: int, entity_type: str, number: int) -> Entity:
    """The entity that covers the tokens [first, last)."""
    start, end = encoding.char_span(first, last)
    return Entity(f"e{number}", start, end, entity_type)
