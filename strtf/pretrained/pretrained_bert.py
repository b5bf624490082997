"""What every kind of checkpoint is turned into."""

import dataclasses
import re

import numpy as np

from strtf.errors import StrtfError
from strtf.layers.str_encoder import EncoderConfig
from strtf.text.vocabulary import Vocabulary

# [CLS], [unused1], <S>: no text is ever tokenized into these
_MARKER = re.compile(r"\[.*\]|<.*>")


@dataclasses.dataclass(frozen=True)
class PretrainedBert:
    """A pretrained BERT in our own terms.

    Attributes:
        config: the encoder's shape, GELU form included.
        weights: float32 arrays by the variable's path relative to the encoder: "embedding/word",
            "block_01/qkv_kernel", ….
        vocabulary: config.vocabulary_size tokens.
        lowercase: whether its texts were lower-cased; None where the files do not say.
        source: directory or preset the weights were read from.
        skipped: variables of the file that our encoder has no use for: pooler, pretraining heads, optimizer
            slots.
    """

    config: EncoderConfig
    weights: dict[str, np.ndarray]
    vocabulary: Vocabulary
    lowercase: bool | None
    source: str
    skipped: tuple[str, ...]

    def __post_init__(self):
        expected, found = self.config.vocabulary_size, len(self.vocabulary)
        if found != expected:
            raise StrtfError(
                f"{self.vocabulary.source} must hold {expected} tokens, as many as {self.source} embeds. "
                f"Received: a vocabulary of the wrong size, {found}. "
                "Take the vocab.txt that came with the weights."
            )


def is_lowercase(vocabulary: Vocabulary) -> bool:
    """True where no token but a marker such as [CLS] holds a capital Latin letter.

    Such a vocabulary was made from lower-cased text, and an upper-case letter would become [UNK]. Google's
    Chinese and "uncased" vocabularies are of this kind; the files themselves do not say.
    """
    return not any(re.search("[A-Z]", token) for token in vocabulary.tokens if not _MARKER.fullmatch(token))
