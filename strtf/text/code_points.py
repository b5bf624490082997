"""Character tokenization as a table: code point -> id of the vocabulary.

Every code point is one token, whatever its neighbours, so `ids = table[code_points]` is the whole tokenizer.
A serving graph runs the same table with core operators (`tf.strings.unicode_decode`, a gather).

The rule for one code point takes the first of these forms that the vocabulary holds:
1. the character, folded as Google's BERT does where lower-casing is on (lower case, no accents);
2. its stand-in of `STAND_INS`;
3. its compatibility form (NFKC) where that is a single character, e.g. a half-width letter;
and [UNK] where it holds none. Form 1 comes first, so the full-width ， （ ： ％ of Google's vocabulary keep
their own ids. Tokenizers that apply NFKC to everything replace them by ASCII and lose 402 pretrained tokens.

White space and control characters have no entry in BERT vocabularies and become [UNK]. BERT never saw them in
pretraining (its tokenizer drops them), but it saw [UNK] as "some character, unknown which" beside Chinese
text; `[unusedN]` rows were never trained at all, and their names differ between vocabularies.
"""

import sys
import unicodedata

import numpy as np

from strtf.text.vocabulary import Vocabulary

NUM_CODE_POINTS = sys.maxunicode + 1

# One character to one, so that offsets hold. In order of preference. Google's Chinese vocabulary lacks all keys.
STAND_INS = {
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("‘’`´", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),  # hyphens, dashes, minus sign
    "…": "⋯.",  # Google's Chinese vocabulary holds U+22EF, single and doubled
}


def stand_ins(vocabulary: Vocabulary) -> dict[str, str]:
    """The characters of `STAND_INS` that the vocabulary lacks, each with the first stand-in that it holds."""
    return {
        char: next(other for other in others if other in vocabulary)
        for char, others in STAND_INS.items()
        if char not in vocabulary and any(other in vocabulary for other in others)
    }


def fold(char: str) -> str:
    """Lower-cases one character and strips its accents: always one character for one.

    Google's `BasicTokenizer` decomposes (NFD) and drops combining marks (Mn). Where that does not leave exactly
    one character (a lone mark, a Hangul syllable), the character keeps its form.
    """
    bare = "".join(c for c in unicodedata.normalize("NFD", char) if unicodedata.category(c) != "Mn")
    lower = (bare if len(bare) == 1 else char).lower()
    return lower if len(lower) == 1 else char


def code_point_ids(vocabulary: Vocabulary, lowercase: bool) -> np.ndarray:
    """The table of the rule above.

    Returns:
        int32 [1114112], indexed by code point. Surrogates are [UNK].
    """
    table = np.full(NUM_CODE_POINTS, vocabulary.unk_id, np.int32)
    for token, index in vocabulary.ids.items():
        if len(token) == 1:
            table[ord(token)] = index
    replaced = stand_ins(vocabulary)
    # All other characters have one form only, for which the lines above did the look-up.
    for char in map(chr, range(NUM_CODE_POINTS)):
        if unicodedata.decomposition(char) or char in replaced or (lowercase and char.lower() != char):
            table[ord(char)] = _character_id(char, vocabulary, lowercase, replaced)
    return table


def to_code_points(text: str) -> np.ndarray:
    """uint32 [len(text)]; lone surrogates, which Python's str allows, included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _character_id(char: str, vocabulary: Vocabulary, lowercase: bool, replaced: dict[str, str]) -> int:
    folded = fold(char) if lowercase else char
    compatible = unicodedata.normalize("NFKC", folded)
    if lowercase and len(compatible) == 1:
        compatible = fold(compatible)
    forms = (folded, replaced.get(folded, folded), compatible)
    return next((vocabulary.ids[form] for form in forms if form in vocabulary), vocabulary.unk_id)
