import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.errors import StrtfError
from strtf.text.vocabulary import SPECIAL_TOKENS, Vocabulary

CHINESE_VOCABULARY = pathlib.Path(__file__).resolve().parents[2] / "checkpoints/zh_small/vocab.txt"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vocab.txt"


def write(path, content: str):
    path.write_bytes(content.encode())
    return path


def test_ids_are_line_numbers_from_zero(path):
    vocabulary = Vocabulary.load(write(path, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n胃\n"))
    assert (len(vocabulary), vocabulary.id("胃"), vocabulary.mask_id) == (6, 5, 4)


def test_special_tokens_are_looked_up_not_assumed(path):
    vocabulary = Vocabulary.load(write(path, "[MASK]\n[SEP]\n[CLS]\n[UNK]\n[PAD]\n"))
    ids = (vocabulary.pad_id, vocabulary.unk_id, vocabulary.cls_id, vocabulary.sep_id, vocabulary.mask_id)
    assert ids == (4, 3, 2, 1, 0)


def test_unknown_token_has_the_id_of_unk(path):
    vocabulary = Vocabulary(SPECIAL_TOKENS)
    assert "胃" not in vocabulary and vocabulary.id("胃") == vocabulary.unk_id


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_newline_separates_lines(path, separator):
    content = "".join(token + "\n" for token in (*SPECIAL_TOKENS, separator, "胃"))
    assert Vocabulary.load(write(path, content)).id("胃") == 6


@pytest.mark.parametrize(
    "content", ["{}\r\n", "{}", "{}\n\n", "\ufeff{}\n"], ids=["crlf", "no final newline", "blank end", "bom"]
)
def test_line_ends_of_editors_change_nothing(path, content):
    newline = "\r\n" if "\r" in content else "\n"
    loaded = Vocabulary.load(write(path, content.format(newline.join(SPECIAL_TOKENS))))
    assert loaded == Vocabulary(SPECIAL_TOKENS)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)))
def test_saved_vocabulary_reloads_equal(tmp_path_factory, tokens):
    vocabulary = Vocabulary(tuple(dict.fromkeys((*SPECIAL_TOKENS, *tokens))))
    path = tmp_path_factory.getbasetemp() / "saved.txt"
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary


def test_saving_reproduces_the_bytes(path):
    content = "".join(token + "\n" for token in (*SPECIAL_TOKENS, "\u2028", "##\u2028", "，"))
    Vocabulary.load(write(path, content)).save(path)
    assert path.read_bytes() == content.encode()


@pytest.mark.parametrize("content", ["", "\n", "\r\n"])
def test_empty_file_is_an_error(path, content):
    with pytest.raises(StrtfError, match="must hold one token a line. Received: an empty file"):
        Vocabulary.load(write(path, content))


def test_duplicate_lines_are_an_error_naming_both(path):
    content = "\n".join([*SPECIAL_TOKENS, "胃", "肝", "胃"])
    with pytest.raises(StrtfError, match=r"vocab.txt:8: .*'胃' on lines 6 and 8"):
        Vocabulary.load(write(path, content))


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_missing_special_token_is_an_error(path, token):
    content = "\n".join(other for other in SPECIAL_TOKENS if other != token)
    with pytest.raises(StrtfError, match=rf"a vocabulary without \{token[:-1]}\]"):
        Vocabulary.load(write(path, content))


def test_file_that_is_not_utf8_is_an_error_naming_the_line(path):
    path.write_bytes("[PAD]\n[UNK]\n肝\n".encode("gb18030"))
    with pytest.raises(StrtfError, match=r"vocab.txt:3: vocabulary must be UTF-8"):
        Vocabulary.load(path)


def test_missing_file_is_an_error(path):
    with pytest.raises(StrtfError, match="must be a readable file. Received: .*vocab.txt"):
        Vocabulary.load(path)


@pytest.mark.skipif(not CHINESE_VOCABULARY.exists(), reason="needs checkpoints/zh_small")
def test_google_chinese_vocabulary_has_all_its_entries():
    vocabulary = Vocabulary.load(CHINESE_VOCABULARY)
    assert (len(vocabulary), vocabulary.id("\u2028"), vocabulary.id("##\u2028")) == (21128, 343, 13502)
