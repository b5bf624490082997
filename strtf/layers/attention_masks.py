"""MASK_rc of Eqs. (13) and (14), written out as [P, T, T]. Only the dense reference needs them in full.

All masks are bool, True = the row's token may attend to the column's token.
"""

from keras import ops

from strtf.config import RcMask


def pair_tokens(pair_rows, length):
    """Which tokens belong to S_p = {[CLS]} ∪ EN1 ∪ EN2.

    Args:
        pair_rows: [P, M] int32 token positions, -1 where padded.
        length: T.

    Returns:
        [P, T] bool.
    """
    return ops.any(pair_rows[:, :, None] == ops.arange(length)[None, None], axis=1)


def rc_mask_matrix(rc_mask, pair_rows, key_mask):
    """MASK_rc of every pair.

    Args:
        rc_mask: RcMask, which equation.
        pair_rows: [P, M] int32 token positions of S_p, -1 where padded.
        key_mask: [P, 1, T] bool, False for padding tokens.

    Returns:
        [P, T, T] bool. Under Eq. (14) the rows outside S_p have no key at all; nothing reads them.
    """
    focused = pair_tokens(pair_rows, ops.shape(key_mask)[2])  # [P, T]
    if rc_mask is RcMask.PAIR_FOCUSED:
        return focused[:, :, None] & focused[:, None, :]
    is_cls = (ops.arange(ops.shape(key_mask)[2]) == 0)[None, :, None]  # [1, T, 1]
    return (~is_cls & key_mask) | (is_cls & focused[:, None, :])
