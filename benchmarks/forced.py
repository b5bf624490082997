"""Extraction with given entities: untrained weights tag nonsense, and how many entities they find decides the time.

Everything is run and timed as in the product, Viterbi and marginals included; only what Viterbi answers gives way to
the given tags.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from strtf.data.features import Example, Featurizer
from strtf.extraction.extractor import Extractor
from strtf.extraction.load import make_extractor


def forced_extractor(experiment, model, featurizer: Featurizer, examples: Sequence[Example]) -> Extractor:
    """The product's extractor, which finds the entities of the examples."""
    return make_extractor(experiment, ForcedTags(model, examples), featurizer)


class ForcedTags:
    """A model whose `tag` answers with the examples' tags; in all else the model itself.

    Args:
        model: an `ExtractionModel` with the task NER.
        examples: windows with one layer of tags; other windows keep their Viterbi tags.
    """

    def __init__(self, model, examples: Sequence[Example]):
        self._model = model
        longest = model.encoder.config.max_positions
        # windows are told apart by a hash of their tokens, in which padding ([PAD] = 0) counts nothing
        self._factors = np.random.default_rng(0).integers(1, 2**31 - 1, longest).astype(np.int32)
        ids, self._tags = (np.zeros((len(examples), longest), np.int32) for _ in range(2))
        for row, example in enumerate(examples):
            ids[row, : len(example.token_ids)] = example.token_ids
            self._tags[row, : len(example.token_ids)] = example.tags[0]
        self._keys = (ids * self._factors).sum(axis=1, dtype=np.int32)  # wraps around, as the backends do

    def __getattr__(self, name):
        return getattr(self._model, name)

    def tag(self, batch, states):
        tags, emissions = self._model.tag(batch, states)
        ids = batch["token_ids"]
        length = ops.shape(ids)[1]
        key = ops.sum(ids * ops.convert_to_tensor(self._factors)[:length], axis=1)  # [B]
        same = key[:, None] == ops.convert_to_tensor(self._keys)[None]  # [B, examples]
        given = ops.take(ops.convert_to_tensor(self._tags), ops.argmax(same, axis=1), axis=0)[:, :length]  # [B, T]
        # the choice depends on both, so no compiler leaves the decoding out
        return ops.where(ops.any(same, axis=1)[:, None], given, ops.cast(tags, given.dtype)), emissions
