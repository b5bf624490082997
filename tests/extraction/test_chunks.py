"""Chunks of pairs: every pair once, under the budget."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from strtf.config import ModelOptions, RcCompute, RcMask
from strtf.extraction.chunks import bytes_per_row, pair_chunks, rows_per_pair
from strtf.layers.str_encoder import EncoderConfig

BASE = EncoderConfig(vocabulary_size=100, num_blocks=12, hidden_size=768, num_heads=12, intermediate_size=3072)
OPTIONS = st.builds(
    ModelOptions,
    rc_mask=st.sampled_from(RcMask),
    rc_compute=st.sampled_from(RcCompute),
    num_task_blocks=st.integers(1, 6),
    rc_memory_mb=st.integers(16, 64),
)


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(st.lists(st.integers(3, 60), max_size=300), st.integers(60, 512), OPTIONS)
def test_every_pair_is_in_one_chunk_and_no_chunk_too_big(sizes, length, options):
    sizes = np.array(sizes, np.int64)
    chunks = list(pair_chunks(sizes, length, BASE, options))
    assert sorted(index for chunk in chunks for index in chunk.tolist()) == list(range(len(sizes)))
    rows = rows_per_pair(sizes, length, options)
    for chunk in chunks:
        padded = len(chunk) * rows[chunk].max() * bytes_per_row(BASE, length, options)
        assert padded <= options.rc_memory_mb * 2**20 or len(chunk) == 1


def test_pairs_of_like_size_go_together():
    sizes = np.tile([3, 50], 500)
    options = ModelOptions(rc_memory_mb=16)
    chunks = list(pair_chunks(sizes, 100, BASE, options))
    assert len(chunks) > 2
    assert sum(len(set(sizes[chunk])) > 1 for chunk in chunks) <= 1


def test_more_memory_makes_fewer_chunks():
    sizes = np.full(2000, 9)
    few, many = (len(list(pair_chunks(sizes, 128, BASE, ModelOptions(rc_memory_mb=mb)))) for mb in (512, 16))
    assert few < many


def test_chunks_are_as_large_as_the_budget_allows():
    sizes, options = np.full(2000, 9), ModelOptions(rc_memory_mb=16)
    first = next(pair_chunks(sizes, 128, BASE, options))
    assert (len(first) + 1) * 9 * bytes_per_row(BASE, 128, options) > options.rc_memory_mb * 2**20


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 7),
        ({"rc_compute": RcCompute.DENSE}, 100),
        ({"rc_mask": RcMask.CLS_FOCUSED, "num_task_blocks": 3}, 7),
        ({"rc_mask": RcMask.CLS_FOCUSED, "num_task_blocks": 4}, 100),
    ],
)
def test_rows_of_the_widest_block(changes, expected):
    options = dataclasses.replace(ModelOptions(), **changes)
    assert rows_per_pair(np.array([7]), 100, options).tolist() == [expected]
