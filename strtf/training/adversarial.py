"""The fast gradient method (`--fgm_epsilon`): where the table of word embeddings is moved to for a second gradient.

From Miyato, Dai & Goodfellow 2017 (arXiv 1605.07725). There each sentence's vectors, normalised, move by themselves;
here the table does, for all sentences of a batch together: one gradient that any system has. The step adds both.
It is that of the joint loss; with `--rc_gradient_share` the one in which each task's share is balanced.
"""

from keras import ops


def adversarial_shift(gradient, epsilon: float):
    """epsilon · g / ||g||, 0 where g = 0: what to add to the table, of which `gradient` is the loss's."""
    norm = ops.sqrt(ops.sum(ops.square(gradient)))
    return gradient * (epsilon / ops.maximum(norm, 1e-12))
