"""Windows in the graph against those of `text/windows.py`."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.serving.texts import CharacterIds, decode_texts
from strtf.serving.windows import cut_windows
from strtf.text.windows import owned, windows

IDS = CharacterIds(np.zeros(0x110000, np.int32))
ALPHABET = "胃窄约，。；!.: \n\t\u3000\u2028a😀"
texts = st.lists(st.text(st.sampled_from(ALPHABET), max_size=80), min_size=1, max_size=4)


def in_graph(batch, max_tokens, overlap):
    """{text: [(first, last, owned first, owned last, reached), …]}."""
    found = decode_texts(tf.constant([text.encode() for text in batch]), IDS)
    cut = cut_windows(found, max_tokens, overlap)
    rows = {number: [] for number in range(len(batch))}
    for text, *bounds in zip(*(column.numpy().tolist() for column in cut), strict=True):
        rows[found.order.numpy()[text]].append(tuple(bounds))
    return rows


def assert_same(batch, max_tokens, overlap):
    found = in_graph(batch, max_tokens, overlap)
    for number, text in enumerate(batch):
        wanted = windows(text, range(len(text)), range(1, len(text) + 1), max_tokens, overlap)
        assert found[number] == [(*w, *o) for w, o in zip(wanted, owned(wanted), strict=True)]


@settings(deadline=None, max_examples=60)
@given(batch=texts, max_tokens=st.integers(4, 20), data=st.data())
def test_any_texts(batch, max_tokens, data):
    assert_same(batch, max_tokens, data.draw(st.integers(0, max_tokens // 2)))


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 100])
def test_lengths_around_a_window(length):
    assert_same(["左" * length, ""], 10, 4)


def test_every_white_space_is_a_pause():
    spaces = [chr(point) for point in range(0x110000) if chr(point).isspace()]
    assert_same([f"左{a}右.{b}中上下前后" for a, b in itertools.zip_longest(spaces, spaces[::-1])], 6, 2)
