"""Text to token ids with character offsets, in two ways.

- `character`: one token a character. Spans always align, nothing is lost, and the rule is a table (see
  `code_points.py`). The default for Chinese.
- `wordpiece`: Google's BERT tokenizer. Keeps numbers and Latin words in few tokens; needed for English. A span may
  begin or end inside a token.

Both leave out [CLS] and [SEP], and neither reads a literal "[SEP]" in the text as the special token.
"""

import functools
import unicodedata
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tokenizers

from strtf.config import Tokenization
from strtf.errors import StrtfError
from strtf.text.code_points import NUM_CODE_POINTS, code_point_ids, stand_ins, to_code_points
from strtf.text.encoding import Encoding
from strtf.text.surface import code_point_forms, token_forms
from strtf.text.vocabulary import UNK, Vocabulary

REPLACEMENT_CHARACTER = "\ufffd"


class Tokenizer(Protocol):
    vocabulary: Vocabulary

    def encode(self, text: str) -> Encoding: ...


class CharacterTokenizer:
    """Exactly one token per code point.

    Attributes:
        code_point_ids: int32 [1114112], the whole rule, as a serving graph needs it.
    """

    def __init__(self, vocabulary: Vocabulary, lowercase: bool, forms: bool = False):
        self.vocabulary = vocabulary
        self.code_point_ids = _table(vocabulary, lowercase, forms)

    def encode(self, text: str) -> Encoding:
        starts = np.arange(len(text), dtype=np.int32)
        return Encoding(self.code_point_ids[to_code_points(text)], starts, starts + np.int32(1))


@functools.lru_cache(maxsize=4)  # it takes a third of a second, and a program that checks or scores makes several
def _table(vocabulary: Vocabulary, lowercase: bool, forms: bool) -> np.ndarray:
    table = code_point_ids(vocabulary, lowercase)
    table += code_point_forms(NUM_CODE_POINTS, cases=forms) * np.int32(len(vocabulary))
    table.flags.writeable = False
    return table


class WordPieceTokenizer:
    """Greedy longest-match WordPiece, as Google's `FullTokenizer`.

    The engine is Hugging Face `tokenizers`, whose offsets count characters of the text as given. It drops white
    space, control characters, private-use characters (which Google keeps, as [UNK]), U+FFFD and, where it lower-cases,
    combining marks: these have no token of their own. Marks that end a word are put to its last token, for they end an
    entity too.
    """

    def __init__(self, vocabulary: Vocabulary, lowercase: bool, forms: bool = False):
        self.vocabulary = vocabulary
        self._forms = forms
        # The engine takes UTF-8 only, which cannot write the lone surrogates of a Python string.
        surrogates = dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT_CHARACTER)
        self._one_to_one = surrogates | str.maketrans(stand_ins(vocabulary))
        self._tokenizer = tokenizers.Tokenizer(
            # 200: Google's limit; a longer "word" is one [UNK].
            tokenizers.models.WordPiece(vocabulary.ids, unk_token=UNK, max_input_chars_per_word=200)
        )
        self._tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
        self._tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()

    def encode(self, text: str) -> Encoding:
        encoded = self._tokenizer.encode(text.translate(self._one_to_one))
        offsets = np.array(_with_marks(encoded.offsets, text), np.int32).reshape(-1, 2)
        ids = np.array(encoded.ids, np.int32)
        if self._forms:
            ids += token_forms(text, *offsets.T) * np.int32(len(self.vocabulary))
        return Encoding(ids, offsets[:, 0], offsets[:, 1])


def _with_marks(offsets: Sequence[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """The offsets, each end moved over the combining marks behind it that have no token."""
    moved, following = [], [*(start for start, _ in offsets[1:]), len(text)]
    for (start, end), limit in zip(offsets, following, strict=False):
        while end < limit and unicodedata.category(text[end]) == "Mn":
            end += 1
        moved.append((start, end))
    return moved


_TOKENIZERS = {Tokenization.CHARACTER: CharacterTokenizer, Tokenization.WORDPIECE: WordPieceTokenizer}


def make_tokenizer(
    vocabulary: Vocabulary, tokenization: Tokenization, lowercase: bool, forms: bool = False
) -> Tokenizer:
    """The tokenizer of a run.

    Args:
        lowercase: fold case and accents; on for vocabularies without upper-case letters, such as Google's
            Chinese one and the "uncased" English ones.
        forms: write into each id what else the text shows of the token, see `surface.py`; white space always is.

    Raises:
        StrtfError: for a tokenization that does not exist.
    """
    if tokenization not in _TOKENIZERS:
        raise StrtfError(f"tokenization must be one of {', '.join(_TOKENIZERS)}. Received: {tokenization}.")
    return _TOKENIZERS[tokenization](vocabulary, lowercase, forms)
