"""One BERT block, taken apart so that callers can run just the rows they need.

Every dense product works on rows [R, D]; only `attend` knows about sequences. Axis letters, one legend for
the whole code base:
  B sentences · T tokens incl. [CLS] and [SEP] · P entity pairs · M tokens that a pair attends to ·
  R rows of all pairs, packed · D hidden width · H heads · C tags · L layers of tags · S relation classes
"""

import keras
from keras import ops

from strtf.device import on_jax_accelerator
from strtf.layers.dropout import dropout
from strtf.layers.few_keys import MOST_KEYS, attend_to_few
from strtf.layers.gelu import gelu
from strtf.layers.precision import at_least_float32, wide_dtype

# Added to the scores of keys that may not be attended to. Finite: with a literal -inf a row without any key is
# NaN, and 0 · NaN reaches [CLS] one block later. Scores are float32, where -1e9 is representable.
MASKED_SCORE = -1e9

LAYER_NORM_EPSILON = 1e-12  # google-research/bert, modeling.py


class TransformerBlock(keras.layers.Layer):
    """Post-LayerNorm block of BERT, Eqs. (4) and (5) of the paper.

    Args:
        num_heads: H; must divide hidden_size.
        hidden_size: D.
        intermediate_size: width of the feed-forward layer.
        approximate_gelu: tanh form (Google's TF1 code) instead of erf (Hugging Face's "gelu").
        dropout: rate for attention probabilities and for both residual branches.
    """

    def __init__(self, num_heads, hidden_size, intermediate_size, approximate_gelu, dropout, **kwargs):
        super().__init__(**kwargs)
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size must be a multiple of num_heads. Received: {hidden_size}, {num_heads}")
        self.num_heads = num_heads
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.approximate_gelu = approximate_gelu
        self.dropout = dropout
        self.attention_output = keras.layers.Dense(hidden_size, dtype=self.dtype_policy, name="attention_output")
        self.attention_norm = layer_norm("attention_norm", self.dtype_policy)
        self.intermediate = keras.layers.Dense(intermediate_size, dtype=self.dtype_policy, name="intermediate")
        self.output_dense = keras.layers.Dense(hidden_size, dtype=self.dtype_policy, name="output")
        self.output_norm = layer_norm("output_norm", self.dtype_policy)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        width = self.hidden_size
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        # [query | key | value] side by side: one product where all three are needed, a slice where not
        self.qkv_kernel = self.add_weight(name="qkv_kernel", shape=(width, 3 * width), initializer=initializer)
        self.qkv_bias = self.add_weight(name="qkv_bias", shape=(3 * width,), initializer="zeros")
        self.attention_output.build((None, width))
        self.attention_norm.build((None, width))
        self.intermediate.build((None, width))
        self.output_dense.build((None, self.intermediate_size))
        self.output_norm.build((None, width))

    def project_qkv(self, rows):
        """Queries, keys and values side by side, [R, D] -> [R, 3D]."""
        return ops.matmul(rows, self.qkv_kernel) + self.qkv_bias

    def project_q(self, rows):
        """Queries only, [R, D] -> [R, D]."""
        width = self.hidden_size
        return ops.matmul(rows, self.qkv_kernel[:, :width]) + self.qkv_bias[:width]

    def project_kv(self, rows):
        """Keys and values side by side, [R, D] -> [R, 2D]."""
        width = self.hidden_size
        return ops.matmul(rows, self.qkv_kernel[:, width:]) + self.qkv_bias[width:]

    def heads(self, projections, count):
        """Takes apart `count` projections that lie side by side: [G, J, count·D] -> count × [G, J, H, D/H].

        G groups have J rows each. The heads stay where they lie: the products of `attend` say which axes they sum over,
        and the backend moves what it must.
        """
        groups, length = ops.shape(projections)[:2]
        head_size = self.hidden_size // self.num_heads
        # split, and not slices: the gradient of a slice writes as many zeros as all of them together hold
        parts = ops.split(projections, count, axis=-1)  # count × [G, J, D]
        return [ops.reshape(part, (groups, length, self.num_heads, head_size)) for part in parts]

    def attend(self, query, key, value, mask, training=False):
        """Multi-head attention of G independent groups.

        Args:
            query: [G, Q, H, D/H]; key, value: [G, J, H, D/H], see `heads`.
            mask: bool, True = may attend, broadcastable to [G, Q, J]. A row without any True is finite,
                and meaningless.

        Returns:
            The heads' contexts side by side, [G, Q, D], before the output projection.
        """
        if on_jax_accelerator() and not training and key.shape[1] <= MOST_KEYS:
            return attend_to_few(query, key, value, masked_bias(mask, wide_dtype(self.dtype_policy)))
        probabilities = self.probabilities(self.scores(query, key), mask, training)
        return self.contexts(probabilities, value)

    def attend_one(self, query, rows, mask, training=False):
        """Attention of one query a group over rows whose keys and values are never projected.

        The score q·(W_k x + b_k) is (W_kᵀ q)·x plus a term that is the same for all keys, which a softmax does not
        see; the context W_v (sum of p x) + b_v (sum of p) needs one projection of the averaged row. So W_k and W_v
        meet each query once instead of each of its J keys. The same numbers to rounding.

        Args:
            query: [G, D]; rows: [G, J, D], the block's input; mask: bool, broadcastable to [G, 1, J].

        Returns:
            [G, D], as `attend`.
        """
        width, head_size = self.hidden_size, self.hidden_size // self.num_heads
        kernel = ops.reshape(self.qkv_kernel, (width, 3, self.num_heads, head_size))
        key_kernel = ops.transpose(kernel[:, 1], (1, 2, 0))  # of each head: [H, D/H, D]
        value_kernel = ops.transpose(kernel[:, 2], (1, 0, 2))  # [H, D, D/H]
        by_head = ops.transpose(ops.reshape(query, (-1, self.num_heads, head_size)), (1, 0, 2))  # [H, G, D/H]
        back = ops.matmul(by_head * head_size**-0.5, key_kernel)  # [H, G, D]
        scores = ops.matmul(ops.transpose(back, (1, 0, 2)), ops.transpose(rows, (0, 2, 1)))  # [G, H, J]
        scores = at_least_float32(scores)[:, :, None]  # [G, H, 1, J]
        p = ops.cast(self.probabilities(scores, mask, training)[:, :, 0], rows.dtype)  # [G, H, J]
        averaged = ops.transpose(ops.matmul(p, rows), (1, 0, 2))  # [H, G, D]
        context = ops.transpose(ops.matmul(averaged, value_kernel), (1, 0, 2))  # [G, H, D/H]
        bias = ops.reshape(self.qkv_bias[2 * width :], (1, self.num_heads, head_size))
        # dropout leaves a sum of p other than 1
        context = ops.add(context, ops.multiply(ops.sum(p, axis=-1, keepdims=True), bias))
        return ops.reshape(context, (-1, width))

    def probabilities(self, scores, mask, training=False):
        """Masked softmax over the last axis, then dropout: [G, H, Q, J], mask as in `attend`."""
        return self.drop(ops.softmax(scores + masked_bias(mask, scores.dtype)[:, None]), training)

    def scores(self, query, key):
        """Scaled dot products, [G, Q, H, D/H], [G, J, H, D/H] -> [G, H, Q, J]; returned in float32 (or wider)."""
        head_size = self.hidden_size // self.num_heads
        return at_least_float32(ops.einsum("gqhd,gjhd->ghqj", query * head_size**-0.5, key))

    def contexts(self, probabilities, value):
        """Values averaged by each head, heads side by side: [G, H, Q, J], [G, J, H, D/H] -> [G, Q, D]."""
        context = ops.einsum("ghqj,gjhd->gqhd", ops.cast(probabilities, value.dtype), value)
        groups, length = ops.shape(context)[:2]
        return ops.reshape(context, (groups, length, self.hidden_size))

    def finish(self, rows, context, training=False):
        """Output projection, feed-forward and both residual branches: [R, D], [R, D] -> [R, D]."""
        attended = self.drop(self.attention_output(context), training)
        rows = self.attention_norm(rows + attended)  # Eq. (4)
        hidden = self.intermediate(rows)  # [R, intermediate_size]
        # TensorFlow fuses GELU with the product before it, but not where a gradient is wanted: then half precision
        # takes it longer than float32 and both casts together
        hidden = at_least_float32(hidden) if training else hidden
        hidden = gelu(hidden, self.approximate_gelu)
        return self.output_norm(rows + self.drop(self.output_dense(hidden), training))  # Eq. (5)

    def drop(self, x, training):
        """Dropout while training; dtype and shape unchanged."""
        if not training or not self.dropout:
            return x
        return dropout(x, self.dropout, self.seed_generator)

    def get_config(self):
        names = ("num_heads", "hidden_size", "intermediate_size", "approximate_gelu", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}


def masked_bias(mask, dtype):
    """0 where the bool mask allows, MASKED_SCORE elsewhere."""
    return (1.0 - ops.cast(mask, dtype)) * MASKED_SCORE


def layer_norm(name, policy):
    """BERT's LayerNorm, whose weights are float32 (or wider) under every dtype policy."""
    if policy.variable_dtype in ("bfloat16", "float16"):
        policy = f"mixed_{policy.variable_dtype}"
    return keras.layers.LayerNormalization(epsilon=LAYER_NORM_EPSILON, dtype=policy, name=name)
