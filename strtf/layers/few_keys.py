"""Attention over a handful of keys, by sums instead of matrix products: for accelerators.

Kernels for matrix products and for attention are made for many rows; thousands of products of 9 by 64 by 9 numbers use
them badly, and need their heads moved first. As sums over what lies side by side, scores, softmax and contexts are few
and fused kernels (`benchmarks/README.md` has their times).
"""

from keras import ops

from strtf.layers.precision import at_least_float32

MOST_KEYS = 32  # the sums are written out key by key


def attend_to_few(query, key, value, bias):
    """Multi-head attention of G independent groups without dropout; axes as in `TransformerBlock.attend`.

    Args:
        query: [G, Q, H, D/H]; key, value: [G, J, H, D/H].
        bias: [G, Q or 1, J], float32 (or wider), added to the scores of all heads.

    Returns:
        The heads' contexts side by side, [G, Q, D].
    """
    groups, num_keys, num_heads, head_size = ops.shape(key)
    query = at_least_float32(query * head_size**-0.5)
    keys, values = ([at_least_float32(x[:, j : j + 1]) for j in range(num_keys)] for x in (key, value))
    scores = ops.stack([ops.sum(query * one, axis=-1) for one in keys], axis=2)  # [G, Q, J, H]
    probabilities = ops.softmax(scores + bias[..., None], axis=2)
    context = sum(probabilities[:, :, j, :, None] * one for j, one in enumerate(values))  # [G, Q, H, D/H]
    return ops.reshape(ops.cast(context, value.dtype), (groups, -1, num_heads * head_size))
