import pathlib
import unicodedata

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strtf.config import Tokenization
from strtf.errors import StrtfError
from strtf.text.code_points import STAND_INS
from strtf.text.encoding import align
from strtf.text.surface import ATTACHED, BLANK, letter_case
from strtf.text.tokenizer import make_tokenizer
from strtf.text.vocabulary import SPECIAL_TOKENS, Vocabulary

CHINESE_VOCABULARY = pathlib.Path(__file__).resolve().parents[2] / "checkpoints/zh_small/vocab.txt"
needs_chinese = pytest.mark.skipif(not CHINESE_VOCABULARY.exists(), reason="needs checkpoints/zh_small")

CHARACTERS = "胃窄约，。：（）％5.×2ambx⋯-\"'ㅎㅏㄴ"
VOCABULARY = Vocabulary((*SPECIAL_TOKENS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), "##mm", "20"))
CHARACTER = make_tokenizer(VOCABULARY, Tokenization.CHARACTER, lowercase=True)
WORDPIECE = make_tokenizer(VOCABULARY, Tokenization.WORDPIECE, lowercase=True)

WITH_FORMS = {kind: make_tokenizer(VOCABULARY, kind, lowercase=True, forms=True) for kind in Tokenization}

both = pytest.mark.parametrize("tokenizer", [CHARACTER, WORDPIECE], ids=list(map(str, Tokenization)))

# Emoji with joiners, combining marks, right-to-left letters, Hangul, full-width forms beside anything else.
texts = st.text(
    st.sampled_from(CHARACTERS + "AÉİß e\u0301\u200d👩🏽שלום한Ａ１“”‘’…–—\n\t\u3000\u2028\x00") | st.characters()
)


def tokens(encoding) -> list[str]:
    return [VOCABULARY.tokens[i % len(VOCABULARY)] for i in encoding.ids]


@settings(deadline=None, max_examples=200)
@given(texts)
def test_character_mode_gives_each_character_one_token(text):
    encoding = CHARACTER.encode(text)
    assert encoding.starts.tolist() == list(range(len(text)))
    assert encoding.ends.tolist() == list(range(1, len(text) + 1))
    assert len(encoding.ids) == len(text)


@both
@pytest.mark.parametrize("text", ["", "胃 a"])
def test_arrays_are_int32(tokenizer, text):
    encoding = tokenizer.encode(text)
    assert {encoding.ids.dtype, encoding.starts.dtype, encoding.ends.dtype} == {np.dtype(np.int32)}


@both
@settings(deadline=None, max_examples=200)
@given(text=texts)
@example(text="\ud800胃")
def test_ids_are_within_the_vocabulary_but_for_white_space(tokenizer, text):
    encoding = tokenizer.encode(text)
    blank = np.array(
        [text[start:end].isspace() for start, end in zip(encoding.starts, encoding.ends, strict=True)], int
    )
    np.testing.assert_array_equal(encoding.ids // len(VOCABULARY), BLANK * blank)


@settings(deadline=None, max_examples=200)
@given(texts)
@example("한m")
def test_wordpiece_offsets_increase_within_the_text(text):
    encoding = WORDPIECE.encode(text)
    assert (encoding.starts < encoding.ends).all()
    assert (np.diff(encoding.starts) >= 0).all() and (np.diff(encoding.ends) >= 0).all()
    assert len(encoding) == 0 or (encoding.starts[0] >= 0 and encoding.ends[-1] <= len(text))


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(categories=["Lo", "Nd", "Ll", "Po"]), max_size=30))
def test_characters_are_the_same_under_any_neighbours(text):
    alone = [int(CHARACTER.encode(char).ids[0]) for char in text]
    assert CHARACTER.encode(text).ids.tolist() == alone


def test_wordpiece_keeps_pieces_of_words_with_their_place():
    encoding = WORDPIECE.encode("胃 20MM，窄")
    assert tokens(encoding) == ["胃", "20", "##mm", "，", "窄"]
    assert list(zip(encoding.starts.tolist(), encoding.ends.tolist(), strict=True)) == [
        (0, 1),
        (2, 4),
        (4, 6),
        (6, 7),
        (7, 8),
    ]


@both
def test_quotes_and_dashes_get_their_stand_ins(tokenizer):
    assert tokens(tokenizer.encode("“胃”—‘胃’…")) == ['"', "胃", '"', "-", "'", "胃", "'", "⋯"]


@both
def test_special_tokens_cannot_be_written_in_a_text(tokenizer):
    special = [VOCABULARY.id(token) for token in SPECIAL_TOKENS if token != "[UNK]"]
    assert not np.isin(tokenizer.encode("胃[SEP]胃 [CLS] [MASK] [PAD]").ids, special).any()


def test_case_is_kept_without_lowercase():
    vocabulary = Vocabulary((*SPECIAL_TOKENS, "Am", "am"))
    encoding = make_tokenizer(vocabulary, Tokenization.WORDPIECE, lowercase=False).encode("Am am")
    assert [vocabulary.tokens[i] for i in encoding.ids] == ["Am", "am"]


@both
@settings(deadline=None, max_examples=100)
@given(text=texts)
@example(text="\ud800Am MRI ÉX")
def test_ids_with_forms_are_those_without_and_the_form_of_each_token(tokenizer, text):
    kind = Tokenization.CHARACTER if tokenizer is CHARACTER else Tokenization.WORDPIECE
    plain, formed = tokenizer.encode(text), WITH_FORMS[kind].encode(text)
    np.testing.assert_array_equal(formed.ids % len(VOCABULARY), plain.ids % len(VOCABULARY))
    expected, before = [], None
    for start, end in zip(plain.starts.tolist(), plain.ends.tolist(), strict=True):
        attached = kind is Tokenization.WORDPIECE and start == before
        token = text[start:end]
        expected.append(BLANK if token.isspace() else letter_case(token) + ATTACHED * attached)
        before = end
    assert (formed.ids // len(VOCABULARY)).tolist() == expected
    np.testing.assert_array_equal(formed.starts, plain.starts)
    assert formed.ids.dtype == np.int32


def test_unknown_tokenization_lists_the_choices():
    with pytest.raises(StrtfError, match=r"tokenization must be one of character, wordpiece. Received: bpe"):
        make_tokenizer(VOCABULARY, "bpe", lowercase=True)


@pytest.fixture(scope="module")
def reference():
    return tokenizers.BertWordPieceTokenizer(str(CHINESE_VOCABULARY), lowercase=True)


@pytest.fixture(scope="module", params=Tokenization)
def chinese(request):
    return make_tokenizer(Vocabulary.load(CHINESE_VOCABULARY), request.param, lowercase=True)


@needs_chinese
def test_single_characters_have_googles_ids(chinese, reference):
    # CJK ideographs with their compatibility forms, full-width forms, CJK punctuation, ASCII, Latin, Greek
    blocks = [
        (0x4E00, 0x9FFF),
        (0xF900, 0xFAD9),
        (0xFF01, 0xFF5E),
        (0x3001, 0x303F),
        (0x21, 0x24F),
        (0x370, 0x3FF),
    ]
    chars = [chr(c) for first, last in blocks for c in range(first, last + 1)]
    expected = reference.encode_batch(chars, add_special_tokens=False)
    known = [(c, e.ids[0]) for c, e in zip(chars, expected, strict=True) if len(e.ids) == 1 and e.tokens != ["[UNK]"]]
    assert len(known) > 7000
    assert [(c, int(i)) for c, _ in known for i in chinese.encode(c).ids] == known


@pytest.fixture(scope="module")
def wordpiece():
    return make_tokenizer(Vocabulary.load(CHINESE_VOCABULARY), Tokenization.WORDPIECE, lowercase=True)


@needs_chinese
@settings(deadline=None, max_examples=200)
@given(
    text=st.text(
        st.sampled_from("患者，（％：）。 1.5mm×20MMéİβ受体👩\u0301한\n\t\x00")
        # without stand-ins, and without "[": the reference reads special tokens from the text
        | st.characters(codec="utf-8", exclude_characters=[*STAND_INS, "["]),
        max_size=60,
    )
)
def test_wordpiece_equals_hugging_face(wordpiece, reference, text):
    expected = reference.encode(text, add_special_tokens=False)
    encoding = wordpiece.encode(text)
    offsets = list(zip(encoding.starts.tolist(), encoding.ends.tolist(), strict=True))
    assert encoding.ids.tolist() == expected.ids
    assert [start for start, _ in offsets] == [start for start, _ in expected.offsets]
    limits = [*(start for start, _ in offsets[1:]), len(text)]
    for (_, end), (_, theirs), following in zip(offsets, expected.offsets, limits, strict=False):
        assert theirs <= end <= max(theirs, following)
        assert all(unicodedata.category(char) == "Mn" for char in text[theirs:end])


def test_marks_at_the_end_of_a_word_are_its_last_token_s(wordpiece):
    text = "cafe\u0301\u0300 e\u0301a"
    encoding = wordpiece.encode(text)
    first, last = align(encoding, 0, 6)
    assert encoding.char_span(first, last) == (0, 6)
    assert encoding.ends[-1] == len(text)


@needs_chinese
def test_chinese_clinical_text_has_no_unknown_token(chinese):
    text = "左前降支（LAD）近段狭窄约50％，“支架”3.5mm×20mm—TIMI Ⅲ级…"
    unknown = chinese.vocabulary.unk_id
    encoding = chinese.encode(text)
    assert {text[start] for start in encoding.starts[encoding.ids == unknown]} <= {" "}
