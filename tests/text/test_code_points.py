import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.text.code_points import STAND_INS, code_point_ids, fold, stand_ins, to_code_points
from strtf.text.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary((*SPECIAL_TOKENS, *"胃a1i-.\"'⋯，（豈ω", "##b", "ab"))
TABLE = code_point_ids(VOCABULARY, lowercase=True)


def look_up(char: str) -> str:
    return VOCABULARY.tokens[TABLE[ord(char)]]


def test_table_covers_every_code_point():
    assert TABLE.shape == (0x110000,) and TABLE.dtype == np.int32


@pytest.mark.parametrize(
    "char, token",
    [
        ("胃", "胃"),
        ("A", "a"),
        ("Á", "a"),
        ("İ", "i"),  # its lower case is two code points, "i" and a combining dot
        ("Ω", "ω"),  # the ohm sign decomposes to a Greek capital
        ("，", "，"),  # full-width and in the vocabulary
        ("Ａ", "a"),  # full-width and not in the vocabulary
        ("１", "1"),
        ("ᴬ", "a"),  # compatible to "A", which is folded in turn
        ("`", "'"),
        ("“", '"'),
        ("”", '"'),
        ("‘", "'"),
        ("’", "'"),
        ("…", "⋯"),
        ("–", "-"),
        ("—", "-"),
        ("―", "-"),
        ("\ufa0b", "[UNK]"),  # stands for 廓, which is missing
        ("㎜", "[UNK]"),  # compatible to two letters
        ("b", "[UNK]"),  # only "##b" is there
        (" ", "[UNK]"),
        ("\n", "[UNK]"),
        ("\u3000", "[UNK]"),
        ("\u0301", "[UNK]"),
        ("\ud800", "[UNK]"),
        ("\U0010ffff", "[UNK]"),
    ],
)
def test_token_of_a_character(char, token):
    assert look_up(char) == token


def test_case_and_accents_stay_without_lowercase():
    vocabulary = Vocabulary((*SPECIAL_TOKENS, *"aAÁ"))
    table = code_point_ids(vocabulary, lowercase=False)
    assert [vocabulary.tokens[table[ord(char)]] for char in "aAÁâ"] == ["a", "A", "Á", "[UNK]"]


def test_stand_in_is_used_only_for_characters_that_are_missing():
    assert stand_ins(Vocabulary((*SPECIAL_TOKENS, "“", '"', "."))) == {"”": '"', "…": "."}


def test_stand_ins_are_one_character_for_one():
    assert all(len(char) == 1 for char in STAND_INS)


@settings(deadline=None, max_examples=300)
@given(st.characters())
def test_folding_is_one_to_one_and_idempotent(char):
    assert len(fold(char)) == 1 and fold(fold(char)) == fold(char)


@settings(deadline=None, max_examples=300)
@given(st.characters())
def test_folding_agrees_with_lowercase_then_strip_accents(char):
    decomposed = unicodedata.normalize("NFD", char.lower())
    google = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    assert len(google) != 1 or fold(char) == google


def test_code_points_of_a_lone_surrogate():
    assert to_code_points("胃\ud800😀").tolist() == [0x80C3, 0xD800, 0x1F600]
