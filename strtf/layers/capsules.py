"""Capsules: squashing, routing by agreement, and the margin loss (Sabour et al. 2017, arXiv 1710.09829).

Axis letters beside those of `transformer_block.py`: I primary capsules · E their width · G width of a class's capsule.
"""

import keras
from keras import ops

# Sabour et al. 2017
PRESENT, ABSENT, ABSENT_WEIGHT = 0.9, 0.1, 0.5
ITERATIONS = 3
EPSILON = 1e-9  # under a square root: its derivative at 0 is infinite


def squash(vectors):
    """Eq. (1): keeps the direction; a vector of length l becomes one of l² / (1 + l²). [..., G] -> [..., G]."""
    square = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    return vectors * ops.sqrt(square + EPSILON) / (1.0 + square)


def route(votes, iterations=ITERATIONS):
    """Routing by agreement, Procedure 1.

    Args:
        votes: û [P, I, S, G], what each primary capsule predicts of each class's capsule.

    Returns:
        s [P, S, G], the weighted sums of votes before the last squashing.
    """
    agreement = ops.zeros_like(votes[..., 0])  # b [P, I, S]
    for iteration in range(iterations):
        coupling = ops.softmax(agreement, axis=-1)  # c [P, I, S]; each primary capsule's over the classes
        total = ops.sum(coupling[..., None] * votes, axis=1)  # s [P, S, G]
        if iteration + 1 < iterations:
            agreement = agreement + ops.sum(votes * squash(total)[:, None], axis=-1)
    return total


def margin_losses(lengths, labels):
    """Eq. (4), summed over classes: lengths [P, S] of the class capsules in 0..1, labels [P] -> [P]."""
    present = ops.one_hot(labels, lengths.shape[-1], dtype=lengths.dtype)  # [P, S]
    missed = ops.square(ops.maximum(0.0, PRESENT - lengths))
    false = ops.square(ops.maximum(0.0, lengths - ABSENT))
    return ops.sum(present * missed + ABSENT_WEIGHT * (1.0 - present) * false, axis=-1)


class ClassCapsules(keras.layers.Layer):
    """Primary capsules [P, I, E], squashed -> log(l² / …) of each class's capsule as logits [P, S] in float32.

    With s the capsule's vector before squashing, its length is l = |s|² / (1 + |s|²), so log |s|² = log(l / (1 - l)):
    the logit of the length. It grows with l, and `sigmoid` gives l back.

    Args:
        num_classes: S.
        size: G.
    """

    def __init__(self, num_classes, size, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.size = size

    def build(self, input_shape):
        _, number, width = input_shape
        # [I, E, S·G]; one product for each primary capsule
        shape = (number, width, self.num_classes * self.size)
        # the first coupling is 1 / S each: with this deviation a class's capsule begins about as long as a primary one
        initializer = keras.initializers.RandomNormal(stddev=self.num_classes * (number * width) ** -0.5)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=initializer)

    def call(self, primary):
        by_capsule = ops.transpose(primary, (1, 0, 2))  # [I, P, E]
        votes = ops.transpose(ops.matmul(by_capsule, self.kernel), (1, 0, 2))  # [P, I, S·G]
        shape = (-1, self.kernel.shape[0], self.num_classes, self.size)
        total = route(ops.reshape(votes, shape))  # [P, S, G]
        return ops.log(ops.sum(ops.square(total), axis=-1) + EPSILON)

    def get_config(self):
        return super().get_config() | {"num_classes": self.num_classes, "size": self.size}
