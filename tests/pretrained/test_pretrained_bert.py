import pytest

from strtf.errors import StrtfError
from strtf.pretrained.pretrained_bert import PretrainedBert, is_lowercase
from strtf.text.vocabulary import SPECIAL_TOKENS, Vocabulary


@pytest.mark.parametrize(
    ("tokens", "lowercase"),
    [
        (("a", "##b", "胃"), True),
        (("[UNUSED1]", "<S>"), True),
        (("A",), False),
        (("##mM",), False),
        (("[A",), False),
    ],
)
def test_capitals_outside_markers_tell_a_cased_vocabulary(tokens, lowercase):
    assert is_lowercase(Vocabulary((*SPECIAL_TOKENS, *tokens))) is lowercase


def test_vocabulary_and_word_embeddings_have_one_size(tiny_config):
    vocabulary = Vocabulary(SPECIAL_TOKENS, "vocab.txt")
    with pytest.raises(StrtfError, match=r"^vocab\.txt must hold 50 tokens, as many as here embeds\. .* 5\."):
        PretrainedBert(tiny_config, {}, vocabulary, True, "here", ())
