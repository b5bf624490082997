import numpy as np
import pytest

from strtf.errors import StrtfError
from strtf.pretrained.variables import listing, pack_qkv, to_float32, translate

TABLE = {"word": "embedding/word", r"layer_(?P<layer>\d+)/(?P<kind>kernel|bias)": "{block}/output/{kind}"}
UNUSED = ("head/.*",)


def test_blocks_count_from_one():
    found, _ = translate(["layer_0/bias", "layer_11/kernel"], TABLE, UNUSED, "file")
    assert found == {"block_01/output/bias": "layer_0/bias", "block_12/output/kernel": "layer_11/kernel"}


def test_unused_variables_are_reported():
    assert translate(["word", "head/b", "head/a"], TABLE, UNUSED, "file")[1] == ("head/a", "head/b")


@pytest.mark.parametrize("name", ["words", "a/word", "layer_x/bias", "a/head/b"])
def test_a_name_must_match_as_a_whole(name):
    with pytest.raises(StrtfError, match=rf"^file must hold .* only\. Received: {name}\."):
        translate([name], TABLE, UNUSED, "file")


def test_two_variables_for_one_of_ours():
    with pytest.raises(StrtfError, match=r"one variable for block_01/output/bias\. Received: layer_0/bias and"):
        translate(["layer_0/bias", "layer_00/bias"], TABLE, UNUSED, "file")


def test_listing_is_capped():
    assert listing("abc") == "a, b, c"
    assert listing(map(str, range(13))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more"


def parts(**changes):
    sizes = {"query": (2, 2), "key": (2, 2), "value": (2, 2)} | changes
    values = zip(sizes.items(), (1.0, 2.0, 3.0), strict=True)
    return {f"block_01/{part}_kernel": np.full(size, value) for (part, size), value in values}


def test_query_key_value_stand_side_by_side():
    packed = pack_qkv(parts() | {"embedding/word": np.zeros(1)}, "file")
    assert sorted(packed) == ["block_01/qkv_kernel", "embedding/word"]
    np.testing.assert_array_equal(packed["block_01/qkv_kernel"], [[1, 1, 2, 2, 3, 3]] * 2)


def test_query_without_key():
    incomplete = {name: array for name, array in parts().items() if "key" not in name}
    with pytest.raises(StrtfError, match=r"Received: .*, block_01/key_kernel missing, block_01/value_kernel \(2, 2"):
        pack_qkv(incomplete, "file")


def test_query_and_key_of_two_shapes():
    with pytest.raises(StrtfError, match=r"of one shape\. Received: .* block_01/key_kernel \(3, 2\)"):
        pack_qkv(parts(key=(3, 2)), "file")


def test_integers_are_no_weights():
    with pytest.raises(StrtfError, match=r"^word in file must be one of float16, .*\. Received: int8\."):
        to_float32(np.zeros(2, np.int8), "word", "file")
