"""The estimate of what pairs take: more of anything takes more, and it decides what fits."""

import dataclasses

import numpy as np
import pytest

from strtf.config import ModelOptions, RcCompute, RcMask
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.memory import EvenMemory, PairMemory

BASE = EncoderConfig(vocabulary_size=100, num_blocks=12, hidden_size=768, num_heads=12, intermediate_size=3072)
OPTIONS = ModelOptions(rc_memory_mb=64)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("changes", [{}, {"rc_compute": RcCompute.DENSE}, {"rc_mask": RcMask.CLS_FOCUSED}])
def test_as_many_pairs_as_the_budget_holds(changes, training):
    memory = PairMemory(BASE, dataclasses.replace(OPTIONS, **changes), training)
    number = memory.pairs(9, 128)
    assert number > 1 or memory.bytes(np.full(2, 9), 128) > memory.budget
    assert memory.holds(np.full(number, 9), 128) or number == 1
    assert not memory.holds(np.full(number + 1, 9), 128)


def test_pairs_that_all_take_the_same_fit_by_number():
    memory = EvenMemory(OPTIONS, floats=2**10, floats_per_token=2**7)
    bytes_of_one = 4 * (2**10 + 128 * 2**7)
    assert memory.pairs(9, 128) == 64 * 2**20 // bytes_of_one
    assert memory.holds(np.full(memory.pairs(9, 128), 3), 128)
    assert not memory.holds(np.full(memory.pairs(9, 128) + 1, 3), 128)
    assert memory.pairs(9, 64) > memory.pairs(9, 128)


def test_one_pair_always_fits():
    assert PairMemory(BASE, ModelOptions(rc_memory_mb=16, rc_compute=RcCompute.DENSE)).pairs(500, 512) == 1


def test_no_pairs_fit():
    assert PairMemory(BASE, OPTIONS).holds(np.zeros(0, np.int64), 128)


def test_one_long_pair_among_short_ones_costs_slots_and_not_rows():
    memory, sizes = PairMemory(BASE, OPTIONS), np.full(50, 8)
    with_long = np.append(sizes, 40)
    assert memory.bytes(sizes, 128) < memory.bytes(with_long, 128) < memory.bytes(np.full(51, 40), 128)


@pytest.mark.parametrize(
    ("changes", "by_length"),
    [
        ({}, False),
        ({"rc_compute": RcCompute.DENSE}, True),
        ({"rc_mask": RcMask.CLS_FOCUSED, "num_task_blocks": 3}, False),
        ({"rc_mask": RcMask.CLS_FOCUSED, "num_task_blocks": 4}, True),
    ],
)
def test_the_widest_block_decides_whether_the_sentence_counts(changes, by_length):
    memory, sizes = PairMemory(BASE, dataclasses.replace(OPTIONS, **changes)), np.full(10, 9)
    assert (memory.bytes(sizes, 64) < memory.bytes(sizes, 128)) == by_length


def test_training_keeps_more():
    sizes, options = np.full(10, 9), dataclasses.replace(OPTIONS, num_task_blocks=4)
    assert PairMemory(BASE, options, training=True).bytes(sizes, 64) > 3 * PairMemory(BASE, options).bytes(sizes, 64)
