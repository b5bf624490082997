import numpy as np
import pytest

from strtf.layers.str_encoder import StrEncoder

LENGTHS = np.int32([9, 6, 2])
IDS = np.random.default_rng(0).integers(5, 100, (3, 9), np.int32)


@pytest.fixture
def make_encoder(tiny_config, randomize):
    def make(num_task_blocks=2, dropout=0.0, dtype="float64"):
        encoder = StrEncoder(tiny_config, num_task_blocks, dropout, dtype=dtype)
        encoder.build((None, None))
        encoder.built = True
        return randomize(encoder)

    return make


def test_output_is_all_blocks_in_turn(make_encoder):
    encoder = make_encoder()
    rows = encoder.embedding(IDS[:1])
    for block in encoder.blocks:
        q, k, v = block.heads(block.project_qkv(rows), 3)
        rows = block.finish(rows, block.attend(q, k, v, np.ones((1, 1, 9), bool)))
    np.testing.assert_allclose(encoder(IDS[:1], LENGTHS[:1])["output"], rows, rtol=0, atol=1e-10)


def test_output_does_not_depend_on_k(make_encoder):
    outputs = [np.asarray(make_encoder(k)(IDS, LENGTHS)["output"]) for k in (0, 1, 3)]
    np.testing.assert_array_equal(outputs[1:], outputs[:1] * 2)


@pytest.mark.parametrize("num_task_blocks", [1, 2, 3])
def test_task_blocks_are_the_last(make_encoder, num_task_blocks):
    encoder = make_encoder(num_task_blocks)
    assert [block.name for block in encoder.task_blocks] == [f"block_{n:02d}" for n in range(4 - num_task_blocks, 4)]


def test_no_task_blocks(make_encoder):
    assert make_encoder(0).task_blocks == []


@pytest.mark.parametrize(
    ("num_task_blocks", "handed_on"),
    [(0, set()), (1, {"input_1", "qkv_1"}), (3, {"input_1", "qkv_1", "input_2", "qkv_2"})],
)
def test_hands_on_inputs_of_the_first_two_task_blocks(make_encoder, num_task_blocks, handed_on):
    states = make_encoder(num_task_blocks)(IDS, LENGTHS)
    assert states.keys() == handed_on | {"key_mask", "output"}


@pytest.mark.parametrize("stop_at", [1, 2])
def test_stops_once_the_block_is_projected(make_encoder, stop_at):
    encoder = make_encoder(3)
    stopped, whole = encoder(IDS, LENGTHS, stop_at=stop_at), encoder(IDS, LENGTHS)
    assert "output" not in stopped
    np.testing.assert_array_equal(stopped[f"qkv_{stop_at}"], whole[f"qkv_{stop_at}"])


def test_input_is_what_its_projection_was_made_of(make_encoder):
    encoder = make_encoder(3)
    states = encoder(IDS, LENGTHS)
    expected = encoder.task_blocks[1].project_qkv(states["input_2"])
    np.testing.assert_array_equal(states["qkv_2"], expected)


def test_padding_changes_no_real_token(make_encoder):
    encoder, changed = make_encoder(), np.pad(IDS, ((0, 0), (0, 3)), constant_values=7)
    changed[1, 6:], changed[2, 2:] = 11, 12
    plain, padded = (np.asarray(encoder(ids, LENGTHS)["output"]) for ids in (IDS, changed))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(plain[row, :length], padded[row, :length], rtol=0, atol=1e-12)


def test_key_mask_marks_real_tokens(make_encoder):
    np.testing.assert_array_equal(make_encoder()(IDS, LENGTHS)["key_mask"][:, 0].numpy().sum(axis=1), LENGTHS)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_finite_and_half(make_encoder, dtype):
    output = make_encoder(dtype=dtype)(IDS, LENGTHS)["output"]
    assert output.dtype == dtype.removeprefix("mixed_")
    assert np.isfinite(np.asarray(output, np.float32)).all()


def test_dropout_off_is_deterministic(make_encoder):
    encoder = make_encoder(dropout=0.5)
    np.testing.assert_array_equal(encoder(IDS, LENGTHS)["output"], encoder(IDS, LENGTHS)["output"])


def test_dropout_on_differs(make_encoder):
    encoder = make_encoder(dropout=0.5)
    first, second = (np.asarray(encoder(IDS, LENGTHS, training=True)["output"]) for _ in range(2))
    assert not np.array_equal(first, second)


def test_config_round_trip(make_encoder):
    config = make_encoder(3, dropout=0.2).get_config()
    assert StrEncoder.from_config(dict(config)).get_config() == config


@pytest.mark.parametrize("num_task_blocks", [-1, 4])
def test_k_out_of_range(tiny_config, num_task_blocks):
    with pytest.raises(ValueError, match=f"num_task_blocks must be in 0..3. Received: {num_task_blocks}"):
        StrEncoder(tiny_config, num_task_blocks)
